import { findExtension, type Extension, type GroupState, type StagedCommit } from '@xmtp-ts/mls'
import { equalBytes } from '../../bytes.ts'
import { RefusedCommit, ruling } from './commit-refusal.ts'
import { groupExtensionTypes } from './extensions.ts'
import { memberOfLeaf, type LeafMember } from './key-package.ts'
import { decodeMembership, type Membership } from './membership.ts'
import { decodeGroupMetadata, openGroupMetadata } from './metadata.ts'
import {
  decodeMutableMetadata,
  minimumVersion,
  tooLongAttribute,
  type MutableMetadata,
} from './mutable-metadata.ts'
import { policySetsEqual, type PolicySet } from './policies.ts'
import { decodePolicySet } from './policy-codec.ts'

/** An attribute that a commit changes; undefined: it is not there. */
export type AttributeChange = {
  readonly name: string
  readonly old: string | undefined
  readonly new: string | undefined
}

/** What a commit changes in the mutable metadata. */
export type MetadataChanges = {
  readonly changedAttributes: readonly AttributeChange[]
  readonly addedAdmins: readonly string[]
  readonly removedAdmins: readonly string[]
  readonly addedSuperAdmins: readonly string[]
  readonly removedSuperAdmins: readonly string[]
}

/** What a group context and the one after it say. */
export type ContentChange = MetadataChanges & {
  readonly before: MutableMetadata
  readonly policies: PolicySet
  readonly policiesChanged: boolean
  /** Admins that are left over. */
  readonly superAdminCount: number
  readonly minimumVersion: string | undefined
}

const types = groupExtensionTypes

/** Rules 1 and 2 of v3-mls §5.3: what the context said, what it is to say, and that no attribute is too long. */
export function readContentChange(
  before: readonly Extension[],
  after: readonly Extension[],
): ContentChange {
  // 1. The current context must be readable; of the immutable metadata after it, only the frame is (§3.2, note).
  const immutable = findExtension(before, types.immutableMetadata)
  ruling('groupMetadata', () => decodeGroupMetadata(immutable ?? new Uint8Array()))
  const nextImmutable = findExtension(after, types.immutableMetadata)
  if (nextImmutable !== undefined) ruling('groupMetadata', () => openGroupMetadata(nextImmutable))
  const old = ruling('groupMutableMetadata', () =>
    decodeMutableMetadata(dataOf(before, types.mutableMetadata, 'groupMutableMetadata')),
  )
  const policies = readPolicies(before)
  const oldBytes = dataOf(before, types.mutableMetadata, 'groupMutableMetadata')
  const newBytes = dataOf(after, types.mutableMetadata, 'missingMutableMetadata')
  const next = equalBytes(oldBytes, newBytes)
    ? old
    : ruling('groupMutableMetadata', () => decodeMutableMetadata(newBytes))
  const changes = diffMetadata(old, next)
  // 2. Attributes that changed must fit.
  const written = changes.changedAttributes.flatMap(({ name, new: value }) =>
    value === undefined ? [] : [[name, value] as const],
  )
  const tooLong = tooLongAttribute(written)
  if (tooLong !== undefined)
    throw new RefusedCommit('tooManyCharacters', `${tooLong} is longer than it may be.`)
  return {
    ...changes,
    before: old,
    policies,
    policiesChanged: !policySetsEqual(policies, readPolicies(after)),
    superAdminCount: next.superAdmins.length,
    minimumVersion: minimumVersion(next),
  }
}

function dataOf(
  extensions: readonly Extension[],
  type: number,
  reason: 'groupMutableMetadata' | 'missingMutableMetadata' | 'groupMutablePermissions',
): Uint8Array {
  const data = findExtension(extensions, type)
  if (data === undefined)
    throw new RefusedCommit(reason, `Extension 0x${type.toString(16)} is missing.`)
  return data
}

function readPolicies(extensions: readonly Extension[]): PolicySet {
  const data = dataOf(extensions, types.permissions, 'groupMutablePermissions')
  return ruling('groupMutablePermissions', () => decodePolicySet(data))
}

function diffMetadata(before: MutableMetadata, after: MutableMetadata): MetadataChanges {
  const names = new Set([...before.attributes.keys(), ...after.attributes.keys()])
  const changedAttributes = [...names].flatMap((name): AttributeChange[] => {
    const change = { name, old: before.attributes.get(name), new: after.attributes.get(name) }
    return change.old === change.new ? [] : [change]
  })
  const missingFrom = (list: readonly string[], of: readonly string[]) => {
    const known = new Set(list)
    return of.filter((inboxId) => !known.has(inboxId))
  }
  return {
    changedAttributes,
    addedAdmins: missingFrom(before.admins, after.admins),
    removedAdmins: missingFrom(after.admins, before.admins),
    addedSuperAdmins: missingFrom(before.superAdmins, after.superAdmins),
    removedSuperAdmins: missingFrom(after.superAdmins, before.superAdmins),
  }
}

const allowedProposals: ReadonlySet<string> = new Set(['add', 'remove', 'groupContextExtensions'])

/**
 * Rules 3 and 4 of v3-mls §5.3: who made the commit, which must be one member by itself, and that it proposes nothing
 * that no client of XMTP knows.
 */
export function readActor(staged: StagedCommit): LeafMember {
  // 3. One actor. Proposals sent on their own are dropped by everybody, so a commit to one of them fails everywhere.
  if (staged.sender.kind !== 'member')
    throw new RefusedCommit('actorNotMember', 'It comes from outside of the group.')
  if (staged.proposals.some(({ byReference }) => byReference))
    throw new RefusedCommit('proposalByReference', 'It commits to proposals sent before.')
  const { leafIndex, leaf } = staged.sender
  const renewed = staged.updated.find((updated) => updated.leafIndex === leafIndex)?.after ?? leaf
  const hasNewKey = !equalBytes(renewed.signatureKey, leaf.signatureKey)
  if (hasNewKey && staged.proposals.length > 0)
    throw new RefusedCommit('multipleActors', 'Its path has another key than its author.')
  const actor = ruling('mlsCredential', () => memberOfLeaf(renewed))
  // 4. No pre-shared keys; nothing else either.
  if (staged.psks.length > 0) throw new RefusedCommit('noPskSupport', 'It uses a pre-shared key.')
  const unknown = staged.proposals.find(({ proposal }) => !allowedProposals.has(proposal.kind))
  if (unknown !== undefined)
    throw new RefusedCommit('unsupportedProposal', `It has a proposal ${unknown.proposal.kind}.`)
  return actor
}

/** Rule 5 of v3-mls §5.3: the membership before and after; no sequence id goes back. */
export function readMembershipChange(
  state: GroupState,
  staged: StagedCommit,
): { readonly before: Membership; readonly after: Membership } {
  const before = readMembership(state.context.extensions)
  const after = readMembership(staged.groupContext.extensions)
  // 5. A log is never read less far than before.
  for (const [inboxId, sequenceId] of before.members)
    if ((after.members.get(inboxId) ?? sequenceId) < sequenceId)
      throw new RefusedCommit('sequenceIdDecreased', `It takes ${inboxId} back.`)
  return { before, after }
}

function readMembership(extensions: readonly Extension[]): Membership {
  const data = findExtension(extensions, types.membership)
  if (data === undefined)
    throw new RefusedCommit('missingGroupMembership', 'The membership is missing.')
  return ruling('groupMembership', () => decodeMembership(data))
}
