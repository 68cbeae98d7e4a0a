import { XmtpError } from '@xmtp-ts/protocol'
import { decodeMembership, decodeMutableMetadata } from '@xmtp-ts/protocol/group'
import type { Core } from '../core.ts'
import { directMembers, keptTypeOf } from './conversation-row.ts'
import type { OpenedGroup } from './open-group.ts'
import type { LoadedGroup } from './loaded-group.ts'
import { receiveNew } from './receive.ts'

/**
 * The group that a welcome is about to replace, once it is sure that it may. Anybody can make a group with the id of another and
 * welcome us to it; libxmtp 1.10 takes one of a later epoch for the group that it knows. Here the log of the group says first
 * whether we were removed, or have come to that epoch anyway. If neither, only those may let us in again who take out and
 * put back installations that lost their way (v3-mls §3.8): super admins as we know them, and the two of a direct message.
 * Where it shows that we cannot follow the group any more, who is what may have changed, and any member as we know them may.
 * Only within a turn of the group.
 * @returns undefined when the welcome says nothing new
 * @throws XmtpError `client.welcome.takeover`, or what the network throws
 */
export async function replaceable(
  core: Core,
  known: LoadedGroup,
  opened: OpenedGroup,
): Promise<LoadedGroup | undefined> {
  const { epoch } = opened.joined.state.context
  if (epoch <= known.mls.context.epoch) return undefined
  requireSameGroup(known, opened)
  if (!known.conversation.active) return known
  const current = await receiveNew(core, known.id)
  if (epoch <= current.mls.context.epoch) return undefined
  if (!current.conversation.active || mayLetIn(current, opened)) return current
  throw takeover(known, `${opened.adder.inboxId} may not let us in again`)
}

function mayLetIn({ conversation }: LoadedGroup, { adder }: OpenedGroup): boolean {
  const { superAdmins } = decodeMutableMetadata(conversation.mutableMetadata)
  const pair: readonly string[] = directMembers(conversation) ?? []
  const isSync = keptTypeOf(conversation) === 'sync'
  if (isSync || superAdmins.includes(adder.inboxId) || pair.includes(adder.inboxId)) return true
  return (
    conversation.maybeForked && decodeMembership(conversation.members).members.has(adder.inboxId)
  )
}

/** What never changes in a group is the same in whatever replaces it. */
function requireSameGroup(known: LoadedGroup, { content }: OpenedGroup): void {
  const { creatorInboxId, type, dmMembers } = content.metadata
  const { conversation } = known
  const isSame =
    creatorInboxId === conversation.creatorInboxId &&
    type === keptTypeOf(conversation) &&
    [...(dmMembers ?? [])].toSorted().join() === conversation.dmMembers.toSorted().join()
  if (!isSame) throw takeover(known, 'it has another creator, type or other members for good')
}

function takeover({ id }: LoadedGroup, why: string): XmtpError {
  return new XmtpError('client.welcome.takeover', `A welcome is not of the group ${id}: ${why}.`)
}
