// `npm run check`: format, lint, types, unused code, and whether the generated code is current.
import { readFileSync, readdirSync } from 'node:fs'
import { ensureInstalled, root, run } from './install.mjs'

ensureInstalled()
const bin = (name) => `${root}/node_modules/.bin/${name}`

run(bin('oxfmt'), ['--check'])
run(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-b', '--force'])
run(bin('oxlint'), ['--type-aware', '--deny-warnings', 'packages', 'test', 'bench', 'scripts'])
run(bin('knip'), [])

const generated = () => {
  const folder = `${root}/packages/proto/src/gen`
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.name}\n${readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8')}`)
    .join('\n')
}
const before = generated()
run('npm', ['run', '--silent', 'generate'])
if (generated() !== before) {
  console.error('packages/proto/src/gen was not current; commit what is there now.')
  process.exit(1)
}
console.log('check: all good')
