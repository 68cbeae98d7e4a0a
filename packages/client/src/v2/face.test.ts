import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNode, openMemoryLog, type Node } from '@xmtp-ts/node'
import { consentProofText, createConsentProof } from '@xmtp-ts/protocol'
import { toSigner } from '../signer.ts'
import { memoryTransport } from '../transport/memory.ts'
import type { Transport } from '../transport/transport.ts'
import { Client } from './client.ts'
import { CompositeCodec, ContentTypeComposite } from './composite.ts'
import { ConsentListEntry } from './consent-entry.ts'
import { ContentTypeId } from './content-type-id.ts'
import { DecodedMessage } from './message.ts'
import { SortDirection } from './options.ts'
import { ContentTypeText } from './text.ts'
import {
  buildDirectMessageTopic,
  buildUserContactTopic,
  buildUserIntroTopic,
  buildUserInviteTopic,
} from './topics.ts'

const walletKey = (number: number) => number.toString(16).padStart(64, '0')

let node: Node
let transport: Transport
let alice: Client
let bob: Client

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog() })
  transport = memoryTransport(node.memory())
  alice = await Client.create(walletKey(1), { transport })
  bob = await Client.create(walletKey(2), { transport })
})

afterEach(async () => {
  await alice.close()
  await bob.close()
  await node[Symbol.asyncDispose]()
})

describe('content', () => {
  it('is encoded and decoded without a conversation', async () => {
    const { payload, shouldPush } = await alice.encodeContent('hi')
    expect(shouldPush).toBe(true)
    const { content, contentType, error } = await bob.decodeContent(payload)
    expect({ content, error }).toEqual({ content: 'hi', error: undefined })
    expect(contentType.sameAs(ContentTypeText)).toBe(true)
  })

  it('without a codec has an error and its fallback', async () => {
    alice.registerCodec(new ReactionCodec())
    const reaction = { reference: '00', emoji: '🌊' }
    const { payload } = await alice.encodeContent(reaction, { contentType: reactionType })
    expect(await bob.decodeContent(payload)).toMatchObject({
      content: undefined,
      contentFallback: 'Reacted 🌊 to 00',
      error: { code: 'content.unknownType' },
    })
    await expect(bob.encodeContent(reaction, { contentType: reactionType })).rejects.toMatchObject({
      code: 'content.unknownType',
    })
  })

  it('of several parts is one message', async () => {
    for (const client of [alice, bob]) client.registerCodec(new CompositeCodec())
    const conversation = await alice.conversations.newConversation(bob.address)
    const parts = ['one', 'two'].map((content) => ({ type: ContentTypeText, content }))
    await conversation.send({ parts }, { contentType: ContentTypeComposite })
    const [listed] = await bob.conversations.list()
    const [message] = await listed!.messages()
    expect(message!.content).toMatchObject({ parts: [{ content: 'one' }, { content: 'two' }] })
  })
})

const reactionType = new ContentTypeId({
  authorityId: 'xmtp.org',
  typeId: 'reaction',
  versionMajor: 1,
  versionMinor: 0,
})

type Reaction = { readonly reference: string; readonly emoji: string }

/** As the published packages declare it: the type is an instance of their class. */
type PublishedContent = {
  type: ContentTypeId
  parameters: Record<string, string>
  fallback?: string
  compression?: number
  content: Uint8Array
}

/** In the shape of the published codec packages: a class, a getter, methods that need their `this`. */
class ReactionCodec {
  readonly verb: string = 'Reacted'

  get contentType(): ContentTypeId {
    return reactionType
  }

  encode(content: Reaction) {
    const parameters = { encoding: 'UTF-8', schema: this.verb }
    const bytes = new TextEncoder().encode(JSON.stringify(content))
    return { type: this.contentType, parameters, content: bytes }
  }

  decode(encoded: PublishedContent): Reaction | undefined {
    const isOurs = encoded.type.sameAs(this.contentType)
    return isOurs ? JSON.parse(new TextDecoder().decode(encoded.content)) : undefined
  }

  fallback(content: Reaction): string | undefined {
    return `${this.verb} ${content.emoji} to ${content.reference}`
  }

  shouldPush(): boolean {
    return this.verb === ''
  }
}

describe('a codec of a published package', () => {
  it('works unchanged', async () => {
    const codecs = [new ReactionCodec()]
    const one = await Client.create(walletKey(3), { transport, codecs })
    const two = await Client.create(walletKey(4), { transport, codecs })
    const conversation = await one.conversations.newConversation(two.address)
    const reaction = { reference: 'ab', emoji: '👍' }
    await conversation.send(reaction, { contentType: reactionType })
    const [listed] = await two.conversations.list()
    const [message] = await listed!.messages()
    expect(message).toMatchObject({ content: reaction, contentFallback: 'Reacted 👍 to ab' })
    expect(message!.contentType.toString()).toBe('xmtp.org/reaction:1.0')
    expect((await one.encodeContent(reaction, { contentType: reactionType })).shouldPush).toBe(
      false,
    )
    await one.close()
    await two.close()
  })
})

describe('envelopes', () => {
  it('of invitations and of any topic are listed, whole or by pages', async () => {
    const conversation = await alice.conversations.newConversation(bob.address)
    for (const text of ['a', 'b', 'c']) await conversation.send(text)
    expect(await bob.listInvitations()).toMatchObject([
      { contentTopic: buildUserInviteTopic(bob.address) },
    ])
    const text = async (envelope: { message: Uint8Array }) =>
      (await conversation.decodeMessage(envelope)).content
    const { topic } = conversation
    expect(await bob.listEnvelopes(topic, text)).toEqual(['a', 'b', 'c'])
    expect(await bob.listEnvelopes(topic, text, { limit: 2 })).toEqual(['a', 'b'])
    const pages = async (options: { direction?: SortDirection }) => {
      const read: string[][] = []
      const all = bob.listEnvelopesPaginated(topic, text, { pageSize: 2, ...options })
      for await (const page of all) read.push(page)
      return read
    }
    expect(await pages({})).toEqual([['c', 'b'], ['a']])
    const direction = SortDirection.SORT_DIRECTION_ASCENDING
    expect(await pages({ direction })).toEqual([['a', 'b'], ['c']])
    await conversation.send('d')
    const three = await bob.listEnvelopes(topic, text, { limit: 3, pageSize: 2 })
    expect(three).toEqual(['a', 'b', 'c'])
  })

  it('lie in topics that have names', () => {
    const [a, b] = [alice.address, bob.address]
    expect(buildUserContactTopic(a.toLowerCase())).toBe(`/xmtp/0/contact-${a}/proto`)
    expect(buildUserIntroTopic(a)).toBe(`/xmtp/0/intro-${a}/proto`)
    expect(buildDirectMessageTopic(a, b)).toBe(buildDirectMessageTopic(b, a))
  })
})

describe('a stored message', () => {
  it('comes back, in a client that has not seen its conversation too', async () => {
    const conversation = await alice.conversations.newConversation(bob.address, {
      conversationId: 'example.org/stored',
      metadata: { title: 'stored' },
    })
    const sent = await conversation.send('keep me')
    const again = await Client.create(walletKey(1), { transport })
    const back = await DecodedMessage.fromBytes(sent.toBytes(), again)
    expect(back).toMatchObject({
      id: sent.id,
      content: 'keep me',
      sentNs: sent.sentNs,
      senderAddress: alice.address,
      recipientAddress: bob.address,
      contentTopic: conversation.topic,
      contentBytes: sent.contentBytes,
    })
    expect(back.conversation.context?.conversationId).toBe('example.org/stored')
    await back.conversation.send('and I can go on')
    expect(await conversation.messages()).toHaveLength(2)
    await again.close()
  })

  it('of others, or rubbish, is refused', async () => {
    const sent = await (await alice.conversations.newConversation(bob.address)).send('ours')
    const carol = await Client.create(walletKey(3), { transport })
    await expect(DecodedMessage.fromBytes(sent.toBytes(), carol)).rejects.toMatchObject({
      code: 'v2.message.notParticipant',
    })
    for (const bytes of [new Uint8Array(), Uint8Array.of(0xff, 1, 2)])
      await expect(DecodedMessage.fromBytes(bytes, carol)).rejects.toMatchObject({
        code: 'v2.message.malformed',
      })
    await carol.close()
  })
})

describe('the consent list', () => {
  it('is streamed from another device, and followed here', async () => {
    const other = await Client.create(walletKey(1), { transport })
    await using stream = await alice.contacts.streamConsentList()
    await other.contacts.deny([bob.address])
    await other.contacts.allowGroups(['group'])
    expect((await stream.next()).value).toEqual({
      allowAddress: undefined,
      denyAddress: { walletAddresses: [bob.address] },
      allowGroup: undefined,
      denyGroup: undefined,
      allowInboxId: undefined,
      denyInboxId: undefined,
    })
    expect((await stream.next()).value).toMatchObject({ allowGroup: { groupIds: ['group'] } })
    expect([alice.contacts.isDenied(bob.address), alice.contacts.isGroupAllowed('group')]).toEqual([
      true,
      true,
    ])
    await other.close()
  })

  it('that an app kept is taken up, and yields to what the network says', async () => {
    await alice.contacts.deny([bob.address])
    const since = alice.contacts.lastConsentListEntryTimestamp
    expect(Math.abs(Date.now() - Number(since))).toBeLessThan(60_000)
    const kept = [
      ConsentListEntry.fromAddress(bob.address.toLowerCase(), 'allowed'),
      ConsentListEntry.fromGroupId('g', 'denied'),
      ConsentListEntry.fromInboxId('i'),
    ]
    expect(kept.map(({ key }) => key)).toEqual([`address-${bob.address}`, 'groupId-g', 'inboxId-i'])
    const again = await Client.create(walletKey(1), { transport })
    again.contacts.setConsentListEntries(kept)
    expect(again.contacts.isAllowed(bob.address)).toBe(true)
    expect(again.contacts.lastConsentListEntryTimestamp).toBeUndefined()
    expect(again.contacts.groupConsentState('g')).toBe('denied')
    await again.contacts.loadConsentList(since)
    expect(again.contacts.isDenied(bob.address)).toBe(true)
    await again.close()
  })

  it.each([
    ['given by the wallet', 2, 0, 'allowed'],
    ['given by another wallet', 3, 0, 'unknown'],
    ['that is 31 days old', 2, 31, 'unknown'],
  ] as const)('takes a consent proof %s', async (_what, wallet, ageDays, expected) => {
    const timestampMs = Date.now() - ageDays * 86_400_000
    const { signText } = await toSigner(walletKey(wallet))
    const text = consentProofText(alice.address as never, new Date(timestampMs).toUTCString())
    const proof = createConsentProof(await signText(text), BigInt(timestampMs))
    const conversation = await alice.conversations.newConversation(bob.address, undefined, proof)
    expect(conversation.consentProofPayload).toEqual(proof)
    const [listed] = await bob.conversations.list()
    await bob.contacts.loadConsentList()
    expect(listed!.consentState).toBe(expected)
    const elsewhere = await Client.create(walletKey(2), { transport })
    await elsewhere.contacts.loadConsentList()
    expect(elsewhere.contacts.consentState(alice.address)).toBe(expected)
    await elsewhere.close()
  })
})
