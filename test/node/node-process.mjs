// A node in a process of its own, for tests that kill it: `node node-process.mjs STORE`. Prints where it listens.
import { createNode, openSqliteLog } from '@xmtp-ts/node'

const node = await createNode({
  log: await openSqliteLog(process.argv[2]),
  listen: [{ host: '127.0.0.1', port: 0 }],
})
console.log(node.listen[0])
