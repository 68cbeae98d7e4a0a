import {
  ConsentState,
  memoryTransport,
  type Client,
  type Group,
  type Transport,
} from '@xmtp-ts/client'
import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { Consent, LocalCommit } from '@xmtp-ts/proto/store/v1/store'
import { bytesFromHex, bytesToHex } from '@xmtp-ts/protocol'
import { decodeMutableMetadata, minimumVersion } from '@xmtp-ts/protocol/group'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  add,
  epoch,
  groupOf,
  keyOf,
  person as personAt,
  remove,
  rename,
  reopen,
  say,
  sync,
  texts,
  type Person,
} from '../../packages/client/test/person.ts'
import { commitLogInfo } from '../../packages/client/src/v3/commit-log/debug.ts'
import { sendOneshot } from '../../packages/client/src/v3/commit-log/oneshot.ts'
import { waitingReadds } from '../../packages/client/src/v3/commit-log/readd-requests.ts'
import {
  lookAfterCommitLogs,
  type ForkRecoveryOptions,
} from '../../packages/client/src/v3/commit-log/worker.ts'
import { changeAdmins } from '../../packages/client/src/v3/conversation/plans.ts'
import { readAllViews, readView } from '../../packages/client/src/v3/conversation/view.ts'
import { keys } from '../../packages/client/src/v3/records/keys.ts'
import { decodeRow, encodeRow, scanAll } from '../../packages/client/src/v3/records/rows.ts'
import { movableClock } from './clock.ts'
import { hiding } from './lying-node.ts'
import { until, world } from './world.ts'

let node: Node

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
})
afterEach(() => node[Symbol.asyncDispose]())

const direct = () => memoryTransport(node.memory())
const person = (number: number, transport: Transport = direct()) =>
  personAt(transport, keyOf(number))

async function consent({ core }: Person, id: string, state: number): Promise<void> {
  const value = encodeRow(Consent, { state, consentedAtNs: 1n })
  await core.store.write({ put: [{ key: keys.consent('conversation', id), value }] })
}

const allowed = 2
const denied = 3
const asking: ForkRecoveryOptions = { enableRecoveryRequests: 'all' }

async function look(people: readonly Person[], options: ForkRecoveryOptions = {}): Promise<void> {
  for (const { core } of people) await lookAfterCommitLogs(core, options)
}

async function newestCommit({ core }: Person, id: string): Promise<LocalCommit> {
  const records = await scanAll(core.store, keys.localCommits(id))
  return decodeRow(LocalCommit, records.at(-1)!.value)
}

/** A group of Ann, its super admin, Cleo, and Ben, whom his node has led into a fork; he has said something before. */
async function forkedGroup() {
  const hidden = new Set<bigint>()
  const [ann, ben, cleo] = [
    await person(1),
    await person(2, hiding(direct(), hidden)),
    await person(3),
  ]
  const id = await groupOf(ann, [ben, cleo])
  for (const one of [ben, cleo]) {
    await sync(one)
    await consent(one, id, allowed)
  }
  await say(ben, id, 'before')
  await sync(ann)
  await sync(cleo)
  await rename(ann, id, 'A2')
  hidden.add((await newestCommit(ann, id)).sequenceId)
  await rename(cleo, id, 'C')
  for (const one of [ann, ben, cleo]) await sync(one)
  await look([ann, ann, cleo])
  return { ann, ben, cleo, id }
}

it('who is forked is let in again, with everything that they had', async () => {
  const { ann, ben, cleo, id } = await forkedGroup()
  await look([ben], asking)
  expect((await commitLogInfo(ben.core, id)).isCommitLogForked).toBe(true)
  await say(ann, id, 'lost on Ben')
  await sync(ann)
  await sync(cleo)
  await look([cleo, ann, ann])
  await sync(cleo)
  await sync(ben)
  expect(await epoch(ben, id)).toBe(await epoch(ann, id))
  expect(await epoch(cleo, id)).toBe(await epoch(ann, id))
  await say(ann, id, 'after')
  await say(ben, id, 'back')
  for (const one of [ann, ben, cleo]) await sync(one)
  expect(await texts(ben, id)).toEqual(['before', 'after', 'back'])
  expect(await texts(ann, id)).toEqual(['before', 'lost on Ben', 'after', 'back'])
  const { row, consent: wanted } = (await readView(ben.core, id))!
  expect([row.active, wanted, row.maybeForked]).toEqual([true, 1, false])
  expect(minimumVersion(decodeMutableMetadata(row.mutableMetadata))).toBe('1.6.0')
  await look([ann, ann, ben, ben, cleo])
  for (const one of [ann, ben, cleo])
    expect((await commitLogInfo(one.core, id)).isCommitLogForked).toBe(false)
  // Nobody keeps the group of the request, or lists it.
  for (const one of [ann, ben, cleo])
    expect((await readAllViews(one.core)).map((view) => view.id)).toEqual([id])
  expect([...ann.refusals, ...cleo.refusals]).toEqual([])
})

it('who became a super admin behind the fork may let in again', async () => {
  const { ann, ben, cleo, id } = await forkedGroup()
  await changeAdmins(ann.core, id, {
    list: 'superAdmins',
    isMember: true,
    inboxId: cleo.core.self.inboxId,
  })
  await sync(cleo)
  // Ben sees neither that she is one nor that she took him out.
  await remove(cleo, id, [ben])
  await add(cleo, id, [ben])
  await sync(ben)
  expect(await epoch(ben, id)).toBe(await epoch(cleo, id))
  expect((await readView(ben.core, id))!.row.maybeForked).toBe(false)
  expect(ben.refusals.map(({ error }) => error.code)).not.toContain('client.welcome.takeover')
})

it('it is asked for once, and not at all unless the app wants it', async () => {
  const { ann, ben, id } = await forkedGroup()
  const waiting = async () => {
    await sync(ann)
    return (await waitingReadds(ann.core)).get(id)?.map(bytesToHex)
  }
  await look([ben])
  await look([ben], { enableRecoveryRequests: 'allowlistedGroups', groupsToRequestRecovery: [] })
  expect(await waiting()).toBeUndefined()
  const listed = {
    enableRecoveryRequests: 'allowlistedGroups',
    groupsToRequestRecovery: [id],
  } as const
  await look([ben], listed)
  expect(await waiting()).toEqual([bytesToHex(ben.core.self.installationId)])
  const cursorOf = async () => (await ann.core.store.get([keys.welcomeCursor]))[0]
  const cursor = await cursorOf()
  await look([await reopen(ben)], asking)
  await sync(ann)
  expect(await cursorOf()).toEqual(cursor)
})

it('a super admin whose app wants no such thing lets nobody in', async () => {
  const { ann, ben, id } = await forkedGroup()
  await look([ben], asking)
  await sync(ann)
  const before = await epoch(ann, id)
  await look([ann], { disableRecoveryResponses: true })
  expect(await epoch(ann, id)).toBe(before)
  await look([ann])
  expect(await epoch(ann, id)).not.toBe(before)
})

it('whoever is no member, or of whose group the user wants nothing, asks in vain', async () => {
  const { ann, ben, id } = await forkedGroup()
  const eve = await person(4)
  const request = { groupId: bytesFromHex(id)!, latestCommitSequenceId: 99n }
  await sendOneshot(eve.core, [ann.core.self.inboxId], request)
  await sync(ann)
  await sendOneshot(eve.core, [ann.core.self.inboxId], {
    ...request,
    groupId: new Uint8Array(2_000),
  })
  await sync(ann)
  await sendOneshot(eve.core, [ann.core.self.inboxId], { ...request, groupId: new Uint8Array(16) })
  await sync(ann)
  await consent(ann, id, denied)
  await look([ben], asking)
  await sync(ann)
  expect(ann.refusals.map(({ error }) => error.code)).toEqual(
    Array.from({ length: 4 }, () => 'client.readd.refused'),
  )
  expect(await waitingReadds(ann.core)).toEqual(new Map())
  const before = await epoch(ann, id)
  await look([ann])
  expect(await epoch(ann, id)).toBe(before)
  // The welcomes behind them are taken.
  const other = await groupOf(eve, [ann])
  await sync(ann)
  expect(await epoch(ann, other)).toBe(await epoch(eve, other))
})

/** How often this client was welcomed to a group. */
async function welcomes({ core }: Person, id: string): Promise<number> {
  const records = await scanAll(core.store, keys.localCommits(id))
  return records.filter(({ value }) => decodeRow(LocalCommit, value).kind === 'Welcome').length
}

it('only the installation that asks is taken out and put back', async () => {
  const { ann, ben, cleo, id } = await forkedGroup()
  const tablet = await person(2)
  await add(ann, id, [])
  await sync(tablet)
  await look([ann, ann])
  await look([ben], asking)
  await sync(ann)
  await look([ann])
  for (const one of [ben, tablet, cleo]) await sync(one)
  expect(await Promise.all([ben, tablet, cleo].map((one) => welcomes(one, id)))).toEqual([2, 1, 1])
  expect(
    new Set(await Promise.all([ann, ben, tablet, cleo].map((one) => epoch(one, id)))).size,
  ).toBe(1)
})

it('one request is answered once, whatever it says', async () => {
  const { ann, ben, id } = await forkedGroup()
  await look([ben], asking)
  await sync(ann)
  const { groupId } = (await readView(ben.core, id))!.row
  const request = { groupId, latestCommitSequenceId: 2n ** 64n - 1n }
  await sendOneshot(ben.core, [ann.core.self.inboxId], request)
  await sync(ann)
  for (let round = 0; round < 5; round += 1) await look([ann])
  await sync(ben)
  expect(await welcomes(ben, id)).toBe(2)
})

it('it is done once when two super admins are asked', async () => {
  const { ann, ben, cleo, id } = await forkedGroup()
  const change = { list: 'superAdmins', inboxId: cleo.core.self.inboxId, isMember: true } as const
  await changeAdmins(ann.core, id, change)
  await sync(cleo)
  await look([ann, ann, cleo])
  // Ben knows of one super admin; here the request goes to both.
  await look([ben], asking)
  const { groupId } = (await readView(ben.core, id))!.row
  const request = { groupId, latestCommitSequenceId: 1n }
  await sendOneshot(ben.core, [cleo.core.self.inboxId], request)
  await sync(ann)
  await look([ann, ann, ann, ann])
  await look([cleo, cleo])
  await sync(cleo)
  await look([cleo, cleo])
  await sync(ben)
  expect(await welcomes(ben, id)).toBe(2)
  expect(await epoch(ben, id)).toBe(await epoch(cleo, id))
})

const { environment, advance } = movableClock()
const { open, node: worldNode, refusals } = world({ environment })

it('clients do all of it by themselves', async () => {
  const hidden = new Set<bigint>()
  const transport = hiding(memoryTransport(worldNode().memory()), hidden)
  const [ann, cleo] = [await open(1), await open(3)]
  const ben = await open(2, { transport, forkRecovery: { enableRecoveryRequests: 'all' } })
  const group = await ann.conversations.createGroup([ben.inboxId, cleo.inboxId])
  const seen = async (client: Client) => {
    await client.conversations.syncAll()
    const one = (await client.conversations.getConversationById(group.id)) as Group
    await one.updateConsentState(ConsentState.Allowed)
    return one
  }
  const [atBen, atCleo] = [await seen(ben), await seen(cleo)]
  await group.updateName('A2')
  const commits = (await group.debugInfo()).localCommitLog
  hidden.add(BigInt([...commits.matchAll(/commit_sequence_id: (\d+)/g)].at(-1)![1]!))
  await atCleo.updateName('C')
  for (const one of [group, atBen]) await one.sync()
  expect(atBen.name).toBe('C')
  const authenticator = async (one: Group) =>
    [...(await one.debugInfo()).localCommitLog.matchAll(/applied_epoch_authenticator: "(\w+)/g)].at(
      -1,
    )![1]
  expect(await authenticator(atBen)).not.toBe(await authenticator(group))
  await until(async () => {
    advance(300_000)
    for (const client of [ann, ben, cleo]) await client.conversations.syncAll()
    return (await authenticator(atBen)) === (await authenticator(group))
  })
  await atBen.sendText('back')
  await group.sync()
  expect((await group.lastMessage())?.content).toBe('back')
  expect(new Set(refusals.splice(0).map(({ conversationId }) => conversationId))).toEqual(
    new Set([group.id]),
  )
})
