import { Consent, Conversation, Progress } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { installationSyncNs, maxParallelGroups, maxQueriedGroups } from '../../limits.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, getRow, scanAll } from '../records/rows.ts'
import { catchUp } from './catch-up.ts'
import { changeGroup } from './commit.ts'
import { groupIdOf, keptTypeOf, type KeptType } from './conversation-row.ts'
import { publishIfWritable } from './late.ts'
import { planMembers } from './members.ts'
import { isPaused } from './pausing.ts'
import { sendOwedWelcomes } from './owed-welcomes.ts'
import { receiveNew } from './receive.ts'
import { rewindFalse } from './rewind.ts'
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
  await core.groups.turn(id, () => receiveNew(core, id))
  await lookForInstallations(core, [id])
}

async function lookForInstallations(core: Core, ids: readonly string[]): Promise<void> {
  const values = await core.store.get(
    ids.flatMap((id) => [keys.conversation(id), keys.progress(id)]),
  )
  const due = ids.filter((_, index) => {
    const [row, progress] = [values[2 * index], values[2 * index + 1]]
    if (row === undefined || progress === undefined) return false
    const { installationsCheckedNs: checkedNs } = decodeRow(Progress, progress)
    if (checkedNs === 0n || nowNs(core) - checkedNs <= installationSyncNs) return false
    const conversation = decodeRow(Conversation, row)
    return conversation.active && !isPaused(core, conversation)
  })
  const nobody = { add: [], remove: [] }
  await inParallel(due, maxParallelGroups, (id) =>
    changeGroup(core, id, (current) => planMembers(core, current, nobody)),
  )
}

/**
 * Brings everything up to date: new conversations, then all that have something new. Idle conversations cost no call of
 * their own, and many that have something new cost one together.
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
  const errors: unknown[] = []
  /** What fails is thrown when everything else is done: nothing that one part has to say keeps the others away. */
  const part = <T>(step: Promise<T>, instead: T) =>
    step.catch((error: unknown) => {
      errors.push(error)
      return instead
    })
  const nothing: ReadonlyMap<string, News> = new Map()
  await part(sendOwedWelcomes(core), undefined)
  const known = await eligible(core, isWanted)
  const [arrived, behind] = await Promise.all([
    part(receiveWelcomes(core), []),
    part(findBehind(core, known), nothing),
  ])
  const wanted = arrived.length === 0 ? known : await eligible(core, isWanted)
  const isNew = new Set(arrived)
  const joined = new Map([...wanted].filter(([id]) => isNew.has(id)))
  const news = await part(findBehind(core, joined), nothing)
  await part(readAll(core, new Map([...behind, ...news])), undefined)
  await part(publishEverything(core), undefined)
  if (errors.length > 0) throw errors[0]
  return {
    numEligible: new Set([...known.keys(), ...joined.keys()]).size,
    numSynced: new Set([...behind.keys(), ...joined.keys()]).size,
  }
}

/** What a group has that is new: the place of its newest message, or something that has to be looked at for itself. */
type News = { readonly end: bigint } | 'doubted'

/** Reads groups together, but those by themselves that are few, doubted, or in which something of ours is on its way. */
async function readAll(core: Core, news: ReadonlyMap<string, News>): Promise<void> {
  const waiting = await findWaiting(core)
  const ends = new Map<string, bigint>()
  for (const [id, found] of news)
    if (found !== 'doubted' && !waiting.has(id)) ends.set(id, found.end)
  const left = ends.size > maxQueriedGroups ? await catchUp(core, ends) : [...ends.keys()]
  for (const id of left) ends.delete(id)
  const alone = [...news.keys()].filter((id) => !ends.has(id))
  await inParallel(alone, maxParallelGroups, (id) => syncConversation(core, id))
  await lookForInstallations(core, [...ends.keys()])
}

/** The groups in which a commit or a message of ours is on its way. */
async function findWaiting({ store }: Core): Promise<ReadonlySet<string>> {
  const prefixes = [keys.allPendingCommits, keys.allPendingMessages]
  const found = (await Promise.all(prefixes.map((prefix) => scanAll(store, prefix)))).flat()
  return new Set(found.map(({ key }) => key.split('/')[1] ?? ''))
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

/** Those with something new, and those of which something is doubted: what was false is read again from its beginning. */
async function findBehind(
  core: Core,
  known: ReadonlyMap<string, Progress>,
): Promise<ReadonlyMap<string, News>> {
  const all = [...known]
  const filters = all.map(([id, { cursor }]) => ({ groupId: groupIdOf(id), afterId: cursor }))
  const ends = await rewindFalse(core, filters)
  const behind = new Map<string, News>()
  for (const [index, [id, { cursor, rereads }]] of all.entries()) {
    const end = ends[index] ?? cursor
    if (rereads > 0 || end < cursor) behind.set(id, 'doubted')
    else if (end > cursor) behind.set(id, { end })
  }
  return behind
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
