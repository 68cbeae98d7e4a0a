import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConsentEntityType, ConsentState, type ArchiveOptions, type Client } from '@xmtp-ts/client'
import { DeleteMessage } from '@xmtp-ts/proto/mls/message_contents/content_types/delete_message'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { texts, world } from './world.ts'

const { Allowed, Denied, Unknown } = ConsentState
const { GroupId, InboxId } = ConsentEntityType
const key = new Uint8Array(32).fill(5)

const { open, refusals } = world()

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-archives-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** An archive of one client, taken by another. */
async function hand(from: Client, to: Client, options?: ArchiveOptions): Promise<void> {
  await to.importArchive(from.exportArchive(key, options), key)
}

async function saidIn(client: Client, id: string): Promise<unknown[] | undefined> {
  const seen = await client.conversations.getConversationById(id)
  return seen && texts(await seen.messages())
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const found: Uint8Array[] = []
  for await (const piece of pieces) found.push(piece)
  return Buffer.concat(found)
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

describe('an archive', () => {
  it('shows another installation what was said, with its people, names and reactions', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const group = await alix.conversations.createGroup([bo.inboxId], {
      groupName: 'old',
      groupDescription: 'what it was about',
    })
    const id = await group.sendText('hello')
    await group.sendReaction({
      reference: id,
      referenceInboxId: alix.inboxId,
      action: 1,
      content: '+1',
      schema: 1,
    })
    const again = await open(1)
    await hand(alix, again)
    const [seen] = await again.conversations.listGroups()
    expect(seen).toMatchObject({ id: group.id, name: 'old', description: 'what it was about' })
    expect(seen!.isActive).toBe(false)
    expect(seen!.createdAtNs).toBe(group.createdAtNs)
    expect(seen!.isSuperAdmin(alix.inboxId)).toBe(true)
    expect(seen!.consentState()).toBe(Allowed)
    const [message] = await seen!.messages()
    expect(message).toMatchObject({ id, content: 'hello', senderInboxId: alix.inboxId })
    expect(message!.reactions).toHaveLength(1)
    await expect(seen!.sendText('too soon')).rejects.toMatchObject({
      code: 'client.conversation.inactive',
    })
    await seen!.sync()
    await again.conversations.syncAll()
  })

  it('becomes whole when a member lets the installation in', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const group = await bo.conversations.createGroup([alix.inboxId], { groupName: 'ours' })
    await group.sendText('before')
    await alix.conversations.syncAll()
    const again = await open(1)
    await hand(alix, again)
    expect((await again.conversations.getConversationById(group.id))?.isActive).toBe(false)
    // Any change of members lets new installations in.
    await group.addMembers([(await open(3)).inboxId])
    await again.conversations.syncAll()
    expect((await again.conversations.getConversationById(group.id))?.isActive).toBe(true)
    const seen = await again.conversations.getConversationById(group.id)
    expect(await saidIn(again, group.id)).toEqual(['before'])
    await seen!.sendText('from the new one')
    await group.sync()
    expect((await saidIn(bo, group.id))?.at(-1)).toBe('from the new one')
  })

  it('of a direct message is read in the next one with the same person', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const old = await alix.conversations.createDm(bo.inboxId)
    await old.sendText('old')
    const again = await open(1)
    await hand(alix, again)
    expect(await again.conversations.getDmByInboxId(bo.inboxId)).toBeUndefined()
    expect(await saidIn(again, old.id)).toEqual(['old'])
    const dm = await again.conversations.createDm(bo.inboxId)
    expect(dm.id).not.toBe(old.id)
    await dm.sendText('new')
    expect(texts(await dm.messages())).toEqual(['old', 'new'])
    expect(await again.conversations.listDms()).toHaveLength(1)
    await bo.conversations.syncAll()
    expect(await saidIn(bo, dm.id)).toContain('new')
  })

  it('may be taken twice, and writes over nothing newer', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const stranger = 'd'.repeat(64)
    const group = await alix.conversations.createGroup([bo.inboxId], { groupName: 'old name' })
    await group.sendText('one')
    const decide = (entity: string, state: ConsentState) =>
      alix.preferences.setConsentStates([{ entityType: InboxId, entity, state }])
    await decide(stranger, Denied)
    const archive = await bytesOf(alix.exportArchive(key))
    await group.updateName('new name')
    await decide(stranger, Allowed)
    await group.sendText('two')
    for (const client of [alix, alix, await open(1)]) await client.importArchive(only(archive), key)
    expect(await saidIn(alix, group.id)).toEqual(['one', 'two'])
    expect(group.name).toBe('new name')
    expect(group.isActive).toBe(true)
    expect(await alix.preferences.getConsentState(InboxId, stranger)).toBe(Allowed)
  })

  it('has what was asked for', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const early = await alix.conversations.createGroup([bo.inboxId])
    await early.sendText('early')
    await early.sync()
    const [first] = await early.messages({ limit: 1, direction: 1 })
    const late = await alix.conversations.createGroup([bo.inboxId])
    await late.sendText('late')
    await late.updateConsentState(Denied)
    const taken = async (options: ArchiveOptions) => {
      const again = await open(1)
      await hand(alix, again, options)
      const consent = await again.preferences.getConsentState(GroupId, late.id)
      const said = [await saidIn(again, early.id), await saidIn(again, late.id)]
      return { consent, said }
    }
    expect(await taken({ elements: ['Consent'] })).toEqual({
      consent: Denied,
      said: [undefined, undefined],
    })
    expect(await taken({ elements: ['Messages'] })).toEqual({
      consent: Unknown,
      said: [['early'], ['late']],
    })
    const startNs = first!.sentAtNs
    expect(await taken({ elements: ['Messages'], startNs })).toEqual({
      consent: Unknown,
      said: [undefined, ['late']],
    })
    expect(await taken({ elements: ['Messages'], endNs: startNs })).toEqual({
      consent: Unknown,
      said: [['early'], undefined],
    })
  })

  it('leaves out what was deleted, and keeps what disappears from staying', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const group = await alix.conversations.createGroup([bo.inboxId])
    await group.sendText('stays')
    const deleted = await group.sendText('deleted')
    await group.send({
      type: {
        authorityId: 'xmtp.org',
        typeId: 'deleteMessage',
        versionMajor: 1,
        versionMinor: 0,
      },
      parameters: {},
      content: DeleteMessage.encode({ messageId: deleted }).finish(),
    })
    await group.updateMessageDisappearingSettings(1n, 3_600_000_000_000n)
    await group.sendText('disappears')
    const again = await open(1)
    await hand(alix, again)
    expect(await saidIn(again, group.id)).toEqual(['stays', 'disappears'])
    const seen = await again.conversations.getConversationById(group.id)
    const last = await seen!.lastMessage()
    expect(last!.expiresAtNs).toBe(last!.sentAtNs + 3_600_000_000_000n)
    const third = await open(1)
    await hand(alix, third, { elements: ['Messages'], excludeDisappearingMessages: true })
    expect(await saidIn(third, group.id)).toEqual(['stays'])
  })

  it('in a file is there when it is whole, and says what it has', async () => {
    const alix = await open(1)
    const path = join(folder, 'alix')
    await alix.createArchive(path, key, { elements: ['Consent'], startNs: 5n })
    expect(await readdir(folder)).toEqual(['alix'])
    expect(await alix.archiveMetadata(path, key)).toMatchObject({
      backupVersion: 0,
      elements: ['Consent'],
      startNs: 5n,
      endNs: undefined,
    })
    // A longer key counts as far as its first 32 bytes, as in libxmtp.
    await alix.importArchive(path, new Uint8Array(40).fill(5))
    await expect(alix.importArchive(path, new Uint8Array(31))).rejects.toThrow(RangeError)
    await expect(alix.importArchive(join(folder, 'none'), key)).rejects.toMatchObject({
      code: 'client.store.unusable',
    })
    await expect(alix.createArchive(join(folder, 'no', 'where'), key)).rejects.toMatchObject({
      code: 'client.store.unusable',
    })
  })

  it('that is cut or changed is refused, and what was whole stays', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const group = await alix.conversations.createGroup([bo.inboxId])
    const long = 'x'.repeat(5_000)
    for (let count = 0; count < 100; count += 1) await group.sendText(`message ${count} ${long}`)
    const path = join(folder, 'cut')
    await alix.createArchive(path, key)
    const whole = await readFile(path)
    await writeFile(path, whole.subarray(0, 300_000))
    const again = await open(1)
    await expect(again.importArchive(path, key)).rejects.toMatchObject({
      code: 'client.archive.malformed',
    })
    // Two blocks of 128 KiB are whole.
    const kept = (await saidIn(again, group.id))?.length
    expect(kept).toBeGreaterThan(40)
    expect(kept).toBeLessThan(55)
    await again.importArchive(only(whole), key)
    expect(await saidIn(again, group.id)).toHaveLength(100)
    await expect(again.importArchive(only(whole), new Uint8Array(32))).rejects.toMatchObject({
      code: 'client.archive.wrongKey',
    })
    expect(refusals).toEqual([])
  })
})
