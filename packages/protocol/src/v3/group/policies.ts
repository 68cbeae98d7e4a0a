import { attributeNames } from './mutable-metadata.ts'

/** Who may do something, by itself. */
export type MembershipBase = 'allow' | 'deny' | 'admin' | 'superAdmin'

/** The same without `allow`: nobody may let everybody make admins. */
export type PermissionsBase = 'deny' | 'admin' | 'superAdmin'

/** A tree of conditions (v3-mls §3.5). `admin` means admin or super admin. */
export type Policy<Base extends MembershipBase> =
  | { readonly kind: 'base'; readonly base: Base }
  | { readonly kind: 'and'; readonly policies: readonly Policy<Base>[] }
  | { readonly kind: 'any'; readonly policies: readonly Policy<Base>[] }

export type MembershipPolicy = Policy<MembershipBase>
export type MetadataPolicy = Policy<MembershipBase>
export type PermissionsPolicy = Policy<PermissionsBase>

/** Extension 0xff02 of the group context. */
export type PolicySet = {
  readonly addMember: MembershipPolicy
  readonly removeMember: MembershipPolicy
  /** By attribute. */
  readonly updateMetadata: ReadonlyMap<string, MetadataPolicy>
  readonly addAdmin: PermissionsPolicy
  readonly removeAdmin: PermissionsPolicy
  /** Nobody asks it: permissions are the super admins' (v3-mls §3.5). */
  readonly updatePermissions: PermissionsPolicy
}

/** What the metadata before a commit says about its author. */
export type ActorFlags = { readonly isAdmin: boolean; readonly isSuperAdmin: boolean }

function base<const Base extends MembershipBase>(
  name: Base,
): { readonly kind: 'base'; readonly base: Base } {
  return { kind: 'base', base: name }
}

const { groupName, description, imageUrl, appData } = attributeNames
const { disappearFromNs, disappearInNs, minimumVersion } = attributeNames

function metadataPolicies(
  texts: MembershipBase,
  disappearing: MembershipBase,
  version: MembershipBase,
): ReadonlyMap<string, MetadataPolicy> {
  return new Map<string, MetadataPolicy>([
    [groupName, base(texts)],
    [description, base(texts)],
    [imageUrl, base(texts)],
    [disappearFromNs, base(disappearing)],
    [disappearInNs, base(disappearing)],
    [minimumVersion, base(version)],
    [appData, base(texts)],
  ])
}

/** The sets that groups start with (v3-mls §3.5). */
export const policyPresets: {
  readonly default: PolicySet
  readonly adminOnly: PolicySet
  readonly direct: PolicySet
} = {
  default: {
    addMember: base('allow'),
    removeMember: base('admin'),
    updateMetadata: metadataPolicies('allow', 'admin', 'superAdmin'),
    addAdmin: base('superAdmin'),
    removeAdmin: base('superAdmin'),
    updatePermissions: base('superAdmin'),
  },
  adminOnly: {
    addMember: base('admin'),
    removeMember: base('admin'),
    updateMetadata: metadataPolicies('admin', 'admin', 'superAdmin'),
    addAdmin: base('superAdmin'),
    removeAdmin: base('superAdmin'),
    updatePermissions: base('superAdmin'),
  },
  direct: {
    addMember: base('deny'),
    removeMember: base('deny'),
    updateMetadata: metadataPolicies('allow', 'allow', 'allow'),
    addAdmin: base('deny'),
    removeAdmin: base('deny'),
    updatePermissions: base('deny'),
  },
}

/** Whether a policy lets this author do it. */
export function evaluate(policy: Policy<MembershipBase>, actor: ActorFlags): boolean {
  if (policy.kind === 'and') return policy.policies.every((inner) => evaluate(inner, actor))
  if (policy.kind === 'any') return policy.policies.some((inner) => evaluate(inner, actor))
  switch (policy.base) {
    case 'allow':
      return true
    case 'deny':
      return false
    case 'admin':
      return actor.isAdmin || actor.isSuperAdmin
    case 'superAdmin':
      return actor.isSuperAdmin
    default:
      return policy.base satisfies never
  }
}

/** Whether two trees are the same; what amounts to the same is not. */
export function policiesEqual(a: Policy<MembershipBase>, b: Policy<MembershipBase>): boolean {
  if (a.kind === 'base') return b.kind === 'base' && a.base === b.base
  if (b.kind === 'base' || a.kind !== b.kind || a.policies.length !== b.policies.length)
    return false
  return a.policies.every((inner, index) => {
    const other = b.policies[index]
    return other !== undefined && policiesEqual(inner, other)
  })
}

/** Whether two sets are the same, whatever the order of their attributes. */
export function policySetsEqual(a: PolicySet, b: PolicySet): boolean {
  const attributes = [...a.updateMetadata]
  return (
    policiesEqual(a.addMember, b.addMember) &&
    policiesEqual(a.removeMember, b.removeMember) &&
    policiesEqual(a.addAdmin, b.addAdmin) &&
    policiesEqual(a.removeAdmin, b.removeAdmin) &&
    policiesEqual(a.updatePermissions, b.updatePermissions) &&
    a.updateMetadata.size === b.updateMetadata.size &&
    attributes.every(([name, policy]) => {
      const other = b.updateMetadata.get(name)
      return other !== undefined && policiesEqual(policy, other)
    })
  )
}

/**
 * Which preset a set amounts to, as libxmtp tells: attributes may be missing, and any other attribute must have the
 * policy of the texts.
 */
export function policyKind(set: PolicySet): 'default' | 'adminOnly' | 'custom' {
  if (matchesPreset(set, policyPresets.default, 'allow')) return 'default'
  return matchesPreset(set, policyPresets.adminOnly, 'admin') ? 'adminOnly' : 'custom'
}

function matchesPreset(set: PolicySet, preset: PolicySet, texts: MembershipBase): boolean {
  const expected = [...set.updateMetadata.keys()].map((name): readonly [string, MetadataPolicy] => [
    name,
    preset.updateMetadata.get(name) ?? base(texts),
  ])
  return policySetsEqual(set, { ...preset, updateMetadata: new Map(expected) })
}
