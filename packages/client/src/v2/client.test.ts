import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNode, openMemoryLog, type Node } from '@xmtp-ts/node'
import {
  contactTopic,
  decodePrivateKeyBundle,
  encodePrivateKeyBundle,
  encrypt,
  encodeCiphertext,
  enableIdentityText,
  inviteTopic,
  parseAddress,
  privateStoreTopic,
  publicKeyBundle,
  v2,
  verifyKeyBundle,
} from '@xmtp-ts/protocol'
import {
  EncryptedPrivateKeyBundle,
  EncryptedPrivateKeyBundleV1,
} from '@xmtp-ts/proto/message_contents/ciphertext'
import { PrivateKeyBundle, PrivateKeyBundleV1 } from '@xmtp-ts/proto/message_contents/keys'
import { systemEnvironment } from '../environment.ts'
import { createMessageApi, type MessageApi } from '../network/message-api.ts'
import { toSigner } from '../signer.ts'
import { memoryKeyStore } from '../store/key-store.ts'
import { memoryTransport } from '../transport/memory.ts'
import type { Transport } from '../transport/transport.ts'
import { Client } from './client.ts'
import type { ClientOptions } from './open-session.ts'
import type { Problem } from './session.ts'

const walletKey = (number: number) => number.toString(16).padStart(64, '0')

let node: Node
let transport: Transport
let api: MessageApi
const clients: Client[] = []

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog() })
  transport = memoryTransport(node.memory())
  api = createMessageApi({ transport, headers: {}, environment: systemEnvironment })
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await node[Symbol.asyncDispose]()
})

async function open(number: number, options: ClientOptions = {}): Promise<Client> {
  const client = await Client.create(walletKey(number), { transport, ...options })
  clients.push(client)
  return client
}

/** A signer that counts what it is asked. */
async function countingSigner(number: number) {
  const { account, signText } = await toSigner(walletKey(number))
  const texts: string[] = []
  return {
    texts,
    getAddress: async () => account,
    signMessage: async (message: ArrayLike<number> | string) => {
      texts.push(String(message).split('\n')[0] ?? '')
      return `0x${Buffer.from(await signText(String(message))).toString('hex')}`
    },
  }
}

async function newest(topic: string) {
  for await (const page of api.query({ topics: [topic], direction: 'descending', pageSize: 1 }))
    return page[0]
  return undefined
}

describe('two clients on a node', () => {
  it('write to each other, list and stream', async () => {
    const [alice, bob] = [await open(1), await open(2)]
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

  it('keep the order of what one of them sends within a millisecond', async () => {
    const frozenMs = Date.now()
    const still = { ...systemEnvironment, nowMs: () => frozenMs }
    const [alice, bob] = [await open(1, { environment: still }), await open(2)]
    const conversation = await alice.conversations.newConversation(bob.address)
    const texts = Array.from({ length: 20 }, (_, index) => `message ${index}`)
    for (const text of texts) await conversation.send(text)
    const [theirs] = await bob.conversations.list()
    expect((await theirs!.messages()).map(({ content }) => content)).toEqual(texts)
  })

  it('end their streams when they are closed, also while one waits', async () => {
    const bob = await open(2)
    const stream = await bob.conversations.streamAllMessages()
    const waiting = stream.next()
    await bob.close()
    expect(await waiting).toEqual({ done: true, value: undefined })
    const another = await (await open(3)).conversations.stream()
    const pending = another.next()
    await another.return()
    expect(await pending).toEqual({ done: true, value: undefined })
  })
})

describe('the keys of an account', () => {
  it('are made with two prompts, found with one, and given with none', async () => {
    const signer = await countingSigner(1)
    const first = await Client.create(signer, { transport })
    expect(signer.texts).toEqual(['XMTP : Create Identity', 'XMTP : Enable Identity'])
    signer.texts.length = 0
    const keys = await Client.getKeys(signer, { transport })
    expect(signer.texts).toEqual(['XMTP : Enable Identity'])
    const given = await Client.create(null, { transport, privateKeyOverride: keys })
    expect(given.address).toBe(first.address)
    await expect(Client.create(null, { transport })).rejects.toMatchObject({
      code: 'client.signer.missing',
    })
  })

  it('that do not open are never replaced', async () => {
    const bob = await open(2)
    const topic = privateStoreTopic(parseAddress(bob.address))
    const before = await newest(topic)
    const stored = EncryptedPrivateKeyBundle.decode(before!.message)
    const walletPreKey = new Uint8Array(32)
    const other = { ...stored.version!.value, walletPreKey }
    await bob.publishEnvelopes([
      {
        contentTopic: topic,
        message: EncryptedPrivateKeyBundle.encode({
          version: { $case: 'v1', value: other },
        }).finish(),
      },
    ])
    const after = await newest(topic)
    await expect(open(2)).rejects.toMatchObject({ code: 'keyBundle.undecryptable' })
    await bob.publishEnvelopes([{ contentTopic: topic, message: Uint8Array.of(7, 7, 7) }])
    await expect(open(2)).rejects.toMatchObject({ code: 'keyBundle.malformed' })
    expect(after?.message).not.toEqual(before?.message)
    expect((await newest(topic))?.message).toEqual(Uint8Array.of(7, 7, 7))
  })

  it.each(['outside', 'inside'])(
    'in the older form %s are opened, and written anew',
    async (place) => {
      const bob = await open(2)
      const topic = privateStoreTopic(parseAddress(bob.address))
      const keys = decodePrivateKeyBundle(await Client.getKeys(walletKey(2), { transport }))
      const walletPreKey = new Uint8Array(32).fill(9)
      const { signText } = await toSigner(walletKey(2))
      const versioned = encodePrivateKeyBundle(keys)
      const bare = PrivateKeyBundle.decode(versioned).version!.value
      const plaintext =
        place === 'inside' ? PrivateKeyBundleV1.encode(bare as never).finish() : versioned
      const ciphertext = encodeCiphertext(
        encrypt(plaintext, {
          secret: await signText(enableIdentityText(walletPreKey)),
          random: systemEnvironment.random,
        }),
      )
      const value = { walletPreKey, ciphertext }
      const message =
        place === 'outside'
          ? EncryptedPrivateKeyBundleV1.encode(value).finish()
          : EncryptedPrivateKeyBundle.encode({ version: { $case: 'v1', value } }).finish()
      await bob.publishEnvelopes([{ contentTopic: topic, message }])

      const signer = await countingSigner(2)
      const again = await Client.create(signer, { transport })
      expect(again.address).toBe(bob.address)
      expect(signer.texts).toEqual(['XMTP : Enable Identity', 'XMTP : Enable Identity'])
      const written = await newest(topic)
      expect(written?.message).not.toEqual(message)
      signer.texts.length = 0
      await Client.create(signer, { transport })
      expect(signer.texts).toEqual(['XMTP : Enable Identity'])
      expect(await newest(topic)).toEqual(written)
    },
  )

  it('can be kept on the device: the network never sees them', async () => {
    const keyStore = memoryKeyStore()
    const signer = await countingSigner(5)
    const client = await Client.create(signer, { transport, keyStore })
    expect(signer.texts).toEqual(['XMTP : Create Identity'])
    expect(await newest(privateStoreTopic(parseAddress(client.address)))).toBeUndefined()
    await Client.create(signer, { transport, keyStore })
    expect(signer.texts).toHaveLength(1)
    await expect(
      open(6, { keyStore: { ...keyStore, load: () => Promise.reject(new Error('disk')) } }),
    ).rejects.toThrow('disk')
  })
})

describe('contacts', () => {
  it('are published once, V1 first, V2 strictly newer', async () => {
    const alice = await open(1)
    await open(1)
    const topics = [contactTopic(parseAddress(alice.address))]
    const published = []
    for await (const page of api.query({ topics, direction: 'ascending' })) published.push(...page)
    expect(published.map(({ message }) => message[0])).toEqual([0x0a, 0x12])
    expect(published[1]!.timestampNs).toBeGreaterThan(published[0]!.timestampNs)
  })

  it('behind rubbish are found, alone and in a batch', async () => {
    const [alice, bob] = [await open(1), await open(2)]
    const contentTopic = contactTopic(parseAddress(bob.address))
    for (let count = 0; count < 12; count += 1)
      await bob.publishEnvelopes([{ contentTopic, message: Uint8Array.of(1, 2, count) }])
    expect(await Client.canMessage(bob.address, { transport })).toBe(true)
    expect(await alice.canMessage([bob.address, alice.address])).toEqual([true, true])
    expect(await alice.canMessage('0x12')).toBe(false)
  })

  it('in V1 form only need a conversation id', async () => {
    await open(2, { publishLegacyContact: true })
    const bobAddress = (await toSigner(walletKey(2))).account
    const alice = await open(1)
    await expect(alice.conversations.newConversation(bobAddress)).rejects.toMatchObject({
      code: 'client.peer.needsV1',
    })
    const context = { conversationId: 'example.org/v2', metadata: {} }
    const conversation = await alice.conversations.newConversation(bobAddress, context)
    expect(conversation.conversationVersion).toBe('v2')
  })
})

describe('consent', () => {
  it('of another device is not overruled by sending', async () => {
    const [alice, bob] = [await open(1), await open(2)]
    const conversation = await alice.conversations.newConversation(bob.address)
    const elsewhere = await open(1)
    await elsewhere.contacts.deny([bob.address])
    const fresh = await open(1)
    const [same] = await fresh.conversations.list()
    await same!.send('still here')
    expect(same!.consentState).toBe('denied')
    await elsewhere.contacts.refreshConsentList()
    expect(elsewhere.contacts.isDenied(bob.address.toLowerCase())).toBe(true)
    expect(conversation.isAllowed).toBe(true)
  })
})

describe('what is not what its topic is for', () => {
  it('is left out of lists and streams, and reported', async () => {
    const problems: Problem[] = []
    const [alice, bob, carol] = [
      await open(1),
      await open(2, { onProblem: (problem) => problems.push(problem) }),
      await open(3),
    ]
    const conversation = await alice.conversations.newConversation(bob.address)
    const [theirs] = await bob.conversations.list()
    await using stream = await theirs!.streamMessages()
    await using all = await bob.conversations.streamAllMessages()

    const elsewhere = await carol.conversations.newConversation(bob.address)
    const { messageEnvelope } = await elsewhere.prepareMessage('of another conversation')
    for (const message of [messageEnvelope.message, Uint8Array.of(0xff, 1), new Uint8Array(300)])
      await carol.publishEnvelopes([{ contentTopic: conversation.topic, message }])
    await carol.publishEnvelopes([
      { contentTopic: inviteTopic(parseAddress(bob.address)), message: Uint8Array.of(0xff) },
    ])
    await conversation.send('good')

    expect((await stream.next()).value?.content).toBe('good')
    expect((await all.next()).value?.content).toBe('good')
    expect((await theirs!.messages()).map(({ content }) => content)).toEqual(['good'])
    await bob.conversations.list()
    const codes = new Set(problems.map(({ error }) => error.code))
    expect(codes).toContain('v2.message.wrongTopic')
    expect(codes).toContain('v2.message.malformed')
    expect(codes).toContain('v2.invitation.malformed')
  })

  it('and what a stranger writes with the right key is not shown either', async () => {
    const problems: Problem[] = []
    const [alice, bob] = [
      await open(1),
      await open(2, { onProblem: (problem) => problems.push(problem) }),
    ]
    const conversation = await alice.conversations.newConversation(bob.address)
    const [theirs] = await bob.conversations.list()
    // Carol holds the key of the conversation, and signs as herself.
    const carolKeys = decodePrivateKeyBundle(await Client.getKeys(walletKey(3), { transport }))
    const carol = await open(3)
    const bobKeys = decodePrivateKeyBundle(await Client.getKeys(walletKey(2), { transport }))
    const aliceKeys = decodePrivateKeyBundle(await Client.getKeys(walletKey(1), { transport }))
    const keys = v2.deriveConversation({
      own: bobKeys,
      ownAddress: parseAddress(bob.address),
      peer: verifyKeyBundle(publicKeyBundle(aliceKeys)),
      conversationId: undefined,
    })
    expect(keys.topic).toBe(conversation.topic)
    const sealed = v2.sealMessage(Uint8Array.of(10, 0), {
      conversation: keys,
      own: carolKeys,
      ownAddress: parseAddress(carol.address),
      createdNs: 1n,
      nowMs: 0,
      shouldPush: true,
      random: systemEnvironment.random,
    })
    await carol.publishEnvelopes([{ contentTopic: keys.topic, message: sealed.bytes }])
    expect(await theirs!.messages()).toEqual([])
    expect(problems).toMatchObject([
      { error: { code: 'v2.message.notParticipant' }, messageId: sealed.id },
    ])
  })
})
