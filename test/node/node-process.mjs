// A node in a process of its own, for tests that kill it: `node node-process.mjs STORE`. Prints where it listens.
import { createNode, openSqliteStore } from '@xmtp-ts/node'

const node = await createNode({
  ...(await openSqliteStore(process.argv[2])),
  listen: [{ host: '127.0.0.1', port: 0 }],
})
console.log(node.listen[0])
