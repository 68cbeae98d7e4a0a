// Writes batches to a record store until it is killed: `node record-writer.mjs STORE NAME COUNT`. Prints a line for
// each batch that was written; stops by itself after COUNT of them.
import { openSqliteRecords } from '../../packages/client/dist/store/sqlite-records.js'

const [path, name, count] = process.argv.slice(2)
const store = await openSqliteRecords(path)
for (let batch = 1; batch <= Number(count); batch += 1) {
  const value = new Uint8Array(2_000).fill(batch)
  const put = ['a', 'b', 'c'].map((key) => ({ key: `${name}/${key}/${batch}`, value }))
  await store.write({ put, append: [{ prefix: 'all/', value: new TextEncoder().encode(name) }] })
  console.log(batch)
}
await store[Symbol.asyncDispose]()
