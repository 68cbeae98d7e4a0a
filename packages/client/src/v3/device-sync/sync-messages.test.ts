import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { ConsentStateSave, ConsentTypeSave } from '@xmtp-ts/proto/device_sync/consent_backup'
import type { PreferenceUpdate } from '@xmtp-ts/proto/device_sync/content'
import { BackupElementSelection } from '@xmtp-ts/proto/device_sync/device_sync'
import { Message } from '@xmtp-ts/proto/store/v1/store'
import { utf8 } from '@xmtp-ts/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { add, keyOf, person as personAt, reopen, type Person } from '../../../test/person.ts'
import { memoryTransport } from '../../transport/memory.ts'
import { readConsent } from '../conversation/consent.ts'
import { createLocalGroup, firstAttributes, policiesFor } from '../group/create.ts'
import { openChange } from '../group/group-change.ts'
import { sendMessage } from '../group/send.ts'
import { syncDevices } from '../group/sync.ts'
import { keys } from '../records/keys.ts'
import { scanAll } from '../records/rows.ts'
import { applySyncMessage } from './applied-sync.ts'
import { sayToDevices } from './say-to-devices.ts'
import { encodeSyncContent } from './sync-content.ts'
import { openSyncGroup } from './sync-group.ts'
import { runTasks } from './tasks.ts'

let node: Node

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
})
afterEach(() => node[Symbol.asyncDispose]())

/** An installation that keeps in step, without its worker: what it does by itself is done by the test. */
const installation = async (wallet: number): Promise<Person> =>
  reopen(await personAt(memoryTransport(node.memory()), keyOf(wallet)), { syncsDevices: true })

/** Two of one inbox in one sync group. */
async function two(): Promise<{ one: Person; other: Person; groupId: string }> {
  const one = await installation(1)
  const other = await installation(1)
  const groupId = await openSyncGroup(other.core)
  await syncDevices(one.core)
  return { one, other, groupId }
}

const stranger = 'a'.repeat(64)

const denied = (entity: string, consentedAtNs = 5n): PreferenceUpdate => ({
  update: {
    $case: 'consent',
    value: {
      entityType: ConsentTypeSave.CONSENT_TYPE_SAVE_INBOX_ID,
      state: ConsentStateSave.CONSENT_STATE_SAVE_DENIED,
      entity,
      consentedAtNs,
    },
  },
})

const tell = ({ core }: Person, updates: PreferenceUpdate[]) =>
  sayToDevices(core, { $case: 'preferenceUpdates', value: { updates } })

const codes = ({ refusals }: Person) => refusals.map(({ error }) => error.code)

const tasksOf = async ({ core }: Person) =>
  (await scanAll(core.store, keys.syncTasks)).map(({ key }) => key.split('/')[1])

describe('sync groups', () => {
  it('into which somebody else lets us are refused', async () => {
    const [eve, alix] = [await installation(1), await installation(2)]
    const id = await createLocalGroup(eve.core, {
      type: 'sync',
      attributes: firstAttributes({ type: 'sync' }),
      policies: policiesFor('sync'),
    })
    await add(eve, id, [alix])
    await syncDevices(alix.core)
    expect(codes(alix)).toEqual(['client.welcome.foreignSync'])
    expect(await scanAll(alix.core.store, keys.conversations)).toEqual([])
  })

  it('are not written in once somebody else is in them', async () => {
    const { one, other, groupId } = await two()
    await add(other, groupId, [await installation(2)])
    await syncDevices(one.core)
    for (const { core } of [one, other]) expect(await openSyncGroup(core)).not.toBe(groupId)
  })
})

describe('messages of sync groups', () => {
  it('of somebody else are refused', async () => {
    const { one, groupId } = await two()
    const group = await one.core.groups.load(groupId)
    const change = openChange(group!)
    const row = {
      ...Message.decode(new Uint8Array()),
      senderInboxId: stranger,
      content: encodeSyncContent({
        $case: 'preferenceUpdates',
        value: { updates: [denied(stranger)] },
      }),
    }
    await expect(applySyncMessage(one.core, change, row)).rejects.toMatchObject({
      code: 'client.deviceSync.foreign',
    })
    expect(change.put.size).toBe(0)
  })

  it('that say nothing that can be are reported and passed', async () => {
    const { one, other, groupId } = await two()
    const say = (content: Uint8Array) =>
      sendMessage(other.core, groupId, { content, shouldPush: false })
    await say(utf8('no protobuf'))
    await say(new Uint8Array())
    await tell(other, [
      { update: undefined },
      { update: { $case: 'hmac', value: { key: new Uint8Array(41), cycledAtNs: 1n } } },
      denied('not an id'),
      denied(stranger, -1n),
      denied('b'.repeat(64)),
    ])
    await syncDevices(one.core)
    expect(codes(one)).toEqual(Array.from({ length: 6 }, () => 'client.deviceSync.malformed'))
    expect(await readConsent(one.core, 'inbox', stranger)).toBe(0)
    // What stands beside them counts.
    expect(await readConsent(one.core, 'inbox', 'b'.repeat(64))).toBe(2)
  })

  it('move the key for push servers to the one that was made last, whatever came last', async () => {
    const { one, other } = await two()
    const cycled = (byte: number, cycledAtNs: bigint): PreferenceUpdate => ({
      update: { $case: 'hmac', value: { key: new Uint8Array(42).fill(byte), cycledAtNs } },
    })
    await tell(other, [cycled(1, 10n)])
    await tell(other, [cycled(2, 9n), cycled(3, 12n), cycled(4, 11n)])
    await syncDevices(one.core)
    await syncDevices(other.core)
    for (const { core } of [one, other])
      expect(await core.hmacRootKey()).toEqual(new Uint8Array(42).fill(3))
  })

  it('leave what takes time to a worker, of which one in all processes does it', async () => {
    const { one, other } = await two()
    expect(await tasksOf(one)).toEqual(['installation'])
    expect(await runTasks(one.core, undefined)).toBeUndefined()
    expect(await tasksOf(one)).toEqual([])
    await sayToDevices(other.core, {
      $case: 'request',
      value: {
        pin: 'abcde',
        serverUrl: 'http://127.0.0.1:1',
        deprecatedKind: BackupElementSelection.BACKUP_ELEMENT_SELECTION_UNSPECIFIED,
        options: {
          elements: [],
          startNs: undefined,
          endNs: undefined,
          excludeDisappearingMessages: false,
        },
      },
    })
    await syncDevices(one.core)
    await syncDevices(other.core)
    expect(await tasksOf(one)).toEqual(['request'])
    // Our own is for the others.
    expect(await tasksOf(other)).toEqual([])
    const failures: unknown[] = []
    const [first, second] = [0, 1].map(() =>
      runTasks({ ...one.core, report: (error) => failures.push(error) }, 'http://127.0.0.1:1'),
    )
    const due = [await first, await second]
    // Nobody listens there: it is tried again later.
    expect(failures).toMatchObject([{ code: 'client.network.unreachable' }])
    expect(due.some((ns) => ns !== undefined && ns > BigInt(Date.now()) * 1_000_000n)).toBe(true)
    expect(await tasksOf(one)).toEqual(['request'])
  })
})
