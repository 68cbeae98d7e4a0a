import {
  extensionTypes,
  findExtension,
  proposalTypes,
  requiredCapabilitiesExtension,
  type Extension,
} from '@xmtp-ts/mls'
import { XmtpError } from '../../errors.ts'
import { decodeMembership, encodeMembership, type Membership } from './membership.ts'
import { decodeGroupMetadata, encodeGroupMetadata, type GroupMetadata } from './metadata.ts'
import {
  decodeMutableMetadata,
  encodeMutableMetadata,
  type MutableMetadata,
} from './mutable-metadata.ts'
import type { PolicySet } from './policies.ts'
import { decodePolicySet, encodePolicySet } from './policy-codec.ts'

/** XMTP's own extension types: the first four in group contexts, the last two in key packages (v3-mls §2, §3.2). */
export const groupExtensionTypes = {
  immutableMetadata: 0xf000,
  mutableMetadata: 0xff00,
  membership: 0xff01,
  permissions: 0xff02,
  welcomeWrapper: 0xff03,
  welcomePointee: 0xff04,
} as const

/** What the group context of a group says beside what MLS needs. */
export type GroupContent = {
  readonly metadata: GroupMetadata
  readonly mutableMetadata: MutableMetadata
  readonly membership: Membership
  readonly policies: PolicySet
}

const types = groupExtensionTypes

/** What all members must be able to read (v3-mls §3.2). */
export const requiredCapabilities: Extension = requiredCapabilitiesExtension({
  extensions: [
    types.membership,
    types.mutableMetadata,
    types.permissions,
    types.immutableMetadata,
    extensionTypes.lastResort,
    extensionTypes.applicationId,
  ],
  proposals: [proposalTypes.groupContextExtensions],
  credentials: [1],
})

/** The extensions of a new group, in the order in which libxmtp has them. */
export function groupExtensions(content: GroupContent): readonly Extension[] {
  const { metadata, mutableMetadata, membership, policies } = content
  return [
    { type: types.immutableMetadata, data: encodeGroupMetadata(metadata) },
    { type: types.mutableMetadata, data: encodeMutableMetadata(mutableMetadata) },
    { type: types.membership, data: encodeMembership(membership) },
    { type: types.permissions, data: encodePolicySet(policies) },
    requiredCapabilities,
  ]
}

/** Reads what a group context says. @throws XmtpError `v3.group.malformed` */
export function readGroupContent(extensions: readonly Extension[]): GroupContent {
  return {
    metadata: decodeGroupMetadata(dataOf(extensions, types.immutableMetadata)),
    mutableMetadata: decodeMutableMetadata(dataOf(extensions, types.mutableMetadata)),
    membership: decodeMembership(dataOf(extensions, types.membership)),
    policies: decodePolicySet(dataOf(extensions, types.permissions)),
  }
}

function dataOf(extensions: readonly Extension[], type: number): Uint8Array {
  const data = findExtension(extensions, type)
  if (data === undefined)
    throw new XmtpError('v3.group.malformed', `Extension 0x${type.toString(16)} is missing.`)
  return data
}

/**
 * Puts one extension in the place of the one of its type, at the end, as libxmtp does. All others are kept byte for
 * byte: a proposal to change extensions must hold all of them.
 */
export function replaceExtension(
  extensions: readonly Extension[],
  extension: Extension,
): readonly Extension[] {
  return [...extensions.filter(({ type }) => type !== extension.type), extension]
}

export function withMutableMetadata(
  extensions: readonly Extension[],
  metadata: MutableMetadata,
): readonly Extension[] {
  const data = encodeMutableMetadata(metadata)
  return replaceExtension(extensions, { type: types.mutableMetadata, data })
}

export function withMembership(
  extensions: readonly Extension[],
  membership: Membership,
): readonly Extension[] {
  return replaceExtension(extensions, {
    type: types.membership,
    data: encodeMembership(membership),
  })
}

export function withPolicies(
  extensions: readonly Extension[],
  policies: PolicySet,
): readonly Extension[] {
  return replaceExtension(extensions, { type: types.permissions, data: encodePolicySet(policies) })
}
