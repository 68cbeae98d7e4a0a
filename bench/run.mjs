// `npm run bench -- NAME [ARGUMENTS]`: builds, then runs dist/NAME.js; without a name, says which there are.
import { existsSync, readdirSync } from 'node:fs'
import { build, run } from '../scripts/install.mjs'

build('bench', 'packages/cli', 'packages/mls/tsconfig.node.json')
const [name, ...rest] = process.argv.slice(2)
const file = new URL(`dist/${name}.js`, import.meta.url)
if (name === undefined || !existsSync(file)) {
  const names = readdirSync(new URL('.', import.meta.url))
    .filter((entry) => entry.endsWith('.bench.ts'))
    .map((entry) => entry.replace(/\.ts$/, ''))
  console.log(`npm run bench -- ${names.join(' | ')}`)
  process.exit(name === undefined ? 0 : 2)
}
run(process.execPath, ['--expose-gc', file.pathname, ...rest])
