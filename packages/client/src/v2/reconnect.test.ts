import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createNode, openMemoryLog, openSqliteLog, type Node } from '@xmtp-ts/node'
import { Envelope } from '@xmtp-ts/proto/message_api/v1/message_api'
import { grpcWebTransport } from '../transport/grpc-web.ts'
import { memoryTransport } from '../transport/memory.ts'
import type { Transport } from '../transport/transport.ts'
import { Client } from './client.ts'
import type { DecodedMessage } from './message.ts'

const walletKey = (number: number) => number.toString(16).padStart(64, '0')

/** What a test opened, closed in reverse. */
const opened: AsyncDisposable[] = []

afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]()
})

function keep<T extends AsyncDisposable>(one: T): T {
  opened.push(one)
  return one
}

async function startNode(): Promise<Node> {
  const listen = [{ host: '127.0.0.1', port: 0 }]
  return keep(await createNode({ log: openMemoryLog(), listen }))
}

/** A TCP proxy whose connections can be cut, as a bad line cuts them. */
async function startProxy(target: string) {
  const sockets = new Set<Socket>()
  let port = Number(new URL(target).port)
  const server = createServer((socket) => {
    const upstream = connect(port, '127.0.0.1')
    for (const one of [socket, upstream]) {
      sockets.add(one)
      one
        .on('error', () => undefined)
        .on('close', () => {
          socket.destroy()
          upstream.destroy()
          sockets.delete(one)
        })
    }
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  keep({
    async [Symbol.asyncDispose]() {
      server.close()
      cut()
    },
  })
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    cut,
    redirect: (url: string) => {
      port = Number(new URL(url).port)
    },
  }
}

async function open(number: number, transport: Transport): Promise<Client> {
  return keep(await Client.create(walletKey(number), { transport }))
}

const direct = (node: Node) => memoryTransport(node.memory())

/** Reads a stream until `last` has come, and a moment more: doubles would come right behind. */
async function readUntil(stream: AsyncIterable<DecodedMessage>, last: string): Promise<string[]> {
  const texts: string[] = []
  for await (const { content } of stream) {
    texts.push(String(content))
    if (content === last) return texts
  }
  return texts
}

/** Takes messages up to `last`, and leaves the stream open. */
async function readThrough(
  stream: AsyncIterator<DecodedMessage>,
  last: string | undefined,
): Promise<string[]> {
  const texts: string[] = []
  while (texts.at(-1) !== last) texts.push(String((await stream.next()).value.content))
  return texts
}

/** A generator of test sequences: same seed, same cuts. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `message ${index}`)

describe('a stream', () => {
  it('misses and doubles nothing while its connection is cut again and again', async () => {
    const node = await startNode()
    const proxy = await startProxy(node.listen[0]!)
    const alice = await open(1, direct(node))
    const bob = await open(2, grpcWebTransport({ url: proxy.url }))
    const conversation = await alice.conversations.newConversation(bob.address)
    const [theirs] = await bob.conversations.list()

    let lost = 0
    const one = keep(await theirs!.streamMessages(() => (lost += 1)))
    const all = keep(await bob.conversations.streamAllMessages())
    const chance = seeded(7)
    for (let round = 0; round < 20; round += 1) {
      const texts = numbered(6).map((text) => `${text} of round ${round}`)
      const reading = Promise.all([one, all].map((stream) => readThrough(stream, texts.at(-1))))
      for (const text of texts) {
        if (chance() < 0.3) proxy.cut()
        await conversation.send(text)
      }
      expect(await reading).toEqual([texts, texts])
    }
    expect(lost).toBeGreaterThan(10)
  })

  it('goes on within a second of the return of a node that was away', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-reconnect-'))
    keep({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) })
    const start = async () =>
      keep(
        await createNode({
          log: await openSqliteLog(join(folder, 'node.db')),
          listen: [{ host: '127.0.0.1', port: 0 }],
        }),
      )
    let node = await start()
    const proxy = await startProxy(node.listen[0]!)
    const bob = await open(2, grpcWebTransport({ url: proxy.url }))
    let alice = await open(1, direct(node))
    let conversation = await alice.conversations.newConversation(bob.address)
    const stream = keep(await bob.conversations.streamAllMessages())
    for (let round = 0; round < 3; round += 1) {
      await conversation.send(`before ${round}`)
      await alice.close()
      await node[Symbol.asyncDispose]()
      node = await start()
      alice = await open(1, direct(node))
      conversation = await alice.conversations.newConversation(bob.address)
      // Nobody can have seen this one live: the stream has no way to the node yet.
      await conversation.send(`away ${round}`)
      const returnedMs = performance.now()
      proxy.redirect(node.listen[0]!)
      const texts = await readThrough(stream, `away ${round}`)
      expect(texts).toEqual([`before ${round}`, `away ${round}`])
      expect(performance.now() - returnedMs).toBeLessThan(1_000)
    }
  })

  it('takes up conversations that begin while it runs, with all their messages', async () => {
    const node = await startNode()
    const proxy = await startProxy(node.listen[0]!)
    const bob = await open(2, grpcWebTransport({ url: proxy.url }))
    const stream = keep(await bob.conversations.streamAllMessages())
    const reading = readUntil(stream, 'last')
    const expected: string[] = []
    const chance = seeded(11)
    for (let number = 10; number < 22; number += 1) {
      const friend = await open(number, direct(node))
      const conversation = await friend.conversations.newConversation(bob.address)
      for (const text of ['first', 'second', 'third'].map((word) => `${word} of ${number}`)) {
        if (chance() < 0.2) proxy.cut()
        await conversation.send(text)
        expected.push(text)
      }
      if (number === 21) await conversation.send('last')
    }
    const got = await reading
    expect(got.toSorted()).toEqual([...expected, 'last'].toSorted())
  })
})

/** A node that knows nothing of resuming: neither the header nor the tokens. */
function withoutResume(transport: Transport): Transport {
  return {
    unary: (...call) => transport.unary(...call),
    async serverStream(path, request, options) {
      const { messages } = await transport.serverStream(path, request, options)
      return {
        headers: {},
        messages: (async function* plain() {
          for await (const bytes of messages)
            yield Envelope.encode({
              ...Envelope.decode(bytes),
              resumeToken: new Uint8Array(),
            }).finish()
        })(),
      }
    },
  }
}

describe('with a node that cannot resume', () => {
  it('history fills the gaps; what was there before stays out', async () => {
    const node = await startNode()
    const proxy = await startProxy(node.listen[0]!)
    const alice = await open(1, direct(node))
    const bob = await open(2, withoutResume(grpcWebTransport({ url: proxy.url })))
    const conversation = await alice.conversations.newConversation(bob.address)
    await conversation.send('long before')
    const stream = keep(await bob.conversations.streamAllMessages())
    const reading = readUntil(stream, 'last')
    const chance = seeded(5)
    const texts = [...numbered(60), 'last']
    for (const text of texts) {
      if (chance() < 0.15) proxy.cut()
      await conversation.send(text)
    }
    expect(await reading).toEqual(texts)
  })
})

describe('with a node that has lost its log', () => {
  it('the stream goes on with what the other one has, without doubles', async () => {
    const [first, second] = [await startNode(), await startNode()]
    const proxy = await startProxy(first.listen[0]!)
    const bob = await open(2, grpcWebTransport({ url: proxy.url }))
    // Alice writes to both nodes, as a relay would: same keys, so the same topic and key.
    const keys = await Client.getKeys(walletKey(1), { transport: direct(first) })
    await Client.create(walletKey(2), {
      transport: direct(second),
      privateKeyOverride: await Client.getKeys(walletKey(2), { transport: direct(first) }),
    })
    const alice = await open(1, direct(first))
    const aliceToo = await Client.create(null, {
      transport: direct(second),
      privateKeyOverride: keys,
    })
    const conversation = await alice.conversations.newConversation(bob.address)
    const twin = await aliceToo.conversations.newConversation(bob.address)
    expect(twin.topic).toBe(conversation.topic)
    const [theirs] = await bob.conversations.list()
    const stream = keep(await theirs!.streamMessages())

    const prepared = await conversation.prepareMessage('in both')
    await prepared.send()
    const copy = prepared.messageEnvelope
    await aliceToo.publishEnvelopes([
      {
        contentTopic: copy.contentTopic,
        message: copy.message,
        timestamp: new Date(Number(BigInt(copy.timestampNs) / 1_000_000n)),
      },
    ])
    expect((await stream.next()).value?.content).toBe('in both')
    await twin.send('in the second only')
    proxy.redirect(second.listen[0]!)
    proxy.cut()
    expect((await stream.next()).value?.content).toBe('in the second only')
    await twin.send('live again')
    expect((await stream.next()).value?.content).toBe('live again')
    await aliceToo.close()
  })
})
