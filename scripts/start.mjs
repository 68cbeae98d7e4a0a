// `npm start`: installs what is missing, builds what has changed, runs a node on a store in ./.xmtp-ts.
import { build, ensureInstalled, root } from './install.mjs'

ensureInstalled()
build('packages/cli')
process.argv.splice(2, 0, 'node', '--data', `${root}/.xmtp-ts`)
await import('../packages/cli/bin/xmtp-ts.js')
