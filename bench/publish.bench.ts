// Durable publish, 64 connections, 300-byte payloads: requests per second and CPU of the node per request, next to the
// same API in memory, and to a bare batched insert loop on a SQLite file of the same shape (the limit).
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import http2 from 'node:http2'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PublishRequest } from '@xmtp-ts/proto/message_api/v1/message_api'
import { printMachine, printTable, startNode } from './support.ts'

const connections = 64
const payloadBytes = 300
const topics = 1_000
const path = '/xmtp.message_api.v1.MessageApi/Publish'
const seconds = Number(process.argv[2] ?? 5)

/** A gRPC frame with `envelopes` new envelopes. */
function publishFrame(envelopes: number): Buffer {
  const message = PublishRequest.encode({
    envelopes: Array.from({ length: envelopes }, () => ({
      contentTopic: `/xmtp/0/m-${Math.floor(Math.random() * topics)
        .toString(16)
        .padStart(64, '0')}/proto`,
      timestampNs: BigInt(Date.now()) * 1_000_000n,
      message: randomBytes(payloadBytes),
      resumeToken: new Uint8Array(),
    })),
  }).finish()
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

type Sender = { send(frame: Buffer): Promise<void>; close(): void }

/** gRPC over HTTP/2, one session. */
async function grpcSender(url: string): Promise<Sender> {
  const { hostname, port } = new URL(url)
  const session = http2.connect(url, {
    createConnection: () => net.connect({ host: hostname, port: Number(port), noDelay: true }),
  })
  await new Promise((resolve) => session.once('connect', resolve))
  const headers = {
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  }
  return {
    send: (frame) =>
      new Promise((resolve, reject) => {
        const stream = session.request(headers)
        let status: unknown
        stream.on('trailers', (trailers) => (status = trailers['grpc-status']))
        stream.on('response', (head) => (status ??= head['grpc-status']))
        stream.on('close', () =>
          status === '0' ? resolve() : reject(new Error(`grpc-status ${String(status)}`)),
        )
        stream.resume()
        stream.end(frame)
      }),
    close: () => session.close(),
  }
}

/** gRPC-Web over HTTP/1.1 on a bare socket: next to no work for the client, so that the node is the limit. */
async function webSender(url: string): Promise<Sender> {
  const { hostname, port } = new URL(url)
  const socket = net.connect(Number(port), hostname)
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.setNoDelay(true)
  let answered: ((ok: boolean) => void) | undefined
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    const trailer = /grpc-status: ?(\d+)/i.exec(received)
    if (trailer === null || !received.endsWith('\r\n')) return
    received = ''
    answered?.(trailer[1] === '0')
  })
  return {
    send: (frame) =>
      new Promise((resolve, reject) => {
        answered = (ok) => (ok ? resolve() : reject(new Error('grpc-status is not 0')))
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: ${frame.length}\r\n\r\n`,
        )
        socket.write(frame)
      }),
    close: () => socket.destroy(),
  }
}

async function load(store: 'memory' | 'sqlite', protocol: 'gRPC' | 'gRPC-Web', perRequest: number) {
  await using node = await startNode(store)
  const open = protocol === 'gRPC' ? grpcSender : webSender
  const senders = await Promise.all(Array.from({ length: connections }, () => open(node.url)))
  let requests = 0
  const run = async (untilMs: number) => {
    requests = 0
    await Promise.all(
      senders.map(async (sender) => {
        while (performance.now() < untilMs) {
          await sender.send(publishFrame(perRequest))
          requests += 1
        }
      }),
    )
  }
  await run(performance.now() + 1_000)
  const before = { cpu: await node.cpuMicros(), at: performance.now(), own: process.cpuUsage() }
  await run(performance.now() + seconds * 1_000)
  const elapsed = (performance.now() - before.at) / 1_000
  const nodeCpu = (await node.cpuMicros()) - before.cpu
  const own = process.cpuUsage(before.own)
  for (const sender of senders) sender.close()
  return {
    what: `${protocol}, ${store}, ${perRequest} per request`,
    'requests/s': requests / elapsed,
    'envelopes/s': (requests * perRequest) / elapsed,
    'node CPU µs/request': nodeCpu / requests,
    'node CPU µs/envelope': nodeCpu / requests / perRequest,
    'client busy %': ((own.user + own.system) / 1e4 / elapsed) | 0,
  }
}

/** The limit: one process that does nothing but insert, with the settings and the table of the node's store. */
async function floor(batch: number) {
  const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-bench-'))
  const { DatabaseSync } = await import('@photostructure/sqlite')
  const database = new DatabaseSync(join(folder, 'floor.sqlite'))
  database.exec(`PRAGMA page_size = 8192; PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE envelope (sequence INTEGER PRIMARY KEY, topic INTEGER NOT NULL, position BLOB NOT NULL, payload BLOB NOT NULL);
    CREATE UNIQUE INDEX envelope_place ON envelope (topic, position);`)
  const insert = database.prepare(
    'INSERT INTO envelope (topic, position, payload) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const untilMs = performance.now() + seconds * 1_000
  const before = { at: performance.now(), cpu: process.cpuUsage() }
  let rows = 0
  while (performance.now() < untilMs) {
    database.exec('BEGIN IMMEDIATE')
    for (let index = 0; index < batch; index += 1)
      insert.run(rows++ % topics, randomBytes(40), randomBytes(payloadBytes))
    database.exec('COMMIT')
  }
  const elapsed = (performance.now() - before.at) / 1_000
  const cpu = process.cpuUsage(before.cpu)
  database.close()
  rmSync(folder, { recursive: true })
  return {
    what: `bare inserts, ${batch} per transaction`,
    'requests/s': rows / batch / elapsed,
    'envelopes/s': rows / elapsed,
    'node CPU µs/request': ((cpu.user + cpu.system) / rows) * batch,
    'node CPU µs/envelope': (cpu.user + cpu.system) / rows,
    'client busy %': 0,
  }
}

printMachine()
console.log(
  `Publish: ${connections} connections, ${payloadBytes}-byte payloads, ${seconds} s each\n`,
)
const rows: Awaited<ReturnType<typeof load>>[] = []
for (const protocol of ['gRPC', 'gRPC-Web'] as const)
  for (const store of ['memory', 'sqlite'] as const) rows.push(await load(store, protocol, 1))
for (const perRequest of [10, 100]) rows.push(await load('sqlite', 'gRPC', perRequest))
for (const batch of [1, 64, 640]) rows.push(await floor(batch))
printTable(rows)
