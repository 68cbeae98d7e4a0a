// A node in a process of its own, for tests that kill it: `node node-process.mjs STORE [PORT]`. Prints where it listens.
import { createNode, openSqliteStore } from '../../packages/node/dist/index.js'

const [store, port = '0'] = process.argv.slice(2)
const node = await createNode({
  ...(await openSqliteStore(store)),
  listen: [{ host: '127.0.0.1', port: Number(port) }],
})
console.log(node.listen[0])
