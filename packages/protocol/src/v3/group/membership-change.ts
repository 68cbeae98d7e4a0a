import type { Member } from '@xmtp-ts/mls'
import { bytesToHex } from '../../bytes.ts'
import type { InboxId } from '../identity/identifier.ts'
import type { AssociationState } from '../identity/state.ts'
import { keyBytes, keysOf } from './commit-installations.ts'
import type { Membership } from './membership.ts'

/** What is known of one inbox that is or becomes a member. */
export type InboxStates = {
  /** At the sequence id that the membership states; undefined for a newcomer, and where it states 0. */
  readonly old: AssociationState | undefined
  /** The latest, and the sequence id of the last update in it. Left out for who is removed. */
  readonly latest?: { readonly sequenceId: bigint; readonly state: AssociationState }
}

export type MembershipChangeOptions = {
  readonly membership: Membership
  /** Of all members and of all newcomers. */
  readonly states: ReadonlyMap<InboxId, InboxStates>
  /** All members of the tree. */
  readonly leaves: readonly Member[]
  readonly add: readonly InboxId[]
  readonly remove: readonly InboxId[]
  /** Our own installation key: it is a leaf already and never leaves by our own hand. */
  readonly self: Uint8Array
}

/** A commit that brings the leaves of a group in line with the logs (v3-mls §5.2). */
export type MembershipChange = {
  /** What extension 0xff01 is to say, as long as every installation to add has a usable key package. */
  readonly membership: Membership
  /** Keys whose key packages are to be fetched and added. */
  readonly installationsToAdd: readonly Uint8Array[]
  /** Leaf indexes, ascending. */
  readonly leavesToRemove: readonly number[]
  /** Nothing to do, or our own leaf would have to go, which only others can commit. */
  readonly isEmpty: boolean
}

/**
 * Plans the commit that adds and removes inboxes and catches up with the logs of all others: exactly what rules 5 to 7 of
 * v3-mls §5.3 expect.
 *
 * @throws TypeError when the states of a member or newcomer are left out
 */
export function planMembershipChange(options: MembershipChangeOptions): MembershipChange {
  const { membership, states, leaves, self } = options
  const removing = new Set<string>(options.remove)
  const adding = options.add.filter((inboxId) => !removing.has(inboxId))
  const before = new Map(membership.members)
  const after = new Map(membership.members)
  const added = new Set<string>()
  const removed = new Set<string>()
  for (const [inboxId, { old, latest }] of states) {
    const stated = before.get(inboxId)
    if (removing.has(inboxId)) {
      if (after.delete(inboxId)) for (const key of keysOfOld(old)) removed.add(key)
      continue
    }
    if (stated === undefined && !adding.includes(inboxId)) continue
    if (latest === undefined) throw new TypeError(`The latest state of ${inboxId} is left out.`)
    if (latest.sequenceId <= (stated ?? 0n)) continue
    after.set(inboxId, latest.sequenceId)
    const [was, is] = [keysOfOld(old), keysOf(latest.state)]
    for (const key of is) if (!was.has(key)) added.add(key)
    for (const key of was) if (!is.has(key)) removed.add(key)
  }
  expectAllKnown([...before.keys(), ...adding], states)
  return settle({ membership, after, added, removed, leaves, self })
}

function keysOfOld(state: AssociationState | undefined): ReadonlySet<string> {
  return state === undefined ? new Set() : keysOf(state)
}

function expectAllKnown(
  inboxIds: readonly string[],
  states: ReadonlyMap<string, InboxStates>,
): void {
  const unknown = inboxIds.find((inboxId) => !states.has(inboxId))
  if (unknown !== undefined) throw new TypeError(`The states of ${unknown} are left out.`)
}

type Difference = {
  readonly membership: Membership
  readonly after: ReadonlyMap<string, bigint>
  readonly added: ReadonlySet<string>
  readonly removed: ReadonlySet<string>
  readonly leaves: readonly Member[]
  readonly self: Uint8Array
}

function settle(difference: Difference): MembershipChange {
  const { membership, after, added, removed, leaves, self } = difference
  const here = new Map(
    leaves.map(({ leaf, leafIndex }) => [bytesToHex(leaf.signatureKey), leafIndex]),
  )
  const own = bytesToHex(self)
  // Whoever is a leaf is there already: the creator, and those whom a super admin put back.
  const toAdd = [...added].filter((key) => key !== own && !here.has(key))
  const leavesToRemove = [...removed]
    .flatMap((key) => here.get(key) ?? [])
    .toSorted((a, b) => a - b)
  // What is expected to go and is no leaf has to be named as failed, or nobody could ever remove its inbox.
  const absent = [...removed].filter((key) => !here.has(key))
  const failed = new Set([...membership.failedInstallations.map(bytesToHex), ...absent])
  for (const key of [...toAdd, ...here.keys()]) failed.delete(key)
  const isUpdated =
    after.size !== membership.members.size ||
    [...after].some(([inboxId, sequenceId]) => membership.members.get(inboxId) !== sequenceId)
  return {
    membership: { members: after, failedInstallations: keyBytes(failed) },
    installationsToAdd: keyBytes(toAdd),
    leavesToRemove,
    isEmpty: removed.has(own) || !isUpdated,
  }
}

/**
 * The same change without installations whose key packages are missing or unusable: they are named as failed, so that
 * their inbox can be removed later.
 */
export function withoutInstallations(
  change: MembershipChange,
  unusable: readonly Uint8Array[],
): MembershipChange {
  const failed = new Set(unusable.map(bytesToHex))
  const known = change.membership.failedInstallations.map(bytesToHex)
  return {
    ...change,
    membership: {
      ...change.membership,
      failedInstallations: keyBytes(new Set([...known, ...failed])),
    },
    installationsToAdd: change.installationsToAdd.filter((key) => !failed.has(bytesToHex(key))),
  }
}
