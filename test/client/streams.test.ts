import {
  Client,
  ConsentState,
  ConversationType,
  grpcWebTransport,
  memoryTransport,
  openMemoryRecords,
  RecordMemory,
  type DecodedMessage,
} from '@xmtp-ts/client'
import { describe, expect, it } from 'vitest'
import { portOf, startProxy } from '../support/proxy.ts'
import { take, texts, until, walletKey, world } from './world.ts'

const { open, node, keep, options } = world()

/** A way to the node of the test that can be cut. */
async function startLine() {
  const proxy = keep(await startProxy(portOf(node().listen[0]!)))
  return { ...proxy, transport: grpcWebTransport({ url: proxy.url }) }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `message ${index}`)

async function takeTexts(stream: AsyncIterable<DecodedMessage>, count: number) {
  const found: unknown[] = []
  const iterator = stream[Symbol.asyncIterator]()
  while (found.length < count) {
    const { value, done } = await iterator.next()
    if (done === true) break
    found.push(...texts([value]))
  }
  return found
}

describe('a stream', () => {
  it('brings messages of conversations old and new, our own too, and conversations', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const old = await ann.conversations.createDm(ben.inboxId)
    await old.sendText('before')
    await ben.conversations.syncAll()
    await using messages = await ben.conversations.streamAllMessages()
    await using conversations = await ben.conversations.stream()
    await using groups = await ben.conversations.streamGroups()
    await old.sendText('one')
    const group = await ann.conversations.createGroup([ben.inboxId])
    await group.sendText('two')
    expect(await takeTexts(messages, 2)).toEqual(['one', 'two'])
    expect((await take(conversations, 1))[0]!.id).toBe(group.id)
    expect((await take(groups, 1))[0]!.name).toBe('')
    const theirs = await ben.conversations.getDmByInboxId(ann.inboxId)
    const id = await theirs!.sendText('own')
    expect(await take(messages, 1)).toMatchObject([{ id, content: 'own' }])
    expect(await theirs!.lastMessage()).toMatchObject({ id, deliveryStatus: 1 })
  })

  it('is of one conversation, of a type, of those that are wanted', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    const group = await ann.conversations.createGroup([ben.inboxId])
    await ben.conversations.syncAll()
    const atBen = await ben.conversations.getConversationById(group.id)
    await using one = await atBen!.stream()
    await using dms = await ben.conversations.streamAllDmMessages()
    await using groups = await ben.conversations.streamAllGroupMessages()
    await using denied = await ben.conversations.streamAllMessages({
      consentStates: [ConsentState.Denied],
    })
    await using typed = await ben.conversations.streamAllMessages({
      conversationType: ConversationType.Group,
    })
    const theirs = await ben.conversations.getDmByInboxId(ann.inboxId)
    await theirs!.updateConsentState(ConsentState.Denied)
    // Whether a conversation is wanted counts when its message is read.
    const wanted = takeTexts(dms, 1)
    await dm.sendText('unwanted')
    await group.sendText('wanted')
    for (const stream of [one, groups, typed])
      expect(await takeTexts(stream, 1)).toEqual(['wanted'])
    expect(await takeTexts(denied, 1)).toEqual(['unwanted'])
    await theirs!.updateConsentState(ConsentState.Allowed)
    await dm.sendText('wanted again')
    expect(await wanted).toEqual(['wanted again'])
  })

  it('misses and doubles nothing while its connection is cut again and again', async () => {
    const proxy = await startLine()
    const [ann, ben] = [await open(1), await open(2, { transport: proxy.transport })]
    const dm = await ann.conversations.createDm(ben.inboxId)
    const told: string[] = []
    await using stream = await ben.conversations.streamAllMessages({
      onFail: () => told.push('fail'),
      onRestart: () => told.push('restart'),
    })
    const wanted = numbered(150)
    const sending = (async () => {
      for (const [index, text] of wanted.entries()) {
        await dm.sendText(text)
        if (index % 15 === 7) proxy.cut()
      }
    })()
    const found = await takeTexts(stream, wanted.length)
    await sending
    expect(found).toEqual(wanted)
    await dm.sendText('last')
    expect(await takeTexts(stream, 1)).toEqual(['last'])
    // Messages come again before the last of the connections stands.
    await until(() => told.length > 1)
    expect(told.slice(0, 2)).toEqual(['fail', 'restart'])
  })

  it('opens while the node is away, and begins when it is there', async () => {
    const proxy = await startLine()
    const [ann, ben] = [await open(1), await open(2, { transport: proxy.transport })]
    const dm = await ann.conversations.createDm(ben.inboxId)
    await ben.conversations.syncAll()
    proxy.close()
    const attempts: number[] = []
    await using stream = await ben.conversations.streamAllMessages({
      onRetry: (attempt) => attempts.push(attempt),
    })
    await dm.sendText('meanwhile')
    await until(() => attempts.length > 2)
    proxy.open()
    expect(await takeTexts(stream, 1)).toEqual(['meanwhile'])
  })

  it('ends when it is told to give up', async () => {
    const proxy = await startLine()
    const ben = await open(2, { transport: proxy.transport })
    const errors: Error[] = []
    let ends = 0
    const stream = await ben.conversations.streamAllMessages({
      retryOnFail: false,
      onError: (error) => errors.push(error),
      onEnd: () => (ends += 1),
    })
    const next = stream.next()
    proxy.close()
    expect(await next).toEqual({ done: true, value: undefined })
    expect(errors).toMatchObject([{ code: 'client.stream.failed' }])
    expect([ends, stream.isDone]).toEqual([1, true])
  })

  it('hands each value to onValue, one after the other, and goes on behind one that fails', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    await ben.conversations.syncAll()
    const seen: unknown[] = []
    const errors: Error[] = []
    let atWork = 0
    const stream = await ben.conversations.streamAllMessages({
      onError: (error) => errors.push(error),
      async onValue({ content }) {
        atWork += 1
        expect(atWork).toBe(1)
        await new Promise((resolve) => setTimeout(resolve, 5))
        seen.push(content)
        atWork -= 1
        if (content === 'b') throw new Error('cannot b')
      },
    })
    for (const text of ['a', 'b', 'c']) await dm.sendText(text)
    await until(() => seen.length === 3)
    expect(seen).toEqual(['a', 'b', 'c'])
    await until(() => errors.length === 1)
    await stream.end()
    await dm.sendText('d')
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  it('ends with its client', async () => {
    const ben = await open(2)
    const stream = await ben.conversations.streamAllMessages()
    const next = stream.next()
    await ben.close()
    expect(await next).toEqual({ done: true, value: undefined })
    await expect(ben.conversations.streamAllMessages()).rejects.toMatchObject({
      code: 'client.closed',
    })
  })
})

describe('a durable stream', () => {
  it('goes on behind what was done with, in a client that was opened anew', async () => {
    const memory = new RecordMemory()
    const reopened = async () => {
      const client: Client = await Client.create(walletKey(2), {
        ...options(),
        store: openMemoryRecords(memory),
      })
      return client
    }
    const ann = await open(1)
    const first = await reopened()
    const dm = await ann.conversations.createDm(first.inboxId)
    const stream = await first.conversations.streamAllMessages({ resume: 'bot' })
    for (const text of ['a', 'b', 'c']) await dm.sendText(text)
    expect(await takeTexts(stream, 2)).toEqual(['a', 'b'])
    // `b` was taken, and nobody said that it was done with.
    await first.close()
    await dm.sendText('d')

    const second = await reopened()
    expect(second.installationId).toBe(first.installationId)
    const again = await second.conversations.streamAllMessages({ resume: 'bot' })
    expect(await takeTexts(again, 3)).toEqual(['b', 'c', 'd'])
    await second.close()

    const third = await reopened()
    const seen: unknown[] = []
    await third.conversations.streamAllMessages({
      resume: 'bot',
      onValue: ({ content }) => void seen.push(content),
    })
    await until(() => seen.length === 1)
    await dm.sendText('e')
    await until(() => seen.length === 2)
    expect(seen).toEqual(['d', 'e'])
    // What `onValue` has done with does not come again.
    await dm.sendText('f')
    await until(() => seen.length === 3)
    await until(async () => {
      const [position] = await openMemoryRecords(memory).scan({
        from: 'reader/',
        to: 'reader0',
        order: 'ascending',
        limit: 1,
      })
      const end = await openMemoryRecords(memory).scan({
        from: 'delivered/',
        to: 'delivered0',
        order: 'descending',
        limit: 1,
      })
      const last = Number.parseInt(end[0]!.key.split('#')[1]!, 16)
      return Number(new DataView(position!.value.slice().buffer).getBigUint64(0)) === last + 1
    })
    await third.close()
    const fourth = keep(await reopened())
    const rest = await fourth.conversations.streamAllMessages({ resume: 'bot' })
    await dm.sendText('g')
    expect(await takeTexts(rest, 1)).toEqual(['g'])
  })
})

describe('two clients on one store', () => {
  it('are one installation, and both hear of everything', async () => {
    const memory = new RecordMemory()
    const shared = () => open(2, { store: openMemoryRecords(memory) })
    const ann = await open(1)
    const [one, two] = [await shared(), await shared()]
    expect(one.installationId).toBe(two.installationId)
    const dm = await ann.conversations.createDm(one.inboxId)
    await using streamOne = await one.conversations.streamAllMessages()
    await using streamTwo = await two.conversations.streamAllMessages()
    const wanted = numbered(20)
    for (const text of wanted) await dm.sendText(text)
    expect(await takeTexts(streamOne, 20)).toEqual(wanted)
    expect(await takeTexts(streamTwo, 20)).toEqual(wanted)
    const [atOne, atTwo] = [
      await one.conversations.getConversationById(dm.id),
      await two.conversations.getConversationById(dm.id),
    ]
    await Promise.all([atOne!.sendText('from one'), atTwo!.sendText('from two')])
    await dm.sync()
    expect(
      texts(await dm.messages())
        .slice(20)
        .toSorted(),
    ).toEqual(['from one', 'from two'])
    expect(texts(await atTwo!.messages())).toHaveLength(22)
  })
})

describe('transport', () => {
  it('may be gRPC-Web or memory', async () => {
    const ann = await open(1, { transport: grpcWebTransport({ url: node().listen[0]! }) })
    const ben = await open(2, { transport: memoryTransport(node().memory()) })
    const dm = await ann.conversations.createDm(ben.inboxId)
    await dm.sendText('over')
    await ben.conversations.syncAll()
    const theirs = await ben.conversations.getDmByInboxId(ann.inboxId)
    expect(texts(await theirs!.messages())).toEqual(['over'])
    expect(ann.debugInformation.apiStatistics().sendGroupMessages).toBeGreaterThan(0n)
    ann.debugInformation.clearAllStatistics()
    expect(ann.debugInformation.apiAggregateStatistics()).toBe('')
  })
})
