// `npm test`: installs what is missing, builds what has changed (some tests run the built programs), runs every test.
import { build, ensureInstalled, root, run } from './install.mjs'

ensureInstalled()
build('packages/cli', 'packages/mls/tsconfig.node.json')
run(process.execPath, [`${root}/node_modules/vitest/vitest.mjs`, 'run', ...process.argv.slice(2)])
