// `npm run docs:errors`: writes docs/errors.md from the table of codes.
import { writeFileSync } from 'node:fs'
import { build, ensureInstalled, root } from './install.mjs'

ensureInstalled()
build('packages/protocol')
const { errorCodes } = await import('@xmtp-ts/protocol')
const rows = Object.entries(errorCodes).map(
  ([code, { retry, fix }]) => `| \`${code}\` | ${retry ? 'yes' : 'no'} | ${fix} |`,
)
writeFileSync(
  `${root}/docs/errors.md`,
  `# Errors

Every error of the project is an \`XmtpError\`. Its \`code\` is the contract and never changes its meaning; the text may change.
\`retry\` says whether the same call may succeed later without a change. \`details\` holds public values, never secrets.

| code | retry | what to do |
| --- | --- | --- |
${rows.join('\n')}
`,
)
