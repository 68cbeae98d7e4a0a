import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestNode, type TestNode } from '../support/node.ts'
import { newWallet, pairs, sdks, take, type SdkClient, type SdkName } from './sdks.ts'

let node: TestNode

beforeAll(async () => {
  node = await startTestNode()
})

afterAll(async () => {
  await node.close()
})

const open = (sdk: SdkName, wallet = newWallet()): Promise<SdkClient> =>
  sdks[sdk].Client.create(wallet, { env: 'local', apiUrl: node.url })

/** Two registered accounts, the first writing, the second reading. */
async function pair([writer, reader]: readonly [SdkName, SdkName]) {
  const [a, b] = [await open(writer), await open(reader)]
  return { a, b }
}

const texts = (messages: readonly { content?: unknown }[]) => messages.map(({ content }) => content)

describe.each(pairs)('%s writes, %s reads', (...names) => {
  it('in both directions, by listing', async () => {
    const { a, b } = await pair(names)
    const fromA = await a.conversations.newConversation(b.address)
    for (const text of ['one', 'two', 'drei 🙂']) await fromA.send(text)

    const [fromB, ...more] = await b.conversations.list()
    expect(more).toEqual([])
    expect(fromB?.peerAddress).toBe(a.address)
    expect(fromB?.topic).toBe(fromA.topic)
    expect(fromB?.createdAt.getTime()).toBe(fromA.createdAt.getTime())
    const read = await fromB!.messages()
    expect(texts(read)).toEqual(['one', 'two', 'drei 🙂'])
    expect(new Set(read.map(({ senderAddress }) => senderAddress))).toEqual(new Set([a.address]))

    await fromB!.send('answer')
    const [mine, theirs] = [await fromA.messages(), await fromB!.messages()]
    expect(texts(mine)).toEqual(['one', 'two', 'drei 🙂', 'answer'])
    expect(mine.map(({ id }) => id)).toEqual(theirs.map(({ id }) => id))
    expect(mine.map(({ sent }) => sent.getTime())).toEqual(theirs.map(({ sent }) => sent.getTime()))
    expect(mine.at(-1)?.senderAddress).toBe(b.address)
  })

  it('by streams: a conversation, its messages, and all messages', async () => {
    const { a, b } = await pair(names)
    const conversations = await b.conversations.stream()
    const everything = await b.conversations.streamAllMessages()
    const fromA = await a.conversations.newConversation(b.address)
    const [fromB] = await take(conversations, 1)
    expect(fromB?.topic).toBe(fromA.topic)

    const messages = await fromB!.streamMessages()
    const sent = Array.from({ length: 5 }, (_, index) => `streamed ${index}`)
    for (const text of sent) await fromA.send(text)
    expect(texts(await take(messages, 5))).toEqual(sent)
    const seen = new Map((await take(everything, 5)).map((message) => [message.id, message]))
    expect(texts([...seen.values()])).toEqual(sent)
  })

  it('more than a page, and every way to ask for a part', async () => {
    const { a, b } = await pair(names)
    const fromA = await a.conversations.newConversation(b.address)
    const start = Date.UTC(2024, 0, 1)
    const count = 130
    for (let index = 0; index < count; index += 1)
      await fromA.send(`${index}`, { timestamp: new Date(start + index * 1000) })
    const [fromB] = await b.conversations.list()
    const numbers = (messages: readonly { content?: unknown }[]) => texts(messages).map(Number)
    const all = Array.from({ length: count }, (_, index) => index)
    const { SortDirection } = sdks[names[1]]
    const descending = SortDirection.SORT_DIRECTION_DESCENDING

    expect(numbers(await fromB!.messages())).toEqual(all)
    expect(numbers(await fromB!.messages({ direction: descending }))).toEqual(all.toReversed())
    expect(numbers(await fromB!.messages({ limit: 7 }))).toEqual(all.slice(0, 7))
    expect(numbers(await fromB!.messages({ limit: 7, direction: descending }))).toEqual(
      all.toReversed().slice(0, 7),
    )
    const window = {
      startTime: new Date(start + 10_000),
      endTime: new Date(start + 20_000),
    }
    expect(numbers(await fromB!.messages(window))).toEqual(all.slice(10, 21))

    const pages: number[][] = []
    for await (const page of fromB!.messagesPaginated({ pageSize: 50 })) pages.push(numbers(page))
    expect(pages.map((page) => page.length)).toEqual([50, 50, 30])
    // Pages come in the node's order, newest first, unless asked otherwise; lists come oldest first.
    expect(pages.flat()).toEqual(all.toReversed())
  })

  it('conversations with ids and metadata stay apart', async () => {
    const { a, b } = await pair(names)
    const contexts = ['', 'example.org/1', 'example.org/2'].map((conversationId) =>
      conversationId === '' ? undefined : { conversationId, metadata: { title: conversationId } },
    )
    for (const context of contexts) {
      const conversation = await a.conversations.newConversation(b.address, context)
      await conversation.send(context?.conversationId ?? 'plain')
    }
    const listed = await b.conversations.list()
    expect(listed.map(({ context }) => context?.conversationId)).toEqual([
      undefined,
      'example.org/1',
      'example.org/2',
    ])
    expect(listed[1]?.context?.metadata).toEqual({ title: 'example.org/1' })
    for (const conversation of listed)
      expect(texts(await conversation.messages())).toEqual([
        conversation.context?.conversationId ?? 'plain',
      ])
    const again = await b.conversations.newConversation(a.address, contexts[2])
    expect(again.topic).toBe(listed[2]?.topic)
  })

  it('simultaneous invitations meet in one conversation', async () => {
    const { a, b } = await pair(names)
    const [fromA, fromB] = await Promise.all([
      a.conversations.newConversation(b.address),
      b.conversations.newConversation(a.address),
    ])
    expect(fromA.topic).toBe(fromB.topic)
    await Promise.all([fromA.send('from a'), fromB.send('from b')])
    expect(texts(await fromA.messages()).toSorted()).toEqual(['from a', 'from b'])
    expect(await a.conversations.list()).toHaveLength(1)
    expect(await b.conversations.list()).toHaveLength(1)
  })

  it('the keys and the history of one serve the other', async () => {
    const wallet = newWallet()
    const before = await open(names[0], wallet)
    const other = await open('ours')
    const conversation = await before.conversations.newConversation(other.address)
    await conversation.send('written before')
    expect(wallet.prompts).toEqual(['XMTP : Create Identity', 'XMTP : Enable Identity'])

    wallet.prompts.length = 0
    const after = await open(names[1], wallet)
    expect(wallet.prompts).toEqual(['XMTP : Enable Identity'])
    expect(after.address).toBe(before.address)
    const [same] = await after.conversations.list()
    expect(same?.topic).toBe(conversation.topic)
    expect(texts(await same!.messages())).toEqual(['written before'])
    const keys = (sdk: SdkName) =>
      sdks[sdk].Client.getKeys(wallet, { env: 'local', apiUrl: node.url })
    expect(Buffer.from(await keys(names[0]))).toEqual(Buffer.from(await keys(names[1])))
  })

  it('consent travels with the keys', async () => {
    const wallet = newWallet()
    const first = await open(names[0], wallet)
    const [friend, stranger, invited] = [newWallet(), newWallet(), await open('ours')]
    await first.contacts.allow([friend.address])
    await first.contacts.deny([stranger.address])
    await first.conversations.newConversation(invited.address)

    const second = await open(names[1], wallet)
    await second.contacts.refreshConsentList()
    expect(second.contacts.consentState(friend.address)).toBe('allowed')
    expect(second.contacts.consentState(stranger.address)).toBe('denied')
    expect(second.contacts.consentState(invited.address)).toBe('allowed')
    expect(second.contacts.consentState(newWallet().address)).toBe('unknown')
    await second.contacts.allow([stranger.address])
    await first.contacts.refreshConsentList()
    expect(first.contacts.isAllowed(stranger.address)).toBe(true)
  })

  it('ephemeral messages reach who listens, and nobody later', async () => {
    const { a, b } = await pair(names)
    const fromA = await a.conversations.newConversation(b.address)
    const [fromB] = await b.conversations.list()
    const ephemeral = await fromB!.streamEphemeral()
    const receiving = take(ephemeral as AsyncIterable<{ content?: unknown }>, 1)
    // Their stream does not say when it is open; an ephemeral message is for those who already listen.
    const writing = setInterval(() => void fromA.send('typing…', { ephemeral: true }), 100)
    try {
      expect(texts(await receiving)).toEqual(['typing…'])
    } finally {
      clearInterval(writing)
    }
    expect(await fromB!.messages()).toEqual([])
  })

  it('who can be written to', async () => {
    const { a, b } = await pair(names)
    const nobody = newWallet().address
    expect(await a.canMessage(b.address)).toBe(true)
    expect(await a.canMessage(nobody)).toBe(false)
    expect(await a.canMessage([b.address, nobody])).toEqual([true, false])
    expect(
      await sdks[names[0]].Client.canMessage([nobody, b.address], {
        env: 'local',
        apiUrl: node.url,
      }),
    ).toEqual([false, true])
    await expect(a.conversations.newConversation(nobody)).rejects.toThrow()
    await expect(a.conversations.newConversation(a.address)).rejects.toThrow()
  })
})
