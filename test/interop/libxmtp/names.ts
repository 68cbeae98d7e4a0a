// Enumerations of libxmtp, by position.
import type {
  ConsentState,
  GroupOptions,
  MetadataField,
  PermissionKind,
  PermissionPolicy,
} from './driver.ts'

export const consentStates = ['unknown', 'allowed', 'denied'] as const
export const permissionKinds = [
  'addMember',
  'removeMember',
  'addAdmin',
  'removeAdmin',
  'updateMetadata',
] as const satisfies readonly PermissionKind[]
export const permissionPolicies = [
  'allow',
  'deny',
  'admin',
  'superAdmin',
  'doesNotExist',
  'other',
] as const
export const permissionSets = ['default', 'adminOnly', 'custom'] as const
export const permissionLevels = ['member', 'admin', 'superAdmin'] as const
export const messageKinds = ['application', 'membershipChange'] as const
export const deliveryStatuses = ['unpublished', 'published', 'failed'] as const
export const metadataFields = [
  'appData',
  'description',
  'name',
  'imageUrl',
  'disappearingFrom',
  'disappearingIn',
] as const satisfies readonly MetadataField[]

export function nameOf<Name extends string>(names: readonly Name[], position: number): Name {
  const name = names[position]
  if (name === undefined) throw new RangeError(`${names.join('|')} has nothing at ${position}.`)
  return name
}

export const consentNumber = { unknown: 0, allowed: 1, denied: 2 } as const satisfies Record<
  ConsentState,
  number
>

/** A value that the host makes: see `revive` there. */
export const tagged = (tag: string, is: object) => ({ $: tag, is })

export function groupOptions({ permissions, policies, disappearing, ...plain }: GroupOptions) {
  const numbers = (set: Readonly<Record<string, PermissionPolicy>>) =>
    Object.fromEntries(
      Object.entries(set).map(([name, policy]) => [name, permissionPolicies.indexOf(policy)]),
    )
  return {
    ...plain,
    ...(permissions && { permissions: permissionSets.indexOf(permissions) }),
    ...(policies && { customPermissionPolicySet: numbers(policies) }),
    ...(disappearing && { messageDisappearingSettings: disappearing }),
  }
}
