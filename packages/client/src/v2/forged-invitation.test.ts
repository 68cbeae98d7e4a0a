import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNode, openMemoryLog, type Node } from '@xmtp-ts/node'
import {
  conversationTopic,
  decodePrivateKeyBundle,
  inviteTopic,
  parseAddress,
  publicKeyBundle,
  v2,
  verifyKeyBundle,
  type PrivateKeyBundle,
} from '@xmtp-ts/protocol'
import { systemEnvironment } from '../environment.ts'
import { maxConversationsPerTopic } from '../limits.ts'
import { memoryTransport } from '../transport/memory.ts'
import type { Transport } from '../transport/transport.ts'
import { Client } from './client.ts'
import type { Problem } from './session.ts'

const walletKey = (number: number) => number.toString(16).padStart(64, '0')
const [aliceKey, bobKey, malloryKey] = [1, 2, 3].map(walletKey) as [string, string, string]

let node: Node
let transport: Transport
const clients: Client[] = []
const problems: Problem[] = []

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog() })
  transport = memoryTransport(node.memory())
  problems.length = 0
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await node[Symbol.asyncDispose]()
})

async function open(wallet: string): Promise<Client> {
  const onProblem = (problem: Problem) => void problems.push(problem)
  const client = await Client.create(wallet, { transport, onProblem })
  clients.push(client)
  return client
}

const keysOf = async (wallet: string) =>
  decodePrivateKeyBundle(await Client.getKeys(wallet, { transport }))

const verified = (keys: PrivateKeyBundle) => verifyKeyBundle(publicKeyBundle(keys))

/** Invites Bob from a wallet to a topic of any name, with a key of one's choice, at a time of one's choice. */
async function inviteBob(
  wallet: string,
  { topic, keyByte, atMs }: { topic: string; keyByte: number; atMs: number },
): Promise<void> {
  const client = await open(wallet)
  const [own, bob] = [await keysOf(wallet), verified(await keysOf(bobKey))]
  const keyMaterial = new Uint8Array(32).fill(keyByte)
  const message = v2.sealInvitation(
    { topic, keyMaterial, context: undefined, consentProof: undefined },
    {
      own,
      peer: bob,
      createdNs: BigInt(atMs) * 1_000_000n,
      random: systemEnvironment.random,
    },
  )
  const parties = [bob.owner, parseAddress(client.address)]
  await client.publishEnvelopes(
    parties.map((party) => ({
      contentTopic: inviteTopic(party),
      message,
      timestamp: new Date(atMs),
    })),
  )
}

describe("a stranger's invitation that names the topic of two others", () => {
  it('and an earlier time does not take their conversation', async () => {
    const [alice, before] = [await open(aliceKey), await open(bobKey)]
    const theirs = await alice.conversations.newConversation(before.address)
    await theirs.send('to Bob')
    await inviteBob(malloryKey, { topic: theirs.topic, keyByte: 9, atMs: 1 })

    const bob = await open(bobKey)
    const listed = await bob.conversations.list()
    expect(listed.map(({ peerAddress }) => peerAddress)).toEqual([alice.address])
    const conversation = await bob.conversations.newConversation(alice.address)
    expect(conversation).toBe(listed[0])
    await conversation.send('to Alice')
    expect((await theirs.messages()).map(({ content }) => content)).toEqual(['to Bob', 'to Alice'])
    expect((await conversation.messages()).map(({ content }) => content)).toEqual([
      'to Bob',
      'to Alice',
    ])
    // Nor where the genuine one is known already.
    problems.length = 0
    await inviteBob(malloryKey, { topic: theirs.topic, keyByte: 8, atMs: Date.now() - 60_000 })
    expect(await bob.conversations.list()).toEqual(listed)
    expect(problems.map(({ error }) => error.code)).toContain('v2.invitation.malformed')
  })

  it('and came first yields to theirs, also while a stream is open', async () => {
    const [alice, bob] = [await open(aliceKey), await open(bobKey)]
    const { topic } = v2.deriveConversation({
      own: await keysOf(bobKey),
      ownAddress: parseAddress(bob.address),
      peer: verified(await keysOf(aliceKey)),
      conversationId: undefined,
    })
    await inviteBob(malloryKey, { topic, keyByte: 9, atMs: Date.now() })
    await using stream = await bob.conversations.streamAllMessages()
    await using begun = await bob.conversations.stream()
    expect(await bob.conversations.listFromCache()).toHaveLength(1)
    const theirs = await alice.conversations.newConversation(bob.address)
    expect(theirs.topic).toBe(topic)
    await theirs.send('first')
    await theirs.send('second')
    for (const content of ['first', 'second'])
      expect((await stream.next()).value).toMatchObject({ content, senderAddress: alice.address })
    expect((await begun.next()).value).toMatchObject({ peerAddress: alice.address })
    const listed = await bob.conversations.list()
    expect(listed.map(({ peerAddress }) => peerAddress)).toEqual([alice.address])
  })

  it('of the kind that old clients made by chance leaves both, apart', async () => {
    const topic = conversationTopic('an-old-random-name')
    const before = await open(bobKey)
    await inviteBob(aliceKey, { topic, keyByte: 7, atMs: Date.now() })
    await inviteBob(malloryKey, { topic, keyByte: 9, atMs: 1 })
    const [alice, mallory, bob] = [await open(aliceKey), await open(malloryKey), await open(bobKey)]
    await using stream = await bob.conversations.streamAllMessages()
    const [ofMallory, ofAlice, ...more] = await bob.conversations.list()
    expect(more).toEqual([])
    expect([ofMallory?.peerAddress, ofAlice?.peerAddress]).toEqual([mallory.address, alice.address])
    const [atAlice] = await alice.conversations.list()
    const [atMallory] = await mallory.conversations.list()
    await ofAlice!.send('for Alice')
    await ofMallory!.send('for Mallory')
    await atAlice!.send('from Alice')
    const texts = async (of: typeof atAlice) => (await of!.messages()).map(({ content }) => content)
    expect(await texts(atAlice)).toEqual(['for Alice', 'from Alice'])
    expect(await texts(atMallory)).toEqual(['for Mallory'])
    expect(await texts(ofAlice)).toEqual(['for Alice', 'from Alice'])
    for (const peer of [ofAlice, ofMallory, ofAlice])
      expect((await stream.next()).value?.conversation).toBe(peer)
    expect(before.address).toBe(bob.address)
  })

  it('is one of a few at the most', async () => {
    const topic = conversationTopic('contested')
    const bob = await open(bobKey)
    const crowd = Array.from({ length: maxConversationsPerTopic + 2 }, (_, index) => index)
    for (const index of crowd)
      await inviteBob(walletKey(100 + index), { topic, keyByte: index, atMs: 1_000 + index })
    const listed = await bob.conversations.list()
    expect(listed).toHaveLength(maxConversationsPerTopic)
    expect(problems).toHaveLength(2)
  })
})
