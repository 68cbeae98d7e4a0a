import type { LeafMember } from './key-package.ts'
import type { MembershipDiff } from './membership.ts'
import type { ContentChange } from './commit-changes.ts'
import { evaluate, type ActorFlags, type MetadataPolicy } from './policies.ts'

/** What the rules of permission look at. */
export type PermissionQuestion = {
  readonly actor: LeafMember
  readonly flags: ActorFlags
  readonly content: ContentChange
  readonly inboxes: MembershipDiff
  /** From the first group context that was seen, never from the current one. */
  readonly dmMembers: readonly [string, string] | undefined
}

/** Rule 9 of v3-mls §5.3, which is all of §3.5. @returns what is not permitted, in words; undefined if all is */
export function forbiddenChange(question: PermissionQuestion): string | undefined {
  const { flags, content } = question
  const { policies } = content
  if (!mayAdd(question)) return 'It adds members.'
  if (!mayRemove(question)) return 'It removes members.'
  const attribute = content.changedAttributes.find(
    ({ name }) => !evaluate(attributePolicy(policies.updateMetadata, name), flags),
  )
  if (attribute !== undefined) return `It changes ${attribute.name.slice(0, 80)}.`
  if (content.addedAdmins.length > 0 && !evaluate(policies.addAdmin, flags))
    return 'It adds admins.'
  if (content.removedAdmins.length > 0 && !evaluate(policies.removeAdmin, flags))
    return 'It removes admins.'
  if (content.addedSuperAdmins.length > 0 && !flags.isSuperAdmin) return 'It adds super admins.'
  if (content.removedSuperAdmins.length > 0 && !flags.isSuperAdmin)
    return 'It removes super admins.'
  if (content.removedSuperAdmins.length > 0 && content.superAdminCount === 0)
    return 'It removes the last super admin.'
  if (content.policiesChanged && !flags.isSuperAdmin) return 'It changes permissions.'
  return undefined
}

function mayAdd({ actor, flags, content, inboxes, dmMembers }: PermissionQuestion): boolean {
  const [only] = inboxes.added
  if (only === undefined) return true
  // Either party of a direct message may bring in the other.
  const isOtherParty =
    inboxes.added.length === 1 && dmMembers?.includes(only) === true && only !== actor.inboxId
  return isOtherParty || evaluate(content.policies.addMember, flags)
}

function mayRemove({ flags, content, inboxes }: PermissionQuestion): boolean {
  if (inboxes.removed.length === 0) return true
  const hasSuperAdmin = inboxes.removed.some((inboxId) =>
    content.before.superAdmins.includes(inboxId),
  )
  return !hasSuperAdmin && evaluate(content.policies.removeMember, flags)
}

function attributePolicy(
  policies: ReadonlyMap<string, MetadataPolicy>,
  name: string,
): MetadataPolicy {
  const unknown = name.startsWith('_') ? 'superAdmin' : 'admin'
  return policies.get(name) ?? { kind: 'base', base: unknown }
}
