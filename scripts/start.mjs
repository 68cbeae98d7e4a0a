// `npm start`: installs what is missing, builds what has changed, runs a node on a store in ./.xmtp-ts.
import { build, ensureInstalled, root } from './install.mjs'

ensureInstalled()
build('packages/cli')
const namesStore = process.argv.some((flag) => /^--(?:data|memory|config)\b/.test(flag))
process.argv.splice(2, 0, 'node', ...(namesStore ? [] : ['--data', `${root}/.xmtp-ts`]))
await import('../packages/cli/bin/xmtp-ts.js')
