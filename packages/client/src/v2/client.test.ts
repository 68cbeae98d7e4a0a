import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNode, openMemoryLog, type Node } from '@xmtp-ts/node'
import { memoryTransport } from '../transport/memory.ts'
import { Client } from './client.ts'

/** Wallets of these tests: any 32 bytes in the curve's order. */
const walletKey = (number: number) => number.toString(16).padStart(64, '0')

let node: Node

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog({}) })
})

afterEach(async () => {
  await node[Symbol.asyncDispose]()
})

const connect = (number: number) =>
  Client.create(walletKey(number), { transport: memoryTransport(node.memory()) })

describe('two clients on a node', () => {
  it('write to each other, list and stream', async () => {
    await using alice = await connect(1)
    await using bob = await connect(2)
    await using stream = await bob.conversations.streamAllMessages()
    const conversation = await alice.conversations.newConversation(bob.address)
    const sent = await conversation.send('hi')
    const { value: first } = await stream.next()
    expect(first).toMatchObject({ id: sent.id, content: 'hi', senderAddress: alice.address })
    const [known] = await bob.conversations.list()
    await known!.send('hello yourself')
    expect((await conversation.messages()).map(({ content }) => content)).toEqual([
      'hi',
      'hello yourself',
    ])
  })
})
