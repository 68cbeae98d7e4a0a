import type { InboxId, Identifier, MemberIdentifier } from './identifier.ts'
import { memberKey } from './identifier.ts'
import type { SeenSignatures } from './seen.ts'

/** One member of an inbox, and how it came in. */
export type Member = {
  readonly identifier: MemberIdentifier
  /** Undefined for the one that created the inbox. */
  readonly addedBy: MemberIdentifier | undefined
  /** The clock of the client that added it; undefined for the one that created the inbox. */
  readonly clientTimestampNs: bigint | undefined
  /** The chain of a contract wallet: later signatures must come from the same one. */
  readonly addedOnChainId: bigint | undefined
}

/** What the log of an inbox amounts to (v3-mls §1.8). */
export type AssociationState = {
  readonly inboxId: InboxId
  /** By `memberKey`, in the order in which they came. */
  readonly members: ReadonlyMap<string, Member>
  /** Who may revoke and name a successor; need not be a member. */
  readonly recovery: Identifier
  readonly seenSignatures: SeenSignatures
  /** How many updates it comes from. */
  readonly updateCount: number
}

/** Who came and who went between two states. */
export type AssociationStateDiff = {
  readonly added: readonly MemberIdentifier[]
  readonly removed: readonly MemberIdentifier[]
}

export function memberOf(
  state: AssociationState,
  identifier: MemberIdentifier,
): Member | undefined {
  return state.members.get(memberKey(identifier))
}

/** The wallets and passkeys, oldest first; the one that created the inbox is the last, as libxmtp lists them. */
export function identifiersOf(state: AssociationState): readonly Identifier[] {
  return membersByTime(state)
    .map(({ identifier }) => identifier)
    .filter((identifier) => identifier.kind !== 'installation')
}

/** The installations, oldest first, each with the client's time of its addition. */
export function installationsOf(
  state: AssociationState,
): readonly { readonly key: Uint8Array; readonly clientTimestampNs: bigint | undefined }[] {
  return membersByTime(state).flatMap(({ identifier, clientTimestampNs }) =>
    identifier.kind === 'installation' ? [{ key: identifier.key, clientTimestampNs }] : [],
  )
}

/** Set difference of the members; a member that was added anew is in neither list. @param before undefined: no inbox yet */
export function diffStates(
  before: AssociationState | undefined,
  after: AssociationState,
): AssociationStateDiff {
  const missingFrom = (members: ReadonlyMap<string, Member> | undefined, of: AssociationState) =>
    [...of.members].flatMap(([key, { identifier }]) => (members?.has(key) ? [] : [identifier]))
  return {
    added: missingFrom(before?.members, after),
    removed: before === undefined ? [] : missingFrom(after.members, before),
  }
}

function membersByTime(state: AssociationState): readonly Member[] {
  const latest = 2n ** 64n - 1n
  const time = (member: Member) => member.clientTimestampNs ?? latest
  return [...state.members.values()].toSorted((a, b) => {
    const difference = time(a) - time(b)
    return difference < 0n ? -1 : Number(difference > 0n)
  })
}
