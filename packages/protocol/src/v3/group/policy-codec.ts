import {
  GroupMutablePermissionsV1,
  MembershipPolicy_BasePolicy as MembershipWire,
  MetadataPolicy_MetadataBasePolicy as MetadataWire,
  PermissionsUpdatePolicy_PermissionsBasePolicy as PermissionsWire,
  type MembershipPolicy as WireMembershipPolicy,
  type MetadataPolicy as WireMetadataPolicy,
  type PermissionsUpdatePolicy as WirePermissionsPolicy,
} from '@xmtp-ts/proto/mls/message_contents/group_permissions'
import { XmtpError } from '../../errors.ts'
import type { MembershipBase, PermissionsBase, Policy, PolicySet } from './policies.ts'
import {
  asEnum,
  mapField,
  mapRecord,
  messageField,
  messagesField,
  oneofField,
  readMessage,
  type WireMessage,
} from './protobuf.ts'

const malformed = 'v3.group.malformed'

const membershipWire = {
  allow: MembershipWire.BASE_POLICY_ALLOW,
  deny: MembershipWire.BASE_POLICY_DENY,
  admin: MembershipWire.BASE_POLICY_ALLOW_IF_ADMIN_OR_SUPER_ADMIN,
  superAdmin: MembershipWire.BASE_POLICY_ALLOW_IF_SUPER_ADMIN,
} as const satisfies Record<MembershipBase, MembershipWire>

const metadataWire = {
  allow: MetadataWire.METADATA_BASE_POLICY_ALLOW,
  deny: MetadataWire.METADATA_BASE_POLICY_DENY,
  admin: MetadataWire.METADATA_BASE_POLICY_ALLOW_IF_ADMIN,
  superAdmin: MetadataWire.METADATA_BASE_POLICY_ALLOW_IF_SUPER_ADMIN,
} as const satisfies Record<MembershipBase, MetadataWire>

// Shifted by one against the other two (v3-mls §10.3).
const permissionsWire = {
  deny: PermissionsWire.PERMISSIONS_BASE_POLICY_DENY,
  admin: PermissionsWire.PERMISSIONS_BASE_POLICY_ALLOW_IF_ADMIN,
  superAdmin: PermissionsWire.PERMISSIONS_BASE_POLICY_ALLOW_IF_SUPER_ADMIN,
} as const satisfies Record<PermissionsBase, PermissionsWire>

/** The numbers of the base policies, without that of "unspecified", which nobody may use. */
const membershipBases: ReadonlyMap<number, MembershipBase> = new Map([
  [1, 'allow'],
  [2, 'deny'],
  [3, 'admin'],
  [4, 'superAdmin'],
])
const permissionsBases: ReadonlyMap<number, PermissionsBase> = new Map([
  [1, 'deny'],
  [2, 'admin'],
  [3, 'superAdmin'],
])

/** The data of extension 0xff02 (v3-mls §3.5). */
export function encodePolicySet(set: PolicySet): Uint8Array {
  const updateMetadata = Array.from(
    set.updateMetadata,
    ([name, policy]) => [name, writeMetadataPolicy(policy)] as const,
  )
  return GroupMutablePermissionsV1.encode({
    policies: {
      addMemberPolicy: writeMembershipPolicy(set.addMember),
      removeMemberPolicy: writeMembershipPolicy(set.removeMember),
      updateMetadataPolicy: mapRecord(new Map(updateMetadata)),
      addAdminPolicy: writePermissionsPolicy(set.addAdmin),
      removeAdminPolicy: writePermissionsPolicy(set.removeAdmin),
      updatePermissionsPolicy: writePermissionsPolicy(set.updatePermissions),
    },
  }).finish()
}

/** @throws XmtpError `v3.group.malformed` */
export function decodePolicySet(bytes: Uint8Array): PolicySet {
  const policies = messageField(readMessage(bytes, malformed), 1)
  if (policies === undefined) throw new XmtpError(malformed, 'The policies are missing.')
  const membership = (number: number) => readPolicy(messageField(policies, number), membershipBases)
  const permissions = (number: number) =>
    readPolicy(messageField(policies, number), permissionsBases)
  return {
    addMember: membership(1),
    removeMember: membership(2),
    updateMetadata: mapField(policies, 3, (entry) =>
      readPolicy(messageField(entry, 2), membershipBases),
    ),
    addAdmin: permissions(4),
    removeAdmin: permissions(5),
    updatePermissions: permissions(6),
  }
}

const policyFields: ReadonlyMap<number, 0 | 2> = new Map([
  [1, 0],
  [2, 2],
  [3, 2],
])

function readPolicy<Base extends MembershipBase>(
  message: WireMessage | undefined,
  bases: ReadonlyMap<number, Base>,
): Policy<Base> {
  const kind = message && oneofField(message, policyFields)
  if (kind === undefined) throw new XmtpError(malformed, 'A policy is missing.')
  if ('value' in kind) {
    const base = bases.get(asEnum(kind.value))
    if (base === undefined) throw new XmtpError(malformed, `There is no policy ${kind.value}.`)
    return { kind: 'base', base }
  }
  const policies = messagesField(kind.message, 1).map((inner) => readPolicy(inner, bases))
  if (policies.length === 0) throw new XmtpError(malformed, 'A condition has no policies.')
  return { kind: kind.number === 2 ? 'and' : 'any', policies }
}

function writeMembershipPolicy(policy: Policy<MembershipBase>): WireMembershipPolicy {
  if (policy.kind === 'base') return { kind: { $case: 'base', value: membershipWire[policy.base] } }
  const value = { policies: policy.policies.map(writeMembershipPolicy) }
  return { kind: { $case: policy.kind === 'and' ? 'andCondition' : 'anyCondition', value } }
}

function writeMetadataPolicy(policy: Policy<MembershipBase>): WireMetadataPolicy {
  if (policy.kind === 'base') return { kind: { $case: 'base', value: metadataWire[policy.base] } }
  const value = { policies: policy.policies.map(writeMetadataPolicy) }
  return { kind: { $case: policy.kind === 'and' ? 'andCondition' : 'anyCondition', value } }
}

function writePermissionsPolicy(policy: Policy<PermissionsBase>): WirePermissionsPolicy {
  if (policy.kind === 'base')
    return { kind: { $case: 'base', value: permissionsWire[policy.base] } }
  const value = { policies: policy.policies.map(writePermissionsPolicy) }
  return { kind: { $case: policy.kind === 'and' ? 'andCondition' : 'anyCondition', value } }
}
