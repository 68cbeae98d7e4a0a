import {
  attributeNames,
  policyKind,
  policyPresets,
  type MembershipPolicy,
  type PermissionsPolicy,
  type PolicySet,
} from '@xmtp-ts/protocol/group'
import {
  GroupPermissionsOptions,
  MetadataField,
  PermissionPolicy,
  PermissionUpdateType,
} from './enums.ts'

/** Who may do what in a group. */
export type PermissionPolicySet = {
  readonly addMemberPolicy: PermissionPolicy
  readonly removeMemberPolicy: PermissionPolicy
  readonly addAdminPolicy: PermissionPolicy
  readonly removeAdminPolicy: PermissionPolicy
  readonly updateGroupNamePolicy: PermissionPolicy
  readonly updateGroupDescriptionPolicy: PermissionPolicy
  readonly updateGroupImageUrlSquarePolicy: PermissionPolicy
  readonly updateMessageDisappearingPolicy: PermissionPolicy
  readonly updateAppDataPolicy: PermissionPolicy
}

export type PolicyChange = {
  readonly update: PermissionUpdateType
  readonly policy: PermissionPolicy
  /** Which attribute, of those that `update` may mean. */
  readonly field?: MetadataField | undefined
}

export type GroupPermissions = {
  readonly policyType: GroupPermissionsOptions
  readonly policySet: PermissionPolicySet
}

const { groupName, description, imageUrl, appData, disappearFromNs, disappearInNs } = attributeNames

const fieldNames: Readonly<Record<MetadataField, string>> = {
  [MetadataField.AppData]: appData,
  [MetadataField.Description]: description,
  [MetadataField.GroupName]: groupName,
  [MetadataField.GroupImageUrlSquare]: imageUrl,
  [MetadataField.MessageExpirationFromNs]: disappearFromNs,
  [MetadataField.MessageExpirationInNs]: disappearInNs,
}

/** How a group's attribute is named on the wire. */
export function metadataFieldName(field: MetadataField): string {
  return fieldNames[field]
}

export function describePermissions(set: PolicySet): GroupPermissions {
  const kinds = {
    default: GroupPermissionsOptions.Default,
    adminOnly: GroupPermissionsOptions.AdminOnly,
    custom: GroupPermissionsOptions.CustomPolicy,
  } as const
  const ofAttribute = (name: string) => {
    const policy = set.updateMetadata.get(name)
    return policy === undefined ? PermissionPolicy.DoesNotExist : describe(policy)
  }
  return {
    policyType: kinds[policyKind(set)],
    policySet: {
      addMemberPolicy: describe(set.addMember),
      removeMemberPolicy: describe(set.removeMember),
      addAdminPolicy: describe(set.addAdmin),
      removeAdminPolicy: describe(set.removeAdmin),
      updateGroupNamePolicy: ofAttribute(groupName),
      updateGroupDescriptionPolicy: ofAttribute(description),
      updateGroupImageUrlSquarePolicy: ofAttribute(imageUrl),
      updateMessageDisappearingPolicy: ofAttribute(disappearInNs),
      updateAppDataPolicy: ofAttribute(appData),
    },
  }
}

/**
 * The policies that a new group begins with.
 * @throws RangeError for a policy that a group cannot have, TypeError for a custom set that is missing
 */
export function firstPolicies(
  kind: GroupPermissionsOptions = GroupPermissionsOptions.Default,
  custom?: PermissionPolicySet,
): PolicySet {
  if (kind === GroupPermissionsOptions.Default) return policyPresets.default
  if (kind === GroupPermissionsOptions.AdminOnly) return policyPresets.adminOnly
  if (custom === undefined) throw new TypeError('A custom policy set must be given.')
  const disappearing = membershipPolicy(custom.updateMessageDisappearingPolicy)
  return {
    addMember: membershipPolicy(custom.addMemberPolicy),
    removeMember: membershipPolicy(custom.removeMemberPolicy),
    addAdmin: permissionsPolicy(custom.addAdminPolicy),
    removeAdmin: permissionsPolicy(custom.removeAdminPolicy),
    updateMetadata: new Map([
      [groupName, membershipPolicy(custom.updateGroupNamePolicy)],
      [description, membershipPolicy(custom.updateGroupDescriptionPolicy)],
      [imageUrl, membershipPolicy(custom.updateGroupImageUrlSquarePolicy)],
      // libxmtp sets the second only, which leaves the first to admins: then the setting is of no use to others.
      [disappearFromNs, disappearing],
      [disappearInNs, disappearing],
      [appData, membershipPolicy(custom.updateAppDataPolicy)],
    ]),
    updatePermissions: { kind: 'base', base: 'superAdmin' },
  }
}

/** @throws RangeError for a policy that a group cannot have, TypeError when the field is missing */
export function withPolicy(set: PolicySet, { update, policy, field }: PolicyChange): PolicySet {
  switch (update) {
    case PermissionUpdateType.AddMember:
      return { ...set, addMember: membershipPolicy(policy) }
    case PermissionUpdateType.RemoveMember:
      return { ...set, removeMember: membershipPolicy(policy) }
    case PermissionUpdateType.AddAdmin:
      return { ...set, addAdmin: permissionsPolicy(policy) }
    case PermissionUpdateType.RemoveAdmin:
      return { ...set, removeAdmin: permissionsPolicy(policy) }
    case PermissionUpdateType.UpdateMetadata: {
      if (field === undefined) throw new TypeError('The metadata field must be named.')
      const changed = [metadataFieldName(field), membershipPolicy(policy)] as const
      return { ...set, updateMetadata: new Map([...set.updateMetadata, changed]) }
    }
    default:
      update satisfies never
      throw new RangeError(`There is no permission ${String(update)}.`)
  }
}

function describe(policy: MembershipPolicy | PermissionsPolicy): PermissionPolicy {
  if (policy.kind !== 'base') return PermissionPolicy.Other
  const names = {
    allow: PermissionPolicy.Allow,
    deny: PermissionPolicy.Deny,
    admin: PermissionPolicy.Admin,
    superAdmin: PermissionPolicy.SuperAdmin,
  } as const
  return names[policy.base]
}

function membershipPolicy(policy: PermissionPolicy): MembershipPolicy {
  return policy === PermissionPolicy.Allow
    ? { kind: 'base', base: 'allow' }
    : permissionsPolicy(policy)
}

function permissionsPolicy(policy: PermissionPolicy): PermissionsPolicy {
  switch (policy) {
    case PermissionPolicy.Deny:
      return { kind: 'base', base: 'deny' }
    case PermissionPolicy.Admin:
      return { kind: 'base', base: 'admin' }
    case PermissionPolicy.SuperAdmin:
      return { kind: 'base', base: 'superAdmin' }
    case PermissionPolicy.Allow:
    case PermissionPolicy.DoesNotExist:
    case PermissionPolicy.Other:
    default:
      throw new RangeError(`A group cannot have the policy ${String(policy)} here.`)
  }
}
