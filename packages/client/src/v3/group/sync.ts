import { Consent, Conversation, Progress } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { maxParallelGroups, installationSyncNs } from '../../limits.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, getRow, scanAll } from '../records/rows.ts'
import { changeGroup } from './commit.ts'
import { groupIdOf, keptTypeOf, type KeptType } from './conversation-row.ts'
import { planMembers } from './members.ts'
import { isPaused } from './pausing.ts'
import { sendOwedWelcomes } from './owed-welcomes.ts'
import { receiveNew } from './receive.ts'
import { rewindFalse } from './rewind.ts'
import { publishIfWritable } from './send.ts'
import { receiveWelcomes } from './welcomes.ts'

/** How many conversations there were to look after, and how many of them had something new. */
export type SyncSummary = { readonly numEligible: number; readonly numSynced: number }

/** 1 unknown, 2 allowed, 3 denied; as it is stored. */
export type StoredConsentState = number

/**
 * Brings a conversation up to date: sends what waits, reads what is new; now and then looks for new installations of its
 * members (v3-mls §5.2). A paused one is left alone (§7.4).
 * @throws XmtpError what the network or the store throws
 */
export async function syncConversation(core: Core, id: string): Promise<void> {
  const row = await getRow(core.store, Conversation, keys.conversation(id))
  if (row !== undefined && isPaused(core, row)) return
  await publishWaiting(core, id)
  const group = await core.groups.turn(id, () => receiveNew(core, id))
  const { active } = group.conversation
  const checkedNs = group.progress.installationsCheckedNs
  const isDue = nowNs(core) - checkedNs > installationSyncNs && checkedNs > 0n
  if (active && !isPaused(core, group.conversation) && isDue)
    await changeGroup(core, id, (current) => planMembers(core, current, { add: [], remove: [] }))
}

/**
 * Brings everything up to date: new conversations, then all that have something new. Idle conversations cost no call of
 * their own.
 * @param consentStates which conversations; sync groups in any case
 * @throws XmtpError what the network or the store throws; what came before is kept
 */
export function syncAll(
  core: Core,
  consentStates: readonly StoredConsentState[],
): Promise<SyncSummary> {
  return syncWanted(core, (type, state) => type === 'sync' || consentStates.includes(state))
}

/** The same for what other installations of the inbox have to say. @throws as `syncAll` */
export function syncDevices(core: Core): Promise<SyncSummary> {
  return syncWanted(core, (type) => type === 'sync')
}

type IsWanted = (type: KeptType, state: StoredConsentState) => boolean

async function syncWanted(core: Core, isWanted: IsWanted): Promise<SyncSummary> {
  await sendOwedWelcomes(core)
  const known = await eligible(core, isWanted)
  const [arrived, behind] = await Promise.all([receiveWelcomes(core), findBehind(core, known)])
  const wanted = arrived.length === 0 ? known : await eligible(core, isWanted)
  const joined = arrived.filter((id) => wanted.has(id))
  const ids = [...new Set([...behind, ...joined])]
  await inParallel(ids, maxParallelGroups, (id) => syncConversation(core, id))
  await publishEverything(core)
  return { numEligible: new Set([...known.keys(), ...joined]).size, numSynced: ids.length }
}

/** How far the conversations that are to be followed were read. */
async function eligible(core: Core, isWanted: IsWanted): Promise<ReadonlyMap<string, Progress>> {
  const [conversations, progress, consents] = await Promise.all([
    scanAll(core.store, keys.conversations),
    scanAll(core.store, keys.allProgress),
    scanAll(core.store, keys.consentsOf('conversation')),
  ])
  const read = new Map(
    progress.map(({ key, value }) => [
      key.slice(keys.allProgress.length),
      decodeRow(Progress, value),
    ]),
  )
  const consentOf = new Map(
    consents.map(({ key, value }) => [
      key.slice(keys.consentsOf('conversation').length),
      decodeRow(Consent, value).state,
    ]),
  )
  const found = new Map<string, Progress>()
  for (const { value } of conversations) {
    const row = decodeRow(Conversation, value)
    const id = bytesToHex(row.groupId)
    const own = read.get(id)
    if (
      own !== undefined &&
      row.active &&
      !isPaused(core, row) &&
      isWanted(keptTypeOf(row), consentOf.get(id) ?? 1)
    )
      found.set(id, own)
  }
  return found
}

/** Those with something new, and those of which something is doubted. */
async function findBehind(
  core: Core,
  known: ReadonlyMap<string, Progress>,
): Promise<readonly string[]> {
  const all = [...known]
  const filters = all.map(([id, { cursor }]) => ({ groupId: groupIdOf(id), afterId: cursor }))
  const ends = await rewindFalse(core, filters)
  return all
    .filter(([, { cursor, rereads }], index) => (ends[index] ?? cursor) !== cursor || rereads > 0)
    .map(([id]) => id)
}

async function publishWaiting(core: Core, id: string): Promise<void> {
  const pending = await scanAll(core.store, keys.pendingMessages(id))
  const [commit] = await core.store.get([keys.pendingCommit(id)])
  if (pending.length > 0 || commit !== undefined) await publishIfWritable(core, id)
}

/** What an earlier process could not send any more. */
async function publishEverything(core: Core): Promise<void> {
  const waiting = await scanAll(core.store, keys.allPendingMessages)
  const ids = [...new Set(waiting.map(({ key }) => key.split('/')[1] ?? ''))]
  await inParallel(ids, maxParallelGroups, (id) => publishIfWritable(core, id))
}

/** Runs `work` for each item, some at a time; all are done when the first error is thrown. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.toReversed()
  const errors: unknown[] = []
  const worker = async () => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop())
      await work(item).catch((error: unknown) => errors.push(error))
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  if (errors.length > 0) throw errors[0]
}
