import { attempt, v3, XmtpError, type Result } from '@xmtp-ts/protocol'
import type { IdentityApi, IdentityLogEntry, IdentityLogQuery } from '../../network/identity-api.ts'
import type { RecordStore } from '../../store/record-store.ts'
import { verifyLogParts, type KnownInbox, type VerifiedPart } from './inbox-log.ts'
import { createInboxRecords, stateKey, type LogPlace, type StoredInbox } from './inbox-records.ts'

export { stateKey } from './inbox-records.ts'
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
   * empty log, `client.inbox.badLog`, `client.inbox.logChanged`, `client.network.malformedAnswer`, `v3.identity.inboxId.malformed`, or an error of the
   * network when a contract wallet's chain could not be asked.
   */
  refresh(inboxIds: readonly string[]): Promise<InboxAnswers>
  /** As `refresh`, but of what is in the store the node is not asked. */
  latest(inboxIds: readonly string[]): Promise<InboxAnswers>
  /**
   * The same directory for one operation that first looks at some inboxes and then wants to have them as they are now: when
   * `latest` has to ask the node it asks for all of them, and for `also`, and the next `refresh` of those asks nobody.
   */
  during(also: readonly string[]): InboxDirectory
}

export type InboxDirectoryOptions = {
  readonly store: RecordStore
  readonly api: Pick<IdentityApi, 'getIdentityUpdates' | 'verifySmartContractWalletSignatures'>
}

export function createInboxDirectory({ store, api }: InboxDirectoryOptions): InboxDirectory {
  const records = createInboxRecords(store)

  /** What the node has behind what is stored, verified and kept. */
  async function advance(
    inboxes: readonly StoredInbox[],
  ): Promise<Map<string, Result<KnownInbox>>> {
    const answers = new Map<string, Result<KnownInbox>>()
    if (inboxes.length === 0) return answers
    const logs = await fetchLogs(
      api,
      inboxes.map(({ inboxId, known }) => ({ inboxId, afterSequenceId: known?.sequenceId ?? 0n })),
    )
    const parts = await verifyLogParts(
      inboxes.map(({ inboxId, known }, index) => {
        const log = logs[index]
        return { inboxId, known, entries: log?.ok === true ? log.value : [] }
      }),
      api,
    )
    const changed = await records.save(
      inboxes.map((stored, index) => ({ stored, steps: parts[index]?.steps ?? [] })),
    )
    for (const [index, stored] of inboxes.entries()) {
      const log = logs[index]
      const error = log?.ok === false ? log.error : changed.get(stored.inboxId)
      answers.set(stored.inboxId, error ? { ok: false, error } : answerOf(stored, parts[index]))
    }
    return answers
  }

  /** @param choose of which the node is asked */
  async function answer(
    inboxIds: readonly string[],
    choose: (stored: readonly StoredInbox[]) => readonly StoredInbox[],
  ): Promise<InboxAnswers> {
    const answers = new Map<string, Result<KnownInbox>>()
    const valid: v3.InboxId[] = []
    for (const text of new Set(inboxIds)) {
      const inboxId = attempt(() => v3.parseInboxId(text))
      if (inboxId.ok) valid.push(inboxId.value)
      else answers.set(text, inboxId)
    }
    const stored = await records.load(valid)
    for (const inbox of stored)
      if (inbox.known !== undefined) answers.set(inbox.inboxId, { ok: true, value: inbox.known })
    const advanced = await advance(choose(stored))
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
    const found = await records.states(places)
    const isMissing = (place: InboxPlace) => !found.has(stateKey(place.inboxId, place.sequenceId))
    const missing = places.filter(isMissing)
    if (missing.length === 0) return found
    const broken = await reach(missing)
    for (const [key, state] of await records.states(missing)) found.set(key, state)
    for (const { inboxId, sequenceId, since } of missing.filter(isMissing)) {
      if (since === undefined || broken.has(inboxId)) continue
      if (await records.hasUpdates(inboxId, { since, until: sequenceId })) continue
      const state = (await records.states([{ inboxId, sequenceId: since }])).get(
        stateKey(inboxId, since),
      )
      if (state !== undefined) found.set(stateKey(inboxId, sequenceId), state)
    }
    return found
  }

  /**
   * Asks the node for the logs that end before a place that is wanted.
   * @returns the inboxes whose log does not hold
   */
  async function reach(places: readonly LogPlace[]): Promise<ReadonlySet<string>> {
    const stored = await records.load([...new Set(places.map(({ inboxId }) => inboxId))])
    const isBehind = ({ inboxId, known }: StoredInbox) =>
      places.some(
        (place) => place.inboxId === inboxId && place.sequenceId > (known?.sequenceId ?? 0n),
      )
    const answers = await advance(stored.filter(isBehind))
    const broken = new Set<string>()
    for (const [inboxId, result] of answers) {
      if (result.ok) continue
      if (result.error.retry) throw result.error
      broken.add(inboxId)
    }
    const isBetween = ({ inboxId, known }: StoredInbox) =>
      places.some(
        (place) => place.inboxId === inboxId && place.sequenceId <= (known?.sequenceId ?? 0n),
      )
    await readAnew(stored.filter(isBetween))
    return broken
  }

  /** Of logs in which a place is named that is not stored, though later ones are: a node may have given false places. */
  async function readAnew(inboxes: readonly StoredInbox[]): Promise<void> {
    if (inboxes.length === 0) return
    const logs = await fetchLogs(
      api,
      inboxes.map(({ inboxId }) => ({ inboxId, afterSequenceId: 0n })),
    )
    const parts = await verifyLogParts(
      inboxes.map(({ inboxId }, index) => {
        const log = logs[index]
        return { inboxId, known: undefined, entries: log?.ok === true ? log.value : [] }
      }),
      api,
    )
    for (const [index, stored] of inboxes.entries()) {
      const part = parts[index]
      if (part?.error === undefined) await records.replace({ stored, steps: part?.steps ?? [] })
    }
  }

  async function statesAt(places: readonly InboxPlaceQuery[]) {
    const found = await findStates(places)
    const missing = places.find((place) => !found.has(stateKey(place.inboxId, place.sequenceId)))
    if (missing === undefined) return found
    const { inboxId, sequenceId } = missing
    throw new XmtpError(
      'client.inbox.noSuchState',
      `There is no valid update ${sequenceId} in the log of ${JSON.stringify(inboxId.slice(0, 80))}.`,
      { details: { inboxId, sequenceId } },
    )
  }

  function during(also: readonly string[]): InboxDirectory {
    /** Those of which the node was asked, once each. */
    const fresh = new Set<string>()
    return {
      ...directory,
      latest: (inboxIds) =>
        answer([...inboxIds, ...also], (stored) => {
          if (!stored.some(isUnknown)) return []
          for (const { inboxId } of stored) fresh.add(inboxId)
          return stored
        }),
      refresh: (inboxIds) =>
        answer(inboxIds, (stored) =>
          stored.filter((inbox) => !fresh.delete(inbox.inboxId) || isUnknown(inbox)),
        ),
    }
  }

  const directory: InboxDirectory = {
    findStates,
    statesAt,
    refresh: (inboxIds) => answer(inboxIds, (stored) => stored),
    latest: (inboxIds) => answer(inboxIds, (stored) => stored.filter(isUnknown)),
    during,
  }
  return directory
}

function isUnknown({ known }: StoredInbox): boolean {
  return known === undefined
}

/**
 * The logs of many inboxes. An answer that does not read is asked for again in halves, so that a log of one inbox which
 * this version cannot read, as of a later kind of action, does not hide all others.
 */
async function fetchLogs(
  api: InboxDirectoryOptions['api'],
  queries: readonly IdentityLogQuery[],
): Promise<readonly Result<readonly IdentityLogEntry[]>[]> {
  try {
    const logs = await api.getIdentityUpdates(queries)
    return queries.map((_, index) => ({ ok: true, value: logs[index] ?? [] }))
  } catch (error) {
    if (!(error instanceof XmtpError) || error.code !== 'client.network.malformedAnswer')
      throw error
    if (queries.length <= 1) return queries.map(() => ({ ok: false, error }))
    const half = Math.ceil(queries.length / 2)
    const first = await fetchLogs(api, queries.slice(0, half))
    return [...first, ...(await fetchLogs(api, queries.slice(half)))]
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

function answerOf(
  { inboxId, known }: StoredInbox,
  part: VerifiedPart | undefined,
): Result<KnownInbox> {
  if (part?.error !== undefined) return { ok: false, error: part.error }
  const last = part?.steps.at(-1) ?? known
  if (last !== undefined) {
    const { sequenceId, state } = last
    return { ok: true, value: { inboxId, sequenceId, state } }
  }
  return {
    ok: false,
    error: new XmtpError('client.inbox.unknown', `There is no inbox ${inboxId} on the network.`),
  }
}
