import { attempt, equalBytes, v3, XmtpError, type Result } from '@xmtp-ts/protocol'
import { InboxHead } from '@xmtp-ts/proto/store/v1/store'
import { maxInboxBatchBytes, maxInboxStates, maxInboxWriteTries } from '../../limits.ts'
import type { IdentityApi } from '../../network/identity-api.ts'
import { orderedSegment, type RecordStore, type StoredRecord } from '../../store/record-store.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow } from '../records/rows.ts'
import { verifyLogParts, type KnownInbox, type LogStep, type VerifiedPart } from './inbox-log.ts'
import { createRecent } from './recent.ts'

export type { KnownInbox } from './inbox-log.ts'

/** An inbox at one place of its log, as group memberships name it. */
export type InboxPlace = {
  /** As it came from a group: may be anything. */
  readonly inboxId: string
  readonly sequenceId: bigint
}

/** A place that is asked for together with an earlier one. */
export type InboxPlaceQuery = InboxPlace & {
  /**
   * An earlier place of the same log. When there is no update at `sequenceId` and none between the two, the state is
   * that of `since`.
   */
  readonly since?: bigint | undefined
}

/** Inboxes by id. One bad log does not hold up the others: such an inbox is missing, and `problems` says why. */
export type InboxAnswers = ReadonlyMap<string, KnownInbox> & {
  readonly problems: ReadonlyMap<string, XmtpError>
}

/**
 * What the logs of inboxes amount to. Everything that it gives was verified by this client, and what it once verified it
 * keeps. Any method rejects with XmtpError `client.network.*`, `client.node.*`, `client.store.*` or `client.closed`.
 *
 * libxmtp 1.10 wants the update with exactly the stated number (`get_association_state_with_verifier`). It asks the
 * node once when what it has stored ends before that number; if there is still no such update (the number lies between
 * two, before the first or behind the last) the answer is `MissingIdentityUpdate`, which it does not retry, as it does
 * not retry a log that does not verify: the commit is refused for good. It does retry when the node could not be
 * asked. There is one exception: the difference between two places (`get_association_state_diff`) needs an update at
 * the later one only if there are any between them, which is what `since` is for.
 */
export interface InboxDirectory {
  /**
   * The states at some places, by `stateKey`; asks the node, in one call, for the logs that the store does not reach.
   * @throws XmtpError `client.inbox.noSuchState`, final, when one of them does not exist
   */
  statesAt(places: readonly InboxPlaceQuery[]): Promise<ReadonlyMap<string, v3.AssociationState>>
  /** As `statesAt`, without those that do not exist. */
  findStates(places: readonly InboxPlaceQuery[]): Promise<ReadonlyMap<string, v3.AssociationState>>
  /**
   * The inboxes as the node has them now, in one call for what is new. The problems: `client.inbox.unknown` for an
   * empty log, `client.inbox.badLog`, `client.inbox.logChanged`, `v3.identity.inboxId.malformed`, or an error of the
   * network when a contract wallet's chain could not be asked.
   */
  refresh(inboxIds: readonly string[]): Promise<InboxAnswers>
  /** As `refresh`, but of what is in the store the node is not asked. */
  latest(inboxIds: readonly string[]): Promise<InboxAnswers>
}

export type InboxDirectoryOptions = {
  readonly store: RecordStore
  readonly api: Pick<IdentityApi, 'getIdentityUpdates' | 'verifySmartContractWalletSignatures'>
}

/** Names a state in the answers of `statesAt`. */
export function stateKey(inboxId: string, sequenceId: bigint): string {
  return `${inboxId}/${sequenceId}`
}

/** What the store has of an inbox. */
type StoredInbox = {
  readonly inboxId: v3.InboxId
  /** The head's record as it is, so that a write can say what it relied on. */
  readonly head: Uint8Array | undefined
  /** Undefined although there is a head when its state is lost: the log is then read anew. */
  readonly known: KnownInbox | undefined
}

type Verified = { readonly stored: StoredInbox; readonly part: VerifiedPart }

export function createInboxDirectory({ store, api }: InboxDirectoryOptions): InboxDirectory {
  const recent = createRecent<v3.AssociationState>(maxInboxStates)

  /** From memory and the store alone. */
  async function readStates(
    places: readonly { readonly inboxId: v3.InboxId; readonly sequenceId: bigint }[],
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

  async function readStored(inboxIds: readonly v3.InboxId[]): Promise<readonly StoredInbox[]> {
    const heads = await store.get(inboxIds.map((inboxId) => keys.inboxHead(inboxId)))
    const places = inboxIds.flatMap((inboxId, index) => {
      const head = heads[index]
      return head ? [{ inboxId, sequenceId: decodeRow(InboxHead, head).sequenceId }] : []
    })
    const states = await readStates(places)
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

  /** What the node has behind what is stored, verified and kept. */
  async function advance(
    inboxes: readonly StoredInbox[],
  ): Promise<Map<string, Result<KnownInbox>>> {
    const answers = new Map<string, Result<KnownInbox>>()
    if (inboxes.length === 0) return answers
    const logs = await api.getIdentityUpdates(
      inboxes.map(({ inboxId, known }) => ({ inboxId, afterSequenceId: known?.sequenceId ?? 0n })),
    )
    const parts = await verifyLogParts(
      inboxes.map(({ inboxId, known }, index) => ({ inboxId, known, entries: logs[index] ?? [] })),
      api,
    )
    const verified = inboxes.flatMap((stored, index): Verified[] => {
      const part = parts[index]
      return part ? [{ stored, part }] : []
    })
    const changed = await save(verified)
    for (const { stored, part } of verified)
      answers.set(stored.inboxId, changed.get(stored.inboxId) ?? answerOf(stored, part))
    return answers
  }

  /** @returns those whose log is another one than what somebody else has stored in the meantime */
  async function save(verified: readonly Verified[]): Promise<Map<string, Result<KnownInbox>>> {
    const changed = new Map<string, Result<KnownInbox>>()
    for (const batch of inBatches(verified)) {
      const isWritten = await store.write({
        expect: batch.map(({ stored: { inboxId, head } }) => ({
          key: keys.inboxHead(inboxId),
          value: head,
        })),
        put: batch.flatMap(({ part }) => recordsOf(part.steps)),
      })
      if (isWritten !== undefined) continue
      for (const { stored, part } of batch) {
        const error = await saveBesideOthers(stored.inboxId, part.steps)
        if (error !== undefined) changed.set(stored.inboxId, { ok: false, error })
      }
    }
    for (const { stored, part } of verified)
      if (!changed.has(stored.inboxId))
        for (const { inboxId, sequenceId, state } of part.steps)
          recent.set(stateKey(inboxId, sequenceId), state)
    return changed
  }

  /** Another process wrote first: what both have seen must be the same, and the rest is added. */
  async function saveBesideOthers(
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

  async function answer(
    inboxIds: readonly string[],
    needsNode: (stored: StoredInbox) => boolean,
  ): Promise<InboxAnswers> {
    const answers = new Map<string, Result<KnownInbox>>()
    const valid: v3.InboxId[] = []
    for (const text of new Set(inboxIds)) {
      const inboxId = attempt(() => v3.parseInboxId(text))
      if (inboxId.ok) valid.push(inboxId.value)
      else answers.set(text, inboxId)
    }
    const stored = await readStored(valid)
    for (const inbox of stored)
      if (inbox.known !== undefined) answers.set(inbox.inboxId, { ok: true, value: inbox.known })
    const advanced = await advance(stored.filter(needsNode))
    for (const [inboxId, result] of advanced) answers.set(inboxId, result)
    return sorted(answers)
  }

  async function findStates(
    queries: readonly InboxPlaceQuery[],
  ): Promise<ReadonlyMap<string, v3.AssociationState>> {
    const places = queries.flatMap(({ inboxId, ...place }) => {
      const parsed = attempt(() => v3.parseInboxId(inboxId))
      return parsed.ok ? [{ ...place, inboxId: parsed.value }] : []
    })
    const found = await readStates(places)
    const isMissing = (place: InboxPlace) => !found.has(stateKey(place.inboxId, place.sequenceId))
    const missing = places.filter(isMissing)
    if (missing.length === 0) return found
    await reach(missing)
    for (const [key, state] of await readStates(missing)) found.set(key, state)
    for (const { inboxId, sequenceId, since } of missing.filter(isMissing)) {
      if (since === undefined || (await hasUpdates(inboxId, { since, until: sequenceId }))) continue
      const state = (await readStates([{ inboxId, sequenceId: since }])).get(
        stateKey(inboxId, since),
      )
      if (state !== undefined) found.set(stateKey(inboxId, sequenceId), state)
    }
    return found
  }

  /** Asks the node for the logs that end before a place that is wanted. */
  async function reach(
    places: readonly { readonly inboxId: v3.InboxId; readonly sequenceId: bigint }[],
  ): Promise<void> {
    const stored = await readStored([...new Set(places.map(({ inboxId }) => inboxId))])
    const isBehind = ({ inboxId, known }: StoredInbox) =>
      places.some(
        (place) => place.inboxId === inboxId && place.sequenceId > (known?.sequenceId ?? 0n),
      )
    const answers = await advance(stored.filter(isBehind))
    for (const result of answers.values()) if (!result.ok && result.error.retry) throw result.error
  }

  /** Whether there are updates after `since`, up to and with `until`. */
  async function hasUpdates(
    inboxId: v3.InboxId,
    { since, until }: { readonly since: bigint; readonly until: bigint },
  ): Promise<boolean> {
    if (until <= since) return false
    const prefix = keys.inboxStates(inboxId)
    const records = await store.scan({
      from: `${prefix}${orderedSegment(since)}\0`,
      to: `${prefix}${orderedSegment(until)}\0`,
      order: 'ascending',
      limit: 1,
    })
    return records.length > 0
  }

  return {
    findStates,
    async statesAt(places) {
      const found = await findStates(places)
      const missing = places.find((place) => !found.has(stateKey(place.inboxId, place.sequenceId)))
      if (missing === undefined) return found
      const { inboxId, sequenceId } = missing
      throw new XmtpError(
        'client.inbox.noSuchState',
        `There is no valid update ${sequenceId} in the log of ${JSON.stringify(inboxId.slice(0, 80))}.`,
        { details: { inboxId, sequenceId } },
      )
    },
    refresh: (inboxIds) => answer(inboxIds, () => true),
    latest: (inboxIds) => answer(inboxIds, ({ known }) => known === undefined),
  }
}

function sorted(answers: ReadonlyMap<string, Result<KnownInbox>>): InboxAnswers {
  const inboxes = new Map<string, KnownInbox>()
  const problems = new Map<string, XmtpError>()
  for (const [inboxId, result] of answers)
    if (result.ok) inboxes.set(inboxId, result.value)
    else problems.set(inboxId, result.error)
  return Object.assign(inboxes, { problems })
}

function recordKey({ inboxId, sequenceId }: InboxPlace): string {
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
function inBatches(verified: readonly Verified[]): readonly (readonly Verified[])[] {
  const batches: Verified[][] = []
  let sizeBytes = Infinity
  for (const each of verified) {
    const { steps } = each.part
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

function answerOf({ inboxId, known }: StoredInbox, part: VerifiedPart): Result<KnownInbox> {
  if (part.error !== undefined) return { ok: false, error: part.error }
  const last = part.steps.at(-1) ?? known
  if (last !== undefined) {
    const { sequenceId, state } = last
    return { ok: true, value: { inboxId, sequenceId, state } }
  }
  return {
    ok: false,
    error: new XmtpError('client.inbox.unknown', `There is no inbox ${inboxId} on the network.`),
  }
}
