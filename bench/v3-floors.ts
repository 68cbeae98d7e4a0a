import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { decodeMessage } from '@xmtp-ts/mls'
import { SendGroupMessagesRequest } from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { connect, openStream } from './grpc.ts'
import { percentile } from './support.ts'
import { inbox, sendRequest } from './v3-requests.ts'

async function openTable() {
  const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-bench-'))
  const { DatabaseSync } = await import('@photostructure/sqlite')
  const database = new DatabaseSync(join(folder, 'floor.sqlite'))
  database.exec(`PRAGMA page_size = 8192; PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
    CREATE TABLE entry (sequence INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL,
      digest BLOB NOT NULL, created_us INTEGER NOT NULL, payload BLOB NOT NULL);
    CREATE UNIQUE INDEX entry_digest ON entry (topic, digest);
    CREATE INDEX entry_topic ON entry (topic);`)
  const insert = database.prepare(
    'INSERT INTO entry (topic, digest, created_us, payload) VALUES (?, ?, ?, ?)',
  )
  const close = (): void => {
    database.close()
    rmSync(folder, { recursive: true })
  }
  return { database, insert, close }
}

/** One process that parses requests and inserts their messages, with the table and the settings of the node's store. */
export async function bareInserts(batch: number, seconds: number) {
  const { database, insert, close } = await openTable()
  const requests = Array.from({ length: 20_000 / batch }, () => sendRequest(batch))
  const untilMs = performance.now() + seconds * 1_000
  const before = { at: performance.now(), cpu: process.cpuUsage() }
  let rows = 0
  while (performance.now() < untilMs) {
    const request = requests[(rows / batch) % requests.length]!
    const { messages } = SendGroupMessagesRequest.decode(request)
    database.exec('BEGIN IMMEDIATE')
    for (const { version } of messages) {
      const { data } = version!.value
      decodeMessage(data)
      // The row number makes what is sent again new.
      const digest = createHash('sha256').update(data).update(String(rows)).digest()
      insert.run(rows % 1_000, digest, rows, data)
      rows += 1
    }
    database.exec('COMMIT')
  }
  const elapsed = (performance.now() - before.at) / 1_000
  const cpu = process.cpuUsage(before.cpu)
  close()
  return {
    what: `parsed and inserted, ${batch} per transaction`,
    'messages/s': rows / elapsed,
    'CPU µs/message': (cpu.user + cpu.system) / rows,
  }
}

/** One process that verifies an update's signatures and inserts it in a transaction of its own. */
export async function bareIdentity() {
  const { database, insert, close } = await openTable()
  const { next } = inbox(99)
  const updates = Array.from({ length: 300 }, next).map((update) => ({
    update,
    bytes: v3.encodeIdentityUpdate(update),
  }))
  const millis: number[] = []
  const cpuBefore = process.cpuUsage()
  for (const [index, { update, bytes }] of updates.entries()) {
    const startedMs = performance.now()
    v3.verifyIdentityUpdate(update)
    database.exec('BEGIN IMMEDIATE')
    insert.run(1, createHash('sha256').update(bytes).digest(), index, bytes)
    database.exec('COMMIT')
    millis.push(performance.now() - startedMs)
  }
  const cpu = process.cpuUsage(cpuBefore)
  close()
  return {
    what: 'verified and inserted, nothing else',
    'p50 ms': percentile(millis, 0.5),
    'p99 ms': percentile(millis, 0.99),
    'CPU µs/update': (cpu.user + cpu.system) / updates.length,
  }
}

/** A server that answers headers and keeps the stream open, by node:http2 alone. */
const bareServer = `
const server = require('node:http2').createServer({ settings: { maxConcurrentStreams: 20000 } })
server.on('stream', (stream) => { stream.on('error', () => {}); stream.resume()
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }) })
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
require('node:readline').createInterface({ input: process.stdin })
  .on('line', () => console.log(process.memoryUsage().rss))
`

export async function bareHttp2(streams: number, perConnection: number) {
  const child = spawn(process.execPath, ['-e', bareServer], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<number> => Number((await lines.next()).value)
  const resident = (): Promise<number> => {
    child.stdin.write('\n')
    return line()
  }
  const url = `http://127.0.0.1:${await line()}`
  const before = await resident()
  const sessions = await Promise.all(
    Array.from({ length: streams / perConnection }, () => connect(url)),
  )
  for (const session of sessions)
    await Promise.all(
      Array.from({ length: perConnection }, async () => {
        const stream = await openStream(session, '/open', { message: Buffer.alloc(0) })
        stream.resume()
      }),
    )
  const after = await resident()
  for (const session of sessions) session.destroy()
  child.kill()
  return {
    what: 'node:http2 alone',
    streams,
    'kB per stream': (after - before) / streams / 1e3,
  }
}
