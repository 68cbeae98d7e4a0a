// 1,000 streams on 1,000 topics: time from publish to delivery; then 10,000 idle streams: memory of the node for each.
import { randomBytes } from 'node:crypto'
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import {
  Envelope,
  PublishRequest,
  SubscribeRequest,
} from '@xmtp-ts/proto/message_api/v1/message_api'
import { frame, onMessages } from './grpc.ts'
import { percentile, printMachine, printTable, startNode } from './support.ts'

const service = '/xmtp.message_api.v1.MessageApi'
const liveStreams = 1_000
const idleStreams = 10_000
const streamsPerConnection = 100
const publishes = 5_000
const publishGapMs = 1
const payloadBytes = 300

const topic = (index: number) => `/xmtp/0/m-${index.toString(16).padStart(64, '0')}/proto`

function request(session: ClientHttp2Session, method: string, message: Uint8Array) {
  const stream = session.request({
    ':method': 'POST',
    ':path': `${service}/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.on('error', () => undefined)
  stream.end(frame(message))
  return stream
}

/** Opens a stream and resolves when its headers are there. */
function subscribe(session: ClientHttp2Session, topics: string[]): Promise<ClientHttp2Stream> {
  const message = SubscribeRequest.encode({
    contentTopics: topics,
    resume: false,
    resumeAfter: new Uint8Array(),
  }).finish()
  const stream = request(session, 'Subscribe', message)
  return new Promise((resolve, reject) => {
    stream.once('response', () => resolve(stream))
    stream.once('close', () => reject(new Error('The stream did not open.')))
  })
}

const sessionsFor = (url: string, streams: number) =>
  Array.from({ length: Math.ceil(streams / streamsPerConnection) }, () => http2.connect(url))

async function delivery(store: 'memory' | 'sqlite') {
  await using node = await startNode(store)
  const sessions = sessionsFor(node.url, liveStreams)
  const sentAt = new Map<string, number>()
  const millis: number[] = []
  let wake: (() => void) | undefined
  for (let index = 0; index < liveStreams; index += 1) {
    const session = sessions[Math.floor(index / streamsPerConnection)]!
    onMessages(await subscribe(session, [topic(index)]), (message) => {
      const key = Buffer.from(Envelope.decode(message).message.subarray(0, 8)).toString('hex')
      millis.push(performance.now() - (sentAt.get(key) ?? 0))
      if (millis.length === publishes) wake?.()
    })
  }
  const publisher = http2.connect(node.url)
  const allHere = new Promise<void>((resolve) => (wake = resolve))
  const cpuBefore = await node.cpuMicros()
  for (let index = 0; index < publishes; index += 1) {
    const message = randomBytes(payloadBytes)
    sentAt.set(message.subarray(0, 8).toString('hex'), performance.now())
    request(
      publisher,
      'Publish',
      PublishRequest.encode({
        envelopes: [
          {
            contentTopic: topic(index % liveStreams),
            timestampNs: BigInt(Date.now()) * 1_000_000n,
            message,
            resumeToken: new Uint8Array(),
          },
        ],
      }).finish(),
    ).resume()
    await new Promise((resolve) => setTimeout(resolve, publishGapMs))
  }
  await allHere
  const cpu = (await node.cpuMicros()) - cpuBefore
  for (const session of [...sessions, publisher]) session.destroy()
  return {
    store,
    streams: liveStreams,
    publishes,
    'p50 ms': percentile(millis, 0.5),
    'p99 ms': percentile(millis, 0.99),
    'max ms': percentile(millis, 1),
    'node CPU µs/publish': cpu / publishes,
  }
}

async function idle() {
  await using node = await startNode('memory')
  const before = await node.residentBytes()
  const sessions = sessionsFor(node.url, idleStreams)
  for (let index = 0; index < idleStreams; index += streamsPerConnection)
    await Promise.all(
      Array.from({ length: streamsPerConnection }, (_, offset) =>
        subscribe(sessions[index / streamsPerConnection]!, [topic(index + offset)]),
      ),
    )
  const after = await node.residentBytes()
  for (const session of sessions) session.destroy()
  return {
    'idle streams': idleStreams,
    connections: sessions.length,
    'MB before': before / 1e6,
    'MB with them': after / 1e6,
    'kB per stream': (after - before) / idleStreams / 1e3,
  }
}

printMachine()
console.log(
  `Delivery: a ${payloadBytes}-byte envelope every ${publishGapMs} ms or more, one stream per topic\n`,
)
printTable([await delivery('memory'), await delivery('sqlite')])
printTable([await idle()])
process.exit(0)
