import { XmtpError } from '../../errors.ts'
import type { InboxId } from '../identity/identifier.ts'
import type { GroupContent } from './extensions.ts'
import { policiesEqual, policyPresets, type PolicySet } from './policies.ts'

/** Who put us into a group, and who we are. */
export type DirectMessageParties = {
  /** The inbox of whoever signed the welcome's GroupInfo. */
  readonly adder: InboxId
  readonly self: InboxId
}

/**
 * Checks a direct message that we were added to (v3-mls §3.7). What another of our own installations added us to is
 * taken as it is, as long as it is ours.
 *
 * @throws XmtpError `v3.group.notDirect`
 */
export function checkDirectMessage(content: GroupContent, parties: DirectMessageParties): void {
  const { metadata, mutableMetadata, policies } = content
  const { adder, self } = parties
  const { dmMembers } = metadata
  if (metadata.type !== 'dm') throw refusal(`it is a ${metadata.type}`)
  if (dmMembers === undefined) throw refusal('it does not say between whom')
  const [one, two] = dmMembers
  if (adder === self) {
    if (one !== self && two !== self) throw refusal('it is between others')
    return
  }
  if (!(one === adder && two === self) && !(one === self && two === adder))
    throw refusal('it is not between us and whoever added us')
  if (mutableMetadata.admins.length > 0 || mutableMetadata.superAdmins.length > 0)
    throw refusal('it has admins')
  if (differsThroughout(policies, policyPresets.direct)) throw refusal('it has other policies')
}

/** Other clients refuse a set only when each of its policies is another one; metadata is not looked at. */
function differsThroughout(a: PolicySet, b: PolicySet): boolean {
  return (
    !policiesEqual(a.addMember, b.addMember) &&
    !policiesEqual(a.removeMember, b.removeMember) &&
    !policiesEqual(a.addAdmin, b.addAdmin) &&
    !policiesEqual(a.removeAdmin, b.removeAdmin) &&
    !policiesEqual(a.updatePermissions, b.updatePermissions)
  )
}

function refusal(why: string): XmtpError {
  return new XmtpError('v3.group.notDirect', `The group is no direct message of ours: ${why}.`)
}
