import { type Client, ConsentState, ConversationType, DeliveryStatus } from '@xmtp-ts/client'
import { describe, expect, it } from 'vitest'
import { take, texts, until, world } from './world.ts'

const { open } = world()

describe('a direct message', () => {
  it('goes both ways, with the times and the ids of the network', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    expect(dm.peerInboxId).toBe(ben.inboxId)
    expect(dm.consentState()).toBe(ConsentState.Allowed)
    await dm.sendText('hello')
    await ben.conversations.syncAll()
    const [theirs] = await ben.conversations.listDms()
    expect(theirs?.id).toBe(dm.id)
    expect(texts(await theirs!.messages())).toEqual(['hello'])
    expect(theirs!.consentState()).toBe(ConsentState.Unknown)
    await theirs!.sendText('hi')
    expect(theirs!.consentState()).toBe(ConsentState.Allowed)
    await dm.sync()
    expect(texts(await dm.messages())).toEqual(['hello', 'hi'])
    const [last, again] = [await dm.lastMessage(), await theirs!.lastMessage()]
    expect(again).toMatchObject({ id: last!.id, sentAtNs: last!.sentAtNs })
    expect(await dm.metadata()).toEqual({
      creatorInboxId: ann.inboxId,
      conversationType: ConversationType.Dm,
    })
    const members = await theirs!.members()
    expect(members.map(({ inboxId }) => inboxId).toSorted()).toEqual(
      [ann.inboxId, ben.inboxId].toSorted(),
    )
    expect(members.find(({ inboxId }) => inboxId === ann.inboxId)?.installationIds).toEqual([
      ann.installationId,
    ])
  })

  it('is found again, by inbox id, address and identifier', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const { identifier } = ben.accountIdentifier
    const dm = await ann.conversations.createDm(identifier)
    expect((await ann.conversations.createDm(ben.inboxId)).id).toBe(dm.id)
    const found = await ann.conversations.createDmWithIdentifier(ben.accountIdentifier)
    expect(found.id).toBe(dm.id)
    expect((await ann.conversations.getDmByInboxId(ben.inboxId))?.id).toBe(dm.id)
    expect((await ann.conversations.fetchDmByIdentifier(ben.accountIdentifier))?.id).toBe(dm.id)
    expect((await ann.conversations.getConversationById(dm.id))?.id).toBe(dm.id)
    expect(await ann.conversations.getConversationById('00')).toBeUndefined()
    expect(await ann.conversations.list()).toHaveLength(1)
    await ben.conversations.sync()
    expect((await ben.conversations.createDm(ann.inboxId)).id).toBe(dm.id)
  })

  it('is not with oneself, nor with nobody', async () => {
    const ann = await open(1)
    await expect(ann.conversations.createDm(ann.inboxId)).rejects.toMatchObject({
      code: 'client.peer.self',
    })
    await expect(
      ann.conversations.createDm('0x000000000000000000000000000000000000dead'),
    ).rejects.toMatchObject({ code: 'client.inbox.unknown' })
    expect(await ann.conversations.list()).toEqual([])
  })

  it('that both began at once is one: listed once, read whole, written in one place', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const [one, two] = await Promise.all([
      ann.conversations.createDm(ben.inboxId),
      ben.conversations.createDm(ann.inboxId),
    ])
    expect(one.id).not.toBe(two.id)
    await one.sendText('from ann')
    await two.sendText('from ben')
    for (const client of [ann, ben, ann, ben]) await client.conversations.syncAll()
    const [annList, benList] = [await ann.conversations.list(), await ben.conversations.list()]
    expect([annList.length, benList.length]).toEqual([1, 1])
    expect(annList[0]!.id).toBe(benList[0]!.id)
    expect(await ann.conversations.list({ includeDuplicateDms: true })).toHaveLength(2)
    for (const dm of [one, two]) {
      await dm.sync()
      expect(texts(await dm.messages()).toSorted()).toEqual(['from ann', 'from ben'])
      expect(await dm.duplicateDms()).toHaveLength(1)
      expect(Object.keys(await dm.hmacKeys())).toHaveLength(2)
    }
    await one.updateConsentState(ConsentState.Denied)
    expect(await ann.conversations.list()).toEqual([])
    const [duplicate] = await one.duplicateDms()
    expect(duplicate!.consentState()).toBe(ConsentState.Denied)
    await one.sendText('again')
    await two.sync()
    expect(texts(await two.messages()).at(-1)).toBe('again')
    const last = await two.lastMessage()
    expect(last!.conversationId).toBe(benList[0]!.id)
  })

  it('that is kept back is sent later', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    const id = await dm.sendText('later', true)
    expect(await dm.lastMessage()).toMatchObject({
      id,
      content: 'later',
      deliveryStatus: DeliveryStatus.Unpublished,
    })
    await ben.conversations.syncAll()
    const theirs = await ben.conversations.getDmByInboxId(ann.inboxId)
    expect(texts(await theirs!.messages())).toEqual([])
    await dm.publishMessages()
    expect(await dm.lastMessage()).toMatchObject({ id, deliveryStatus: DeliveryStatus.Published })
    await theirs!.sync()
    expect(await theirs!.lastMessage()).toMatchObject({ id, content: 'later' })
  })

  it('carries every kind of content, reactions beside their message, and replies with theirs', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    const first = await dm.sendText('first')
    await ben.conversations.syncAll()
    const theirs = (await ben.conversations.getDmByInboxId(ann.inboxId))!
    await theirs.sendReaction({
      reference: first,
      referenceInboxId: ann.inboxId,
      action: 1,
      content: '+',
      schema: 1,
    })
    const content = {
      type: { authorityId: 'xmtp.org', typeId: 'text', versionMajor: 1, versionMinor: 0 },
      parameters: { encoding: 'UTF-8' },
      content: new TextEncoder().encode('an answer'),
    }
    await theirs.sendReply({ content, reference: first })
    await theirs.sendReadReceipt()
    await theirs.sendMarkdown('# yes')
    await dm.sync()
    const messages = await dm.messages({ kind: 0 })
    expect(messages.map(({ contentType }) => contentType.typeId)).toEqual([
      'text',
      'reply',
      'markdown',
    ])
    const [text, reply] = messages
    expect(text).toMatchObject({ id: first, numReplies: 1 })
    expect(text!.reactions.map((one) => one.content)).toEqual([
      { reference: first, referenceInboxId: ann.inboxId, action: 1, content: '+', schema: 1 },
    ])
    expect(reply!.content).toMatchObject({ referenceId: first, content: 'an answer' })
    expect(reply!.content).toMatchObject({ inReplyTo: { id: first, content: 'first' } })
    expect(reply!.fallback).toBe('Replied with "an answer" to an earlier message')
    // Reactions and receipts are counted although they are not listed.
    expect(await dm.countMessages()).toBe(5)
    const times = await dm.lastReadTimes()
    expect(Object.keys(times)).toEqual([ben.inboxId])
  })

  it('of a type without codec has a fallback', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    await dm.send({
      type: { authorityId: 'example.org', typeId: 'x', versionMajor: 1, versionMinor: 0 },
      parameters: {},
      fallback: 'A thing',
      content: new Uint8Array([1]),
    })
    expect(await dm.lastMessage()).toMatchObject({
      content: undefined,
      fallback: 'A thing',
      error: { code: 'content.unknownType' },
    })
  })

  it('is listed by every option', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    for (const text of ['a', 'b', 'c', 'd']) await dm.sendText(text)
    const all = await dm.messages({ contentTypes: [13] })
    expect(texts(all)).toEqual(['a', 'b', 'c', 'd'])
    expect(texts(await dm.messages({ limit: 2, direction: 1 }))).toEqual(['d', 'c'])
    expect(texts(await dm.messages({ limit: 3 }))).toEqual(['a', 'b'])
    const [a, b, , d] = all
    expect(
      texts(await dm.messages({ sentAfterNs: a!.sentAtNs, sentBeforeNs: d!.sentAtNs })),
    ).toEqual(['b', 'c'])
    expect(texts(await dm.messages({ excludeContentTypes: [13] }))).toEqual([])
    expect(await dm.messages({ excludeSenderInboxIds: [ann.inboxId] })).toEqual([])
    expect(texts(await dm.messages({ insertedAfterNs: d!.insertedAtNs }))).toEqual([])
    expect(await dm.messages({ deliveryStatus: DeliveryStatus.Failed })).toEqual([])
    expect(texts(await dm.messages({ sortBy: 1, direction: 1, limit: 1 }))).toEqual(['d'])
    expect((await ann.conversations.getMessageById(b!.id))?.content).toBe('b')
    expect(await ann.conversations.getMessageById('00')).toBeUndefined()
  })
})

describe('conversations', () => {
  it('are listed by consent, type, time and activity', async () => {
    const [ann, ben, cleo] = [await open(1), await open(2), await open(3)]
    const withBen = await ann.conversations.createDm(ben.inboxId)
    const withCleo = await ann.conversations.createDm(cleo.inboxId)
    const group = await ann.conversations.createGroup([ben.inboxId])
    await withBen.sendText('newest')
    const ids = async (options: Parameters<Client['conversations']['list']>[0]) =>
      (await ann.conversations.list(options)).map(({ id }) => id)
    expect(await ids({})).toEqual([withBen.id, group.id, withCleo.id])
    expect(await ids({ orderBy: 0 })).toEqual([group.id, withCleo.id, withBen.id])
    expect(await ids({ conversationType: ConversationType.Dm })).toEqual([withBen.id, withCleo.id])
    expect(await ids({ limit: 1 })).toEqual([withBen.id])
    expect(await ids({ createdAfterNs: withCleo.createdAtNs })).toEqual([group.id])
    expect(await ids({ consentStates: [ConsentState.Denied] })).toEqual([])
    expect((await ann.conversations.listGroups()).map(({ id }) => id)).toEqual([group.id])
    await group.updateConsentState(ConsentState.Denied)
    expect(await ids({ consentStates: [ConsentState.Denied] })).toEqual([group.id])
    expect(await ids({})).toEqual([withBen.id, withCleo.id])
  })

  it('tell what changes in them by themselves', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId], { groupName: 'old' })
    await ben.conversations.sync()
    const [held] = await ben.conversations.listGroups()
    await using stream = await ben.conversations.streamAllMessages()
    await group.updateName('new')
    await take(stream, 1)
    await until(() => held!.name === 'new')
  })
})

describe('preferences', () => {
  it('say who is wanted, and stream what is decided', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    await using consents = await ann.preferences.streamConsent()
    await ann.preferences.setConsentStates([
      { entityType: 1, state: ConsentState.Allowed, entity: ben.inboxId },
      { entityType: 0, state: ConsentState.Denied, entity: dm.id },
    ])
    expect(await ann.preferences.getConsentState(1, ben.inboxId)).toBe(ConsentState.Allowed)
    expect(await ann.preferences.getConsentState(0, dm.id)).toBe(ConsentState.Denied)
    expect(await take(consents, 2)).toEqual([
      [{ entityType: 1, state: ConsentState.Allowed, entity: ben.inboxId }],
      [{ entityType: 0, state: ConsentState.Denied, entity: dm.id }],
    ])
    await expect(
      ann.preferences.setConsentStates([{ entityType: 0, state: 1, entity: 'a/b' }]),
    ).rejects.toThrow(RangeError)
  })

  it('know inboxes', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    expect(await ann.preferences.inboxState()).toMatchObject({
      inboxId: ann.inboxId,
      identifiers: [ann.accountIdentifier],
      installations: [{ id: ann.installationId }],
    })
    const states = await ann.preferences.fetchInboxStates([ben.inboxId, ann.inboxId])
    expect(states.map(({ inboxId }) => inboxId)).toEqual([ben.inboxId, ann.inboxId])
    await expect(ann.preferences.getInboxStates(['0'.repeat(64)])).rejects.toMatchObject({
      code: 'client.inbox.unknown',
    })
  })
})
