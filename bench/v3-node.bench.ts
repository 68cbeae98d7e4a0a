// V3 on the node: publishing, delivery, order under load, identity, idle streams; each beside a floor of the same run.
import type { ClientHttp2Session } from 'node:http2'
import {
  GroupMessage,
  SubscribeGroupMessagesRequest,
  SubscribeRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { call, connect, onMessages, openStream } from './grpc.ts'
import { percentile, printMachine, printTable, startNode, type BenchNode } from './support.ts'
import { bareHttp2, bareIdentity, bareInserts } from './v3-floors.ts'
import { groupId, identityPaths, inbox, mls, sendRequest, subscribeRequest } from './v3-requests.ts'

const seconds = Number(process.argv[2] ?? 4)
const connections = 64
const streamsPerConnection = 100

async function sessionsFor(url: string, streams: number): Promise<ClientHttp2Session[]> {
  const count = Math.ceil(streams / streamsPerConnection)
  return Promise.all(Array.from({ length: count }, () => connect(url)))
}

/** CPU microseconds of the node while something runs. */
async function cpuOf(node: BenchNode, run: () => Promise<void>): Promise<number> {
  const before = await node.cpuMicros()
  await run()
  return (await node.cpuMicros()) - before
}

async function publish(perRequest: number) {
  await using node = await startNode('sqlite')
  const sessions = await Promise.all(Array.from({ length: connections }, () => connect(node.url)))
  let requests = 0
  const run = async (untilMs: number) => {
    requests = 0
    const write = async (session: ClientHttp2Session) => {
      while (performance.now() < untilMs) {
        await call(session, `${mls}/SendGroupMessages`, sendRequest(perRequest))
        requests += 1
      }
    }
    await Promise.all(sessions.map(write))
  }
  await run(performance.now() + 1_000)
  const startedMs = performance.now()
  const cpu = await cpuOf(node, () => run(startedMs + seconds * 1_000))
  const messages = requests * perRequest
  for (const session of sessions) session.destroy()
  return {
    what: `published, ${perRequest} per request`,
    'messages/s': (messages / (performance.now() - startedMs)) * 1_000,
    'CPU µs/message': cpu / messages,
  }
}

async function delivery(streams: number) {
  await using node = await startNode('sqlite')
  const sessions = await sessionsFor(node.url, streams)
  const sentAt = new Map<bigint, number>()
  const delivered: number[] = []
  const acknowledged: number[] = []
  let arrived: (() => void) | undefined
  for (const [index, session] of sessions.entries())
    await Promise.all(
      Array.from({ length: streamsPerConnection }, async (_, offset) => {
        const message = subscribeRequest([index * streamsPerConnection + offset])
        const stream = await openStream(session, `${mls}/SubscribeGroupMessages`, { message })
        onMessages(stream, (bytes) => {
          const { data } = GroupMessage.decode(bytes).version!.value
          const sent = Buffer.from(data).readBigUInt64BE(data.length - 8)
          delivered.push(performance.now() - (sentAt.get(sent) ?? 0))
          arrived?.()
        })
      }),
    )
  const publisher = await connect(node.url)
  const count = 3_000
  const cpu = await cpuOf(node, async () => {
    for (let index = 0; index < count; index += 1) {
      const group = (index * 7_919) % streams
      const tag = BigInt(index)
      const hasArrived = new Promise<void>((resolve) => (arrived = resolve))
      const startedMs = performance.now()
      sentAt.set(tag, startedMs)
      await call(publisher, `${mls}/SendGroupMessages`, sendRequest(1, { group, tag }))
      acknowledged.push(performance.now() - startedMs)
      if (delivered.length <= index) await hasArrived
    }
  })
  for (const session of [...sessions, publisher]) session.destroy()
  return {
    streams,
    messages: count,
    'p50 ms': percentile(delivered, 0.5),
    'p99 ms': percentile(delivered, 0.99),
    'acknowledged p50 ms': percentile(acknowledged, 0.5),
    'acknowledged p99 ms': percentile(acknowledged, 0.99),
    'CPU µs/message': cpu / count,
  }
}

async function order() {
  const [writers, groups, perWriter, perRequest] = [64, 200, 10_000, 20]
  await using node = await startNode('sqlite')
  const reader = await connect(node.url)
  const all = Array.from({ length: groups }, (_, index) => index)
  const stream = await openStream(reader, `${mls}/SubscribeGroupMessages`, {
    message: subscribeRequest(all),
  })
  const total = writers * perWriter
  const seen = new Set<bigint>()
  const newest = new Map<string, bigint>()
  let doubles = 0
  let disorder = 0
  const allHere = new Promise<void>((resolve) => {
    onMessages(stream, (bytes) => {
      const { id, groupId: group } = GroupMessage.decode(bytes).version!.value
      const key = Buffer.from(group).toString('latin1')
      if (seen.has(id)) doubles += 1
      if (id <= (newest.get(key) ?? 0n)) disorder += 1
      seen.add(id)
      newest.set(key, id)
      if (seen.size === total) resolve()
    })
  })
  const sessions = await Promise.all(Array.from({ length: writers }, () => connect(node.url)))
  const startedMs = performance.now()
  const cpu = await cpuOf(node, async () => {
    await Promise.all(
      sessions.map(async (session, writer) => {
        for (let sent = 0; sent < perWriter; sent += perRequest) {
          const group = (writer * 31 + (sent / perRequest) * 7) % groups
          await call(session, `${mls}/SendGroupMessages`, sendRequest(perRequest, { group }))
        }
      }),
    )
    await allHere
  })
  const elapsedMs = performance.now() - startedMs
  for (const session of [...sessions, reader]) session.destroy()
  return {
    writers,
    groups,
    messages: total,
    delivered: seen.size,
    doubles,
    'out of order': disorder,
    'delivered/s': (total / elapsedMs) * 1_000,
    'CPU µs/message': cpu / total,
  }
}

async function identity(length: number) {
  await using node = await startNode('sqlite')
  const session = await connect(node.url)
  const inboxes = Array.from({ length: 10 }, (_, index) => inbox(index))
  // Nothing of what is timed is signed in it.
  const measured = 20
  for (const { requests } of inboxes)
    for (const request of requests(length)) await call(session, identityPaths.publish, request)
  const next = inboxes.map(({ requests }) => requests(measured))
  const millis: number[] = []
  const cpu = await cpuOf(node, async () => {
    for (const requests of next)
      for (const request of requests) {
        const startedMs = performance.now()
        await call(session, identityPaths.publish, request)
        millis.push(performance.now() - startedMs)
      }
  })
  session.destroy()
  return {
    what: `behind ${length} updates`,
    'p50 ms': percentile(millis, 0.5),
    'p99 ms': percentile(millis, 0.99),
    'CPU µs/update': cpu / millis.length,
  }
}

async function idle(method: 'SubscribeGroupMessages' | 'Subscribe') {
  const streams = 10_000
  await using node = await startNode('memory')
  const message = (index: number): Uint8Array =>
    method === 'Subscribe'
      ? SubscribeRequest.encode({
          version: {
            $case: 'v1',
            value: {
              request: {
                $case: 'mutate',
                value: {
                  adds: [{ topic: Buffer.concat([Buffer.of(0), groupId(index)]), idCursor: 0n }],
                  removes: [],
                  historyOnly: false,
                  mutateId: 1n,
                },
              },
            },
          },
        }).finish()
      : SubscribeGroupMessagesRequest.encode({
          filters: [{ groupId: groupId(index), idCursor: 0n }],
        }).finish()
  const before = await node.residentBytes()
  const sessions = await sessionsFor(node.url, streams)
  for (const [index, session] of sessions.entries())
    await Promise.all(
      Array.from({ length: streamsPerConnection }, async (_, offset) => {
        const stream = await openStream(session, `${mls}/${method}`, {
          message: message(index * streamsPerConnection + offset),
          isOpen: method === 'Subscribe',
        })
        stream.resume()
      }),
    )
  const after = await node.residentBytes()
  for (const session of sessions) session.destroy()
  return { what: method, streams, 'kB per stream': (after - before) / streams / 1e3 }
}

printMachine()
console.log(`Group messages of 219 bytes, ${connections} connections, ${seconds} s each\n`)
printTable([
  await publish(1),
  await publish(10),
  await publish(100),
  await bareInserts(1, seconds),
  await bareInserts(10, seconds),
  await bareInserts(100, seconds),
  await bareInserts(640, seconds),
])
console.log('From the call to its delivery, one message at a time, one stream per group\n')
printTable([await delivery(1_000), await delivery(10_000)])
console.log('Each id once, in order per group, on one stream of all groups; 20 per request\n')
printTable([await order()])
console.log('An update with a wallet and an installation signature, one after the other\n')
printTable([await identity(1), await identity(50), await identity(200), await bareIdentity()])
console.log('Resident memory of the node per open stream, over 100 connections\n')
printTable([
  await idle('SubscribeGroupMessages'),
  await idle('Subscribe'),
  await bareHttp2(10_000, streamsPerConnection),
])
process.exit(0)
