import { Conversation, LocalCommit } from '@xmtp-ts/proto/store/v1/store'
import { describe, expect, it } from 'vitest'
import type { Client, Dm } from '@xmtp-ts/client'
import type { Core } from '../../packages/client/src/v3/core.ts'
import { keys } from '../../packages/client/src/v3/records/keys.ts'
import { decodeRow, getRow, scanAll } from '../../packages/client/src/v3/records/rows.ts'
import { movableClock } from './clock.ts'
import { texts, until, world } from './world.ts'

const second = 1_000
const day = 86_400 * second

const { environment, advance } = movableClock()
const { open } = world({ environment })

const coreOf = (conversation: Dm) =>
  (conversation as unknown as { readonly host: { readonly core: Core } }).host.core

async function kindsOf(conversation: Dm): Promise<readonly string[]> {
  const records = await scanAll(coreOf(conversation).store, keys.localCommits(conversation.id))
  return records.map(({ value }) => decodeRow(LocalCommit, value).kind)
}

const uploads = (client: Client) => client.debugInformation.apiStatistics().uploadKeyPackage

describe('in time', () => {
  it('our own key in a group is replaced: before the first message of who was added, and after 30 days', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    await dm.sendText('one')
    advance(29 * day)
    await dm.sendText('two')
    expect(await kindsOf(dm)).toEqual(['GroupCreation', 'UpdateGroupMembership'])
    advance(2 * day)
    await dm.sendText('three')
    expect((await kindsOf(dm)).slice(2)).toEqual(['KeyUpdate'])
    await dm.sendText('four')
    expect((await kindsOf(dm)).slice(2)).toEqual(['KeyUpdate'])
    await ben.conversations.syncAll()
    const atBen = (await ben.conversations.getDmByInboxId(ann.inboxId))!
    expect(texts(await atBen.messages())).toEqual(['one', 'two', 'three', 'four'])
    await atBen.sendText('five')
    expect((await kindsOf(atBen)).filter((kind) => kind === 'KeyUpdate')).toHaveLength(2)
    const row = await getRow(coreOf(atBen).store, Conversation, keys.conversation(atBen.id))
    expect(row!.rotatedAtNs).toBeGreaterThan(0n)
  })

  it('the key package is replaced: 5 seconds after a welcome, and after 30 days', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    expect(uploads(ben)).toBe(1n)
    await ann.conversations.createDm(ben.inboxId)
    await ben.conversations.syncAll()
    expect(uploads(ben)).toBe(1n)
    advance(11 * second)
    await until(() => uploads(ben) === 2n)
    advance(29 * day)
    await ben.conversations.syncAll()
    expect(uploads(ben)).toBe(2n)
    advance(2 * day)
    await until(() => uploads(ben) === 3n)
  })

  it('messages disappear on each side when their time is over, and are gone from the store', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    await dm.updateMessageDisappearingSettings(1n, BigInt(2 * day) * 1_000_000n)
    await dm.sendText('goes')
    await ben.conversations.syncAll()
    const atBen = (await ben.conversations.getDmByInboxId(ann.inboxId))!
    expect(texts(await atBen.messages())).toEqual(['goes'])
    advance(day)
    expect(texts(await dm.messages())).toEqual(['goes'])
    expect(texts(await atBen.messages())).toEqual(['goes'])
    advance(day + second)
    expect(texts(await dm.messages())).toEqual([])
    expect(texts(await atBen.messages())).toEqual([])
    const left = async () => (await scanAll(coreOf(dm).store, keys.expiries)).length
    await until(async () => (await left()) === 0)
  })
})
