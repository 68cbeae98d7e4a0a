// `npm run bench -- NAME [ARGUMENTS]`: builds, then runs one benchmark; without a name, says which there are.
import { fileURLToPath } from 'node:url'
import { build, run } from '../scripts/install.mjs'

const benchmarks = {
  open: 'dist/open.bench.js',
  publish: 'dist/publish.bench.js',
  streams: 'dist/streams.bench.js',
  'v3-node': 'dist/v3-node.bench.js',
  'v3-client': 'dist/v3-client.bench.js',
  mls: 'mls/bench.mjs',
}

const [name, ...rest] = process.argv.slice(2)
const file = Object.hasOwn(benchmarks, name ?? '') ? benchmarks[name] : undefined
if (file === undefined) {
  console.log(`npm run bench -- ${Object.keys(benchmarks).join(' | ')}`)
  process.exit(name === undefined ? 0 : 2)
}
build('bench', 'packages/cli', 'packages/mls/tsconfig.node.json')
run(process.execPath, ['--expose-gc', fileURLToPath(new URL(file, import.meta.url)), ...rest])
