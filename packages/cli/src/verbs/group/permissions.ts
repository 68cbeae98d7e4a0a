import {
  GroupPermissionsOptions,
  MetadataField,
  PermissionPolicy,
  PermissionUpdateType,
  XmtpError,
  type Group,
  type PermissionPolicySet,
} from '@xmtp-ts/client'
import type { SessionOptions } from '../../session.ts'
import type { Verb, VerbContext } from '../../verb.ts'
import { withGroup } from './with-group.ts'

const policies = {
  allow: PermissionPolicy.Allow,
  deny: PermissionPolicy.Deny,
  admin: PermissionPolicy.Admin,
  'super-admin': PermissionPolicy.SuperAdmin,
} as const
type PolicyName = keyof typeof policies

/** What a policy may be about: where it stands, how it is changed, and what it is in either preset. */
type Permission = {
  readonly member: keyof PermissionPolicySet
  readonly update: PermissionUpdateType
  /** Both fields of disappearing messages change together. */
  readonly fields?: readonly MetadataField[]
  readonly allMembers: PolicyName
  readonly adminOnly: PolicyName
}

const { AddMember, RemoveMember, AddAdmin, RemoveAdmin, UpdateMetadata } = PermissionUpdateType

const permissionTable = {
  'add-member': {
    member: 'addMemberPolicy',
    update: AddMember,
    allMembers: 'allow',
    adminOnly: 'admin',
  },
  'remove-member': {
    member: 'removeMemberPolicy',
    update: RemoveMember,
    allMembers: 'admin',
    adminOnly: 'admin',
  },
  'add-admin': {
    member: 'addAdminPolicy',
    update: AddAdmin,
    allMembers: 'super-admin',
    adminOnly: 'super-admin',
  },
  'remove-admin': {
    member: 'removeAdminPolicy',
    update: RemoveAdmin,
    allMembers: 'super-admin',
    adminOnly: 'super-admin',
  },
  name: {
    member: 'updateGroupNamePolicy',
    update: UpdateMetadata,
    fields: [MetadataField.GroupName],
    allMembers: 'allow',
    adminOnly: 'admin',
  },
  description: {
    member: 'updateGroupDescriptionPolicy',
    update: UpdateMetadata,
    fields: [MetadataField.Description],
    allMembers: 'allow',
    adminOnly: 'admin',
  },
  image: {
    member: 'updateGroupImageUrlSquarePolicy',
    update: UpdateMetadata,
    fields: [MetadataField.GroupImageUrlSquare],
    allMembers: 'allow',
    adminOnly: 'admin',
  },
  'app-data': {
    member: 'updateAppDataPolicy',
    update: UpdateMetadata,
    fields: [MetadataField.AppData],
    allMembers: 'allow',
    adminOnly: 'admin',
  },
  disappearing: {
    member: 'updateMessageDisappearingPolicy',
    update: UpdateMetadata,
    fields: [MetadataField.MessageExpirationFromNs, MetadataField.MessageExpirationInNs],
    allMembers: 'admin',
    adminOnly: 'admin',
  },
} as const satisfies Record<string, Permission>
type PermissionName = keyof typeof permissionTable

export const presets = ['all-members', 'admin-only'] as const
export type Preset = (typeof presets)[number]

export type PermissionsOptions = SessionOptions & {
  readonly preset?: Preset
  /** `name=policy` */
  readonly set?: readonly string[]
}

/** Says who may do what in a group; shows it. */
export const permissions: Verb<PermissionsOptions, [group: string]> = async (
  options,
  context,
  name,
) => {
  const { preset } = options
  const changes = [
    ...(preset === undefined ? [] : presetChanges(preset)),
    ...(options.set ?? []).map(parseChange),
  ]
  await withGroup(options, context, {
    name,
    async work(group) {
      for (const change of changes) await apply(group, change)
      await report(group, context)
    },
  })
}

type Change = { readonly permission: PermissionName; readonly policy: PolicyName }

function presetChanges(preset: Preset): readonly Change[] {
  return permissionNames.map((permission) => {
    const { allMembers, adminOnly } = permissionTable[permission]
    return { permission, policy: preset === 'all-members' ? allMembers : adminOnly }
  })
}

const permissionNames = Object.keys(permissionTable).filter(isPermission)
const policyNames = Object.keys(policies).filter(isPolicy)

/** @throws XmtpError `cli.usage` */
function parseChange(text: string): Change {
  const [permission = '', policy = '', ...rest] = text.split('=')
  if (!isPermission(permission) || rest.length > 0)
    throw new XmtpError(
      'cli.usage',
      `--set takes <permission>=<policy>, not ${JSON.stringify(text.slice(0, 80))}; permissions are ${permissionNames.join(', ')}.`,
    )
  const isOfAdmins = permission === 'add-admin' || permission === 'remove-admin'
  const possible = policyNames.filter((name) => !(isOfAdmins && name === 'allow'))
  if (!isPolicy(policy) || !possible.includes(policy))
    throw new XmtpError(
      'cli.usage',
      `${permission} is one of ${possible.join(', ')}, not ${JSON.stringify(policy.slice(0, 80))}.`,
    )
  return { permission, policy }
}

/** What is so already is left alone. */
async function apply(group: Group, { permission, policy }: Change): Promise<void> {
  const { member, update, ...rest }: Permission = permissionTable[permission]
  const wanted = policies[policy]
  if (group.permissions().policySet[member] === wanted) return
  for (const field of rest.fields ?? [undefined])
    await group.updatePermission(update, wanted, field)
}

const presetNames = {
  [GroupPermissionsOptions.Default]: 'all-members',
  [GroupPermissionsOptions.AdminOnly]: 'admin-only',
  [GroupPermissionsOptions.CustomPolicy]: 'custom',
} as const

/** What groups of other clients may have beside them. */
const shownPolicies: Readonly<Record<PermissionPolicy, readonly [name: string, who: string]>> = {
  [PermissionPolicy.Allow]: ['allow', 'every member'],
  [PermissionPolicy.Deny]: ['deny', 'nobody'],
  [PermissionPolicy.Admin]: ['admin', 'admins and super admins'],
  [PermissionPolicy.SuperAdmin]: ['super-admin', 'super admins'],
  [PermissionPolicy.DoesNotExist]: ['none', 'nobody has said'],
  [PermissionPolicy.Other]: ['other', 'a rule that has no name here'],
}

async function report(group: Group, { reporter }: VerbContext): Promise<void> {
  const { policyType, policySet } = group.permissions()
  const preset = presetNames[policyType]
  await reporter.list({
    columns: [{ head: 'PERMISSION' }, { head: 'POLICY' }, { head: 'WHO', isDim: true }],
    rows: permissionNames.map((permission) => {
      const [policy, who] = shownPolicies[policySet[permissionTable[permission].member]]
      return {
        json: { conversation: group.id, preset, permission, policy },
        cells: [permission, policy, who],
      }
    }),
    none: '',
  })
  reporter.progress(
    preset === 'custom' ? 'These are of no preset.' : `These are of the preset ${preset}.`,
  )
}

function isPermission(name: string): name is PermissionName {
  return Object.hasOwn(permissionTable, name)
}

function isPolicy(name: string): name is PolicyName {
  return Object.hasOwn(policies, name)
}
