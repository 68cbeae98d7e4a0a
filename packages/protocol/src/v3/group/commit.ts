import type { GroupState, StagedCommit } from '@xmtp-ts/mls'
import { bytesToHex } from '../../bytes.ts'
import {
  readActor,
  readContentChange,
  readMembershipChange,
  type ContentChange,
  type MetadataChanges,
} from './commit-changes.ts'
import {
  checkInstallations,
  expectedInstallations,
  keyBytes,
  keysOf,
  stateAt,
  statesOfDiff,
  type StateLookup,
  type StateNeeded,
  type UpdateLookup,
} from './commit-installations.ts'
import { forbiddenChange } from './commit-permissions.ts'
import { RefusedCommit, ruling, type Refused } from './commit-refusal.ts'
import type { LeafMember } from './key-package.ts'
import { diffMembership, type Membership } from './membership.ts'
import type { ConversationType } from './metadata.ts'
import { parseInboxId, type InboxId } from '../identity/identifier.ts'
import { compareVersions } from './version.ts'

/** What a commit that counts did. */
export type CommitSummary = MetadataChanges & {
  readonly actor: LeafMember
  readonly addedInboxes: readonly InboxId[]
  readonly removedInboxes: readonly InboxId[]
  readonly policiesChanged: boolean
  /** Keys of 32 bytes, those that were added anew left out. */
  readonly addedInstallations: readonly Uint8Array[]
  readonly removedInstallations: readonly Uint8Array[]
  /** Those that a super admin took out and put back, or wanted to. */
  readonly readded: readonly Uint8Array[]
  /** As it stands after the commit, changed or not. */
  readonly minimumVersion?: string
  readonly membership: { readonly before: Membership; readonly after: Membership }
}

export type CommitValidation = { readonly ok: true; readonly summary: CommitSummary } | Refused

export type ValidateCommitOptions = {
  /** Of the epoch that the commit was made in. */
  readonly state: GroupState
  readonly staged: StagedCommit
  /** Asked for `statesNeeded` only; the logs must have been read that far. */
  readonly states: StateLookup
  /** If left out, a raised sequence id that names no update refuses the commit even when there is none before it. */
  readonly hasUpdates?: UpdateLookup
  /** The version of libxmtp whose rules this client follows. */
  readonly ownVersion: string
  /** From the first group context that was seen: the current one may have been replaced (v3-mls §3.2). */
  readonly trusted: {
    readonly type: ConversationType
    readonly dmMembers?: readonly [string, string] | undefined
  }
}

/** The states of inboxes that `validateCommit` will ask for; none for a commit that fails before it needs any. */
export function statesNeeded(state: GroupState, staged: StagedCommit): readonly StateNeeded[] {
  try {
    const actor = readActor(staged)
    const { before, after } = readMembershipChange(state, staged)
    const sequenceId = after.members.get(actor.inboxId) ?? 0n
    const needed = [
      ...statesOfDiff(before, after),
      ...(sequenceId > 0n ? [{ inboxId: actor.inboxId, sequenceId }] : []),
    ]
    return [...new Map(needed.map((one) => [`${one.inboxId}:${one.sequenceId}`, one])).values()]
  } catch (error) {
    if (error instanceof RefusedCommit) return []
    throw error
  }
}

/**
 * Decides whether a commit that is valid as MLS counts (v3-mls §5.3). Every member must come to the same answer: a commit
 * that one takes and another refuses splits the group. Rules stand in libxmtp's order; where it differs from the
 * document, it is followed.
 *
 * @returns `protocolVersionTooLow` as the reason when the group has to be paused for the `minimumVersion` in the error's
 * details; any other refusal is final
 */
export function validateCommit(options: ValidateCommitOptions): CommitValidation {
  try {
    return { ok: true, summary: applyRules(options) }
  } catch (error) {
    if (error instanceof RefusedCommit) return error.refused
    throw error
  }
}

function applyRules(options: ValidateCommitOptions): CommitSummary {
  const { state, staged, states, trusted, ownVersion } = options
  // 1, 2. The group context and the one to come can be read, and attributes fit.
  const content = readContentChange(state.context.extensions, staged.groupContext.extensions)
  // 3, 4. One member made it, without pre-shared keys.
  const actor = readActor(staged)
  // 5. The expected installations follow from the memberships.
  const { before, after } = readMembershipChange(state, staged)
  const hasUpdates = options.hasUpdates ?? (() => true)
  const expected = expectedInstallations(before, after, states, hasUpdates)
  const flags = {
    isAdmin: content.before.admins.includes(actor.inboxId),
    isSuperAdmin: content.before.superAdmins.includes(actor.inboxId),
  }
  // 6, 7. The leaves that come and go are those.
  const readded = checkInstallations(state, staged, {
    expected,
    failed: after.failedInstallations,
    actorIsSuperAdmin: flags.isSuperAdmin,
  })
  // 8. Who made it is still there.
  checkActor(actor, after, states)
  // 9. It was permitted.
  const inboxes = diffMembership(before, after)
  const { dmMembers } = trusted
  const forbidden = forbiddenChange({ actor, flags, content, inboxes, dmMembers })
  if (forbidden !== undefined) throw new RefusedCommit('insufficientPermissions', forbidden)
  // 10. This client is new enough.
  checkVersion(content, ownVersion)
  return summarize(staged, content, { actor, readded, before, after })
}

/** Rule 8: the installation belongs to the inbox in its credential, at the sequence id of the new membership. */
function checkActor(actor: LeafMember, after: Membership, states: StateLookup): void {
  const sequenceId = after.members.get(actor.inboxId)
  if (sequenceId === undefined)
    throw new RefusedCommit('subjectDoesNotExist', 'Its author is no member after it.')
  const installations = keysOf(stateAt(states, actor.inboxId, sequenceId))
  if (!installations.has(bytesToHex(actor.installationId)))
    throw new RefusedCommit('inboxValidationFailed', 'Its author is no installation of its inbox.')
}

/** Rule 10. */
function checkVersion({ minimumVersion }: ContentChange, ownVersion: string): void {
  if (minimumVersion === undefined) return
  const order = ruling('invalidVersionFormat', () => compareVersions(minimumVersion, ownVersion))
  if (order > 0)
    throw new RefusedCommit('protocolVersionTooLow', `It wants version ${minimumVersion}.`, {
      minimumVersion,
    })
}

type Findings = {
  readonly actor: LeafMember
  readonly readded: readonly string[]
  readonly before: Membership
  readonly after: Membership
}

function summarize(staged: StagedCommit, content: ContentChange, found: Findings): CommitSummary {
  const { actor, before, after } = found
  const inboxes = diffMembership(before, after)
  const again = new Set(found.readded)
  const keys = (leaves: StagedCommit['removed']) =>
    leaves.map(({ leaf }) => leaf.signatureKey).filter((key) => !again.has(bytesToHex(key)))
  const { changedAttributes, addedAdmins, removedAdmins } = content
  const { addedSuperAdmins, removedSuperAdmins, policiesChanged, minimumVersion } = content
  return {
    actor,
    // States were found for all of them, so they are inbox ids.
    addedInboxes: inboxes.added.map(parseInboxId),
    removedInboxes: inboxes.removed.map(parseInboxId),
    changedAttributes,
    addedAdmins,
    removedAdmins,
    addedSuperAdmins,
    removedSuperAdmins,
    policiesChanged,
    addedInstallations: keys(staged.added),
    removedInstallations: keys(staged.removed),
    readded: keyBytes(again),
    ...(minimumVersion !== undefined && { minimumVersion }),
    membership: { before, after },
  }
}
