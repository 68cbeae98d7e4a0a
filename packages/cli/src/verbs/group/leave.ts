import { findGroup } from '../../find.ts'
import { openSynced, type SessionOptions } from '../../session.ts'
import { displayName, inboxesOfConversation } from '../../show/conversation.ts'
import { oneLine } from '../../terminal/printable.ts'
import type { Verb } from '../../verb.ts'

/** Asks the super admins of a group, whose clients do it by themselves, to be removed. */
export const leave: Verb<SessionOptions, [group: string]> = async (options, context, name) => {
  await using session = await openSynced(options, context)
  const group = await findGroup(session, name)
  await group.requestRemoval()
  await group.sync()
  const known = await session.people.find(inboxesOfConversation(group))
  const isPending = group.isPendingRemoval()
  await context.reporter.result({
    json: { conversation: group.id, isActive: group.isActive, isPendingRemoval: isPending },
    text: isPending
      ? `Asked to leave ${oneLine(displayName({ conversation: group, known }))}. A super admin’s client removes you when it is next online.`
      : `You are out of ${oneLine(displayName({ conversation: group, known }))}.`,
  })
}
