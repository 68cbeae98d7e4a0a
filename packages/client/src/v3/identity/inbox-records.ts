import { InboxHead } from '@xmtp-ts/proto/store/v1/store'
import { attempt, equalBytes, v3, XmtpError } from '@xmtp-ts/protocol'
import { maxInboxBatchBytes, maxInboxStates, maxInboxWriteTries } from '../../limits.ts'
import {
  after,
  orderedSegment,
  type RecordStore,
  type StoredRecord,
} from '../../store/record-store.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow, scanAll } from '../records/rows.ts'
import type { KnownInbox, LogStep } from './inbox-log.ts'
import { createRecent, type Recent } from './recent.ts'

/** One update of an inbox's log. */
export type LogPlace = { readonly inboxId: v3.InboxId; readonly sequenceId: bigint }

/** What the store has of an inbox. */
export type StoredInbox = {
  readonly inboxId: v3.InboxId
  /** The head's record as it is, so that a write can say what it relied on. */
  readonly head: Uint8Array | undefined
  /** Undefined although there is a head when its state is lost: the log is then read anew. */
  readonly known: KnownInbox | undefined
}

/** What was found out about an inbox that had been loaded. */
export type NewSteps = { readonly stored: StoredInbox; readonly steps: readonly LogStep[] }

/** The states of inboxes in the store, the latest ones in memory too. */
export type InboxRecords = {
  /** By `stateKey`, without those that are not there. */
  readonly states: (places: readonly LogPlace[]) => Promise<Map<string, v3.AssociationState>>
  readonly load: (inboxIds: readonly v3.InboxId[]) => Promise<readonly StoredInbox[]>
  /**
   * Adds what is new.
   * @returns `client.inbox.logChanged` for those whose log is another one than what somebody else has stored meanwhile
   * @throws XmtpError `client.store.*`
   */
  readonly save: (found: readonly NewSteps[]) => Promise<ReadonlyMap<string, XmtpError>>
  /**
   * Puts a whole log in the place of what is stored, if it says the same, and perhaps more, in other places.
   * @returns whether it did
   */
  readonly replace: (found: NewSteps) => Promise<boolean>
  /** Whether updates are known after `since`, up to and with `until`. */
  readonly hasUpdates: (
    inboxId: v3.InboxId,
    range: { readonly since: bigint; readonly until: bigint },
  ) => Promise<boolean>
}

/** Names a state in the answers of `statesAt`. */
export function stateKey(inboxId: string, sequenceId: bigint): string {
  return `${inboxId}/${sequenceId}`
}

export function createInboxRecords(store: RecordStore): InboxRecords {
  const recent = createRecent<v3.AssociationState>(maxInboxStates)
  return {
    states: (places) => readStates({ store, recent }, places),
    load: (inboxIds) => load({ store, recent }, inboxIds),
    save: (found) => save({ store, recent }, found),
    replace: (found) => replace({ store, recent }, found),
    async hasUpdates(inboxId, { since, until }) {
      if (until <= since) return false
      const prefix = keys.inboxStates(inboxId)
      const records = await store.scan({
        from: after(prefix + orderedSegment(since)),
        to: after(prefix + orderedSegment(until)),
        order: 'ascending',
        limit: 1,
      })
      return records.length > 0
    },
  }
}

type Parts = { readonly store: RecordStore; readonly recent: Recent<v3.AssociationState> }

/** From memory and the store alone. */
async function readStates(
  { store, recent }: Parts,
  places: readonly LogPlace[],
): Promise<Map<string, v3.AssociationState>> {
  const found = new Map<string, v3.AssociationState>()
  const missing = places.filter(({ inboxId, sequenceId }) => {
    const key = stateKey(inboxId, sequenceId)
    const state = recent.get(key)
    if (state !== undefined) found.set(key, state)
    return state === undefined
  })
  if (missing.length === 0) return found
  const values = await store.get(missing.map((place) => recordKey(place)))
  for (const [index, { inboxId, sequenceId }] of missing.entries()) {
    const bytes = values[index]
    const state = bytes && readState(bytes, inboxId)
    if (state === undefined) continue
    recent.set(stateKey(inboxId, sequenceId), state)
    found.set(stateKey(inboxId, sequenceId), state)
  }
  return found
}

async function load(
  parts: Parts,
  inboxIds: readonly v3.InboxId[],
): Promise<readonly StoredInbox[]> {
  const heads = await parts.store.get(inboxIds.map((inboxId) => keys.inboxHead(inboxId)))
  const places = inboxIds.flatMap((inboxId, index) => {
    const head = heads[index]
    return head ? [{ inboxId, sequenceId: decodeRow(InboxHead, head).sequenceId }] : []
  })
  const states = await readStates(parts, places)
  const known = new Map(
    places.flatMap(({ inboxId, sequenceId }): [v3.InboxId, KnownInbox][] => {
      const state = states.get(stateKey(inboxId, sequenceId))
      return state ? [[inboxId, { inboxId, sequenceId, state }]] : []
    }),
  )
  return inboxIds.map((inboxId, index) => ({
    inboxId,
    head: heads[index],
    known: known.get(inboxId),
  }))
}

async function save(
  { store, recent }: Parts,
  found: readonly NewSteps[],
): Promise<ReadonlyMap<string, XmtpError>> {
  const changed = new Map<string, XmtpError>()
  for (const batch of inBatches(found)) {
    const isWritten = await store.write({
      expect: batch.map(({ stored: { inboxId, head } }) => ({
        key: keys.inboxHead(inboxId),
        value: head,
      })),
      put: batch.flatMap(({ steps }) => recordsOf(steps)),
    })
    if (isWritten !== undefined) continue
    for (const { stored, steps } of batch) {
      const error = await saveBesideOthers(store, stored.inboxId, steps)
      if (error !== undefined) changed.set(stored.inboxId, error)
    }
  }
  for (const { stored, steps } of found)
    if (!changed.has(stored.inboxId))
      for (const { inboxId, sequenceId, state } of steps)
        recent.set(stateKey(inboxId, sequenceId), state)
  return changed
}

/**
 * Places in a log are the node's word, and no signature covers them: one false word would keep the true places away for good.
 * What was verified stays as it is: a log that leaves out or changes any of it replaces nothing.
 */
async function replace({ store, recent }: Parts, { stored, steps }: NewSteps): Promise<boolean> {
  const { inboxId, head } = stored
  const old = await scanAll(store, keys.inboxStates(inboxId))
  const isSame = old.every(({ value }, index) => equalBytes(value, steps[index]?.encoded ?? empty))
  const put = recordsOf(steps)
  const kept = new Set(put.map(({ key }) => key))
  const gone = old.map(({ key }) => key).filter((key) => !kept.has(key))
  if (!isSame || steps.length < old.length || gone.length === 0) return false
  const expect = [{ key: keys.inboxHead(inboxId), value: head }]
  if ((await store.write({ expect, remove: gone, put })) === undefined) return false
  for (const key of gone) {
    const sequenceId = BigInt(`0x${key.slice(key.lastIndexOf('#') + 1)}`)
    recent.remove(stateKey(inboxId, sequenceId))
  }
  return true
}

const empty = new Uint8Array()

/** Another process wrote first: what both have seen must be the same, and the rest is added. */
async function saveBesideOthers(
  store: RecordStore,
  inboxId: v3.InboxId,
  steps: readonly LogStep[],
): Promise<XmtpError | undefined> {
  for (let tries = 0; tries < maxInboxWriteTries; tries += 1) {
    const headKey = keys.inboxHead(inboxId)
    const [head, ...values] = await store.get([headKey, ...steps.map(recordKey)])
    const reached = head ? decodeRow(InboxHead, head).sequenceId : 0n
    const isSame = steps.every(({ sequenceId, encoded }, index) => {
      const bytes = values[index]
      const state = bytes && readState(bytes, inboxId)
      // Encoded anew, since another version may have spelled it otherwise.
      const isEqual = state && equalBytes(v3.encodeAssociationState(state), encoded)
      return sequenceId > reached || isEqual === true
    })
    if (!isSame)
      return new XmtpError(
        'client.inbox.logChanged',
        `The log of ${inboxId} up to update ${reached} is another one now.`,
      )
    const rest = steps.filter(({ sequenceId }) => sequenceId > reached)
    if (rest.length === 0) return undefined
    const expect = [{ key: headKey, value: head }]
    if ((await store.write({ expect, put: recordsOf(rest) })) !== undefined) return undefined
  }
  throw new XmtpError('client.store.busy', `The records of ${inboxId} change all the time.`)
}

function recordKey({ inboxId, sequenceId }: LogPlace): string {
  return keys.inboxState(inboxId, sequenceId)
}

/** Undefined for what does not read: it is made anew from the log. */
function readState(bytes: Uint8Array, inboxId: v3.InboxId): v3.AssociationState | undefined {
  const state = attempt(() => v3.decodeAssociationState(bytes))
  return state.ok && state.value.inboxId === inboxId ? state.value : undefined
}

function recordsOf(steps: readonly LogStep[]): readonly StoredRecord[] {
  const last = steps.at(-1)
  if (last === undefined) return []
  const head = encodeRow(InboxHead, { sequenceId: last.sequenceId })
  return [
    ...steps.map((step) => ({ key: recordKey(step), value: step.encoded })),
    { key: keys.inboxHead(last.inboxId), value: head },
  ]
}

/** Whole inboxes, so many at once as fit into one write. */
function inBatches(found: readonly NewSteps[]): readonly (readonly NewSteps[])[] {
  const batches: NewSteps[][] = []
  let sizeBytes = Infinity
  for (const each of found) {
    const { steps } = each
    if (steps.length === 0) continue
    const addedBytes = steps.reduce((sum, { encoded }) => sum + encoded.length, 0)
    if (sizeBytes + addedBytes > maxInboxBatchBytes) {
      batches.push([])
      sizeBytes = 0
    }
    batches.at(-1)?.push(each)
    sizeBytes += addedBytes
  }
  return batches
}
