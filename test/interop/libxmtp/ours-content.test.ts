import { describe, expect, it } from 'vitest'
import { DeleteMessage } from '@xmtp-ts/proto/mls/message_contents/content_types/delete_message'
import type { Client, Conversation, EncodedContent, Message } from './driver.ts'
import { native } from './native.ts'
import { agree, meeting, seenBy, sides } from './sides.ts'
import { describeUnless } from './describe-unless.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)

const typeOf = (typeId: string, authorityId = 'xmtp.org') => ({
  authorityId,
  typeId,
  versionMajor: 1,
  versionMinor: 0,
})

const encodedText = (text: string): EncodedContent => ({
  type: typeOf('text'),
  parameters: { encoding: 'UTF-8' },
  content: utf8(text),
})

const deletionOf = (id: string): EncodedContent => ({
  type: typeOf('deleteMessage'),
  parameters: {},
  content: DeleteMessage.encode({ messageId: id }).finish(),
})

const remoteAttachment = {
  url: 'https://example.org/file',
  contentDigest: 'ab'.repeat(32),
  secret: Uint8Array.from({ length: 32 }, (_, index) => index),
  salt: Uint8Array.from({ length: 32 }, (_, index) => index + 1),
  nonce: Uint8Array.from({ length: 12 }, (_, index) => index + 2),
  scheme: 'https',
  contentLength: 1_000,
  filename: 'file.bin',
}

/** Everything that the SDK has a method for, but for what is about another message. */
const contents = [
  ['Markdown', '# title'],
  ['Attachment', { filename: 'a.txt', mimeType: 'text/plain', content: utf8('inside') }],
  ['RemoteAttachment', remoteAttachment],
  ['MultiRemoteAttachment', { attachments: [remoteAttachment, remoteAttachment] }],
  [
    'TransactionReference',
    { namespace: 'eip155', networkId: '0x1', reference: `0x${'12'.repeat(32)}` },
  ],
  [
    'WalletSendCalls',
    {
      version: '1.0',
      chainId: '0x1',
      from: `0x${'0a'.repeat(20)}`,
      calls: [{ to: `0x${'0b'.repeat(20)}`, value: '0x1', data: '0x' }],
    },
  ],
  [
    'Actions',
    { id: 'q', description: 'Which?', actions: [{ id: 'a', label: 'This one', style: 0 }] },
  ],
  ['Intent', { id: 'q', actionId: 'a' }],
] as const

describeUnless(native.problem)('contents of our client and libxmtp', () => {
  const { open } = meeting()

  async function groupOf(a: Client, b: Client): Promise<[Conversation, Conversation]> {
    const group = await a.newGroup([b.inboxId])
    return [group, await seenBy(b, group)]
  }

  describe.each(sides)('$name', ({ one, other }) => {
    const two = () => Promise.all([open(one), open(other)])

    it('is the same on both sides, whatever its type', async () => {
      const [group, seen] = await groupOf(...(await two()))
      for (const [type, content] of contents) {
        const id = await group.sendAs(type, content)
        await seen.sync()
        const find = async (view: Conversation) =>
          (await view.messages()).find((message) => message.id === id)
        const [sent, read] = [await find(group), await find(seen)]
        expect(read, type).toBeDefined()
        expect(sent, type).toEqual(read)
        expect(read!.content, type).toMatchObject(content as object)
      }
      await agree(group, seen)
    })

    it('shows reactions and replies with what they are about, receipts as times', async () => {
      const [alix, bo] = await two()
      const [group, seen] = await groupOf(alix, bo)
      const id = await group.send('a question')
      await seen.sync()
      const about = { reference: id, referenceInboxId: alix.inboxId }
      const reaction = { ...about, action: 1, content: '👍', schema: 1 }
      await seen.sendAs('Reaction', reaction)
      await seen.sendAs('Reply', { ...about, content: encodedText('an answer') })
      await seen.sendAs('ReadReceipt')
      await group.sync()
      await group.sendAs('Reaction', { ...reaction, action: 2 })
      await seen.sync()
      await agree(group, seen)
      const said = (await group.messages()).filter(({ kind }) => kind === 'application')
      expect(said).toHaveLength(2)
      expect(said[0]).toMatchObject({ id, numReplies: 1 })
      expect(
        said[0]!.reactions.map(({ content, senderInboxId }) => [content, senderInboxId]),
      ).toEqual([
        [reaction, bo.inboxId],
        [{ ...reaction, action: 2 }, alix.inboxId],
      ])
      expect(said[1]!.content).toMatchObject({
        content: 'an answer',
        inReplyTo: { id, content: 'a question' },
      })
      const times = async (view: Conversation) => view.call('lastReadTimes')
      expect(Object.keys(await times(group))).toEqual([bo.inboxId])
      expect(await times(group)).toEqual(await times(seen))
    })

    it('is emptied everywhere when its sender, or a super admin, deletes it', async () => {
      const [alix, bo] = await two()
      const [group, seen] = await groupOf(alix, bo)
      await using deleted = await alix.streamDeletedMessages()
      const [stays, own] = [await group.send('stays'), await seen.send('by its sender')]
      const byAdmin = await seen.send('by the super admin')
      await group.sync()
      // Not his: nobody heeds it.
      await seen.sendContent(deletionOf(stays))
      await seen.sendContent(deletionOf(own))
      await group.sync()
      await group.sendContent(deletionOf(byAdmin))
      await seen.sync()
      await deleted.until((values) => values.length >= (one === 'ours' ? 2 : 1))
      const contentOf = async (client: Client, id: string) => (await client.message(id))!.content
      for (const client of [alix, bo]) expect(await contentOf(client, stays)).toBe('stays')
      // libxmtp does not heed a deletion that it sends as an encoded content, which is the only way that its SDK has.
      for (const client of other === 'ours' ? [alix, bo] : [alix])
        expect(await contentOf(client, own)).toMatchObject({ deletedBy: 'Sender' })
      for (const client of one === 'ours' ? [alix, bo] : [bo])
        expect(await contentOf(client, byAdmin)).toMatchObject({
          deletedBy: 'Admin',
          adminInboxId: alix.inboxId,
        })
    })

    it('of a type that only the apps know passes as it is', async () => {
      const rawTypes = ['example.org/thing']
      const [alix, bo] = await Promise.all([open(one, { rawTypes }), open(other, { rawTypes })])
      const caro = await open(other)
      const group = await alix.newGroup([bo.inboxId, caro.inboxId])
      const [atBo, atCaro] = [await seenBy(bo, group), await seenBy(caro, group)]
      const thing = {
        type: typeOf('thing', 'example.org'),
        parameters: { one: '1' },
        content: Uint8Array.of(0, 1, 255),
        fallback: 'A thing',
      }
      await group.sendContent(thing)
      await Promise.all([atBo.sync(), atCaro.sync()])
      const last = async (view: Conversation) => (await view.messages()).at(-1)!
      expect((await last(atBo)).content).toMatchObject(thing)
      const unread = await last(atCaro)
      expect(unread.content ?? undefined).toBeUndefined()
      expect(unread.fallback).toBe('A thing')
      expect(unread.contentType).toBe('example.org/thing:1.0')
    })

    it('is kept back until it is published', async () => {
      const [group, seen] = await groupOf(...(await two()))
      const statuses = async (view: Conversation) =>
        (await view.messages())
          .filter(({ kind }) => kind === 'application')
          .map(({ content, deliveryStatus }) => [content, deliveryStatus])
      await group.sendOptimistic('one')
      await group.sendOptimistic('two')
      expect(await statuses(group)).toEqual([
        ['one', 'unpublished'],
        ['two', 'unpublished'],
      ])
      await seen.sync()
      expect(await seen.texts()).toEqual([])
      await group.publish()
      await agree(group, seen)
      expect(await statuses(seen)).toEqual([
        ['one', 'published'],
        ['two', 'published'],
      ])
    })

    it('is listed and counted the same by every option', async () => {
      const [alix, bo] = await two()
      const [group, seen] = await groupOf(alix, bo)
      for (const text of ['a', 'b', 'c']) await group.send(text)
      await seen.sync()
      await seen.send('d')
      await group.sync()
      await group.sendAs('Markdown', '# e')
      await group.sendAs('ReadReceipt')
      await group.updateName('named')
      await seen.sync()
      await agree(group, seen)
      const said = (await group.messages()).filter(({ kind }) => kind === 'application')
      const at = (index: number) => said[index]!.sentAtNs
      const options = [
        {},
        { limit: 2 },
        { direction: 1 },
        { direction: 1, limit: 2 },
        { sentAfterNs: at(1) },
        { sentBeforeNs: at(3) },
        { sentAfterNs: at(0), sentBeforeNs: at(3), direction: 1 },
        { kind: 0 },
        { kind: 1 },
        { contentTypes: [13] },
        { contentTypes: [7, 13], limit: 4 },
        { excludeContentTypes: [13] },
        { excludeSenderInboxIds: [alix.inboxId] },
        { deliveryStatus: 1 },
        { deliveryStatus: 0 },
        { kind: 0, sortBy: 1 },
        { kind: 0, sortBy: 1, direction: 1 },
      ]
      for (const each of options) {
        const listed = async (view: Conversation) => (await view.messages(each)).map(nameOf)
        expect(await listed(group), JSON.stringify(each, print)).toEqual(await listed(seen))
        const { limit: _, direction: __, ...chosen } = { limit: 0, direction: 0, ...each }
        const counted = (view: Conversation): Promise<bigint | number> =>
          view.call('countMessages', chosen)
        expect(Number(await counted(group)), JSON.stringify(each, print)).toBe(
          Number(await counted(seen)),
        )
      }
      expect(nameOf(await group.call('lastMessage'))).toBe(nameOf(await seen.call('lastMessage')))
    })
  })
})

/** Ids of transcripts are each client's own. */
function nameOf({ kind, id, content }: Message): string {
  return kind === 'application' || typeof content === 'string' ? id : 'change'
}

const print = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
