import { members, type GroupState, type StagedCommit } from '@xmtp-ts/mls'
import { bytesFromHex, bytesToHex } from '../../bytes.ts'
import { attempt } from '../../errors.ts'
import { parseInboxId, type InboxId } from '../identity/identifier.ts'
import { installationsOf, type AssociationState } from '../identity/state.ts'
import { RefusedCommit } from './commit-refusal.ts'
import { diffMembership, type Membership } from './membership.ts'

/**
 * The state of an inbox after the update with exactly this sequence id; undefined when its log, which must have been
 * read that far, has no such update.
 */
export type StateLookup = (inboxId: InboxId, sequenceId: bigint) => AssociationState | undefined

/** Whether the log of an inbox has an update after one sequence id, up to and with another. */
export type UpdateLookup = (inboxId: InboxId, after: bigint, upTo: bigint) => boolean

/** Installations as hex of their keys. */
export type InstallationDiff = {
  readonly added: ReadonlySet<string>
  readonly removed: ReadonlySet<string>
}

/** One state that a validation asks for. */
export type StateNeeded = { readonly inboxId: InboxId; readonly sequenceId: bigint }

/** The states that tell which installations come and go between two memberships. 0 is "not set yet": nothing. */
export function statesOfDiff(before: Membership, after: Membership): readonly StateNeeded[] {
  const { added, removed, updated } = diffMembership(before, after)
  const at = (membership: Membership, inboxIds: readonly string[]) =>
    inboxIds.map((inboxId) => ({ inboxId, sequenceId: membership.members.get(inboxId) ?? 0n }))
  const asked = [...at(after, [...added, ...updated]), ...at(before, [...removed, ...updated])]
  return asked.flatMap(({ inboxId, sequenceId }) => {
    const parsed = attempt(() => parseInboxId(inboxId))
    return parsed.ok && sequenceId > 0n ? [{ inboxId: parsed.value, sequenceId }] : []
  })
}

/** @throws RefusedCommit `missingIdentityUpdate` */
export function stateAt(
  states: StateLookup,
  inboxId: string,
  sequenceId: bigint,
): AssociationState {
  const parsed = attempt(() => parseInboxId(inboxId))
  const state = parsed.ok && sequenceId > 0n ? states(parsed.value, sequenceId) : undefined
  if (state === undefined)
    throw new RefusedCommit(
      'missingIdentityUpdate',
      `The log of inbox ${inboxId.slice(0, 80)} has no update ${sequenceId}.`,
    )
  return state
}

/**
 * The installations that two memberships make one expect to come and to go (v3-mls §5.2).
 *
 * @throws RefusedCommit `missingIdentityUpdate`
 */
export function expectedInstallations(
  before: Membership,
  after: Membership,
  states: StateLookup,
  hasUpdates: UpdateLookup,
): InstallationDiff {
  const diff = diffMembership(before, after)
  const added = new Set<string>()
  const removed = new Set<string>()
  for (const inboxId of [...diff.added, ...diff.updated]) {
    const from = before.members.get(inboxId) ?? 0n
    const to = after.members.get(inboxId) ?? 0n
    const old = from === 0n ? new Set<string>() : keysOf(stateAt(states, inboxId, from))
    // Other clients fold what lies between: when that is nothing, they do not notice that there is no such update.
    if (from !== 0n && isQuiet(inboxId, from, to, hasUpdates)) continue
    const next = keysOf(stateAt(states, inboxId, to))
    for (const key of next) if (!old.has(key)) added.add(key)
    for (const key of old) if (!next.has(key)) removed.add(key)
  }
  for (const inboxId of diff.removed)
    for (const key of keysOf(stateAt(states, inboxId, before.members.get(inboxId) ?? 0n)))
      removed.add(key)
  return { added, removed }
}

function isQuiet(inboxId: string, from: bigint, to: bigint, hasUpdates: UpdateLookup): boolean {
  const parsed = attempt(() => parseInboxId(inboxId))
  return parsed.ok && !hasUpdates(parsed.value, from, to)
}

/** The installations of an inbox, as hex. */
export function keysOf(state: AssociationState): ReadonlySet<string> {
  return new Set(installationsOf(state).map(({ key }) => bytesToHex(key)))
}

/** What rules 6 and 7 look at. */
export type InstallationChange = {
  readonly expected: InstallationDiff
  readonly failed: readonly Uint8Array[]
  readonly actorIsSuperAdmin: boolean
}

/**
 * Rules 6 and 7 of v3-mls §5.3: leaves come and go as the logs say.
 *
 * @returns the installations that were added anew, as hex
 */
export function checkInstallations(
  state: GroupState,
  staged: StagedCommit,
  change: InstallationChange,
): readonly string[] {
  const { expected, actorIsSuperAdmin } = change
  const added = new Set(staged.added.map(({ leaf }) => bytesToHex(leaf.signatureKey)))
  const removed = new Set(staged.removed.map(({ leaf }) => bytesToHex(leaf.signatureKey)))
  const failed = new Set(change.failed.map(bytesToHex))
  // 6. A super admin may take installations out and put them back, or fail to.
  const readded = actorIsSuperAdmin ? [...added].filter((key) => removed.has(key)) : []
  for (const key of readded) {
    added.delete(key)
    removed.delete(key)
  }
  const lost = actorIsSuperAdmin ? [...failed].filter((key) => removed.has(key)) : []
  for (const key of lost) {
    failed.delete(key)
    removed.delete(key)
  }
  // 7. Nothing comes that is not expected, except what is there already; exactly what is expected goes.
  const leaves = new Set(members(state).map(({ leaf }) => bytesToHex(leaf.signatureKey)))
  const stray = [...added].find((key) => !expected.added.has(key) && !leaves.has(key))
  if (stray !== undefined)
    throw new RefusedCommit('unexpectedInstallationAdded', `It adds installation ${stray}.`)
  const leaving = new Set([...expected.removed].filter((key) => !failed.has(key)))
  const differs = removed.size !== leaving.size || [...removed].some((key) => !leaving.has(key))
  if (differs)
    throw new RefusedCommit(
      'unexpectedInstallationsRemoved',
      `It removes ${removed.size} installations where the logs say ${leaving.size}.`,
    )
  return [...readded, ...lost]
}

/** Keys from hex that this file has made. */
export function keyBytes(keys: Iterable<string>): readonly Uint8Array[] {
  return Array.from(keys, (key) => bytesFromHex(key) ?? new Uint8Array())
}
