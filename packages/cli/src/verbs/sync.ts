import {
  ContentType,
  isGroupUpdated,
  isLeaveRequest,
  type Group,
  type GroupUpdated,
} from '@xmtp-ts/client'
import { everyConsentState } from '../find.ts'
import { openSession, type Session, type SessionOptions } from '../session.ts'
import type { Verb } from '../verb.ts'

/** Reads everything that is new, sends what waits, and lets those go who asked to leave. */
export const sync: Verb<SessionOptions> = async (options, context) => {
  await using session = await openSession(options, context)
  const { conversations, preferences } = session.client
  const work = async () => {
    await preferences.sync()
    const { numSynced } = await conversations.syncAll(everyConsentState)
    for (const group of await conversations.listGroups()) await letGo(session, group)
    const all = await conversations.list({ consentStates: everyConsentState })
    return { conversations: all.length, updated: numSynced }
  }
  const summary = await context.reporter.during('Reading what is new …', work())
  await context.reporter.result({
    json: summary,
    text: `${summary.conversations} conversations are up to date.`,
  })
}

/**
 * A super admin's client removes those who asked to leave while it runs, in the background: this is for clients that run
 * for a moment only.
 */
async function letGo({ client }: Session, group: Group): Promise<void> {
  if (!group.isActive || !group.isSuperAdmin(client.inboxId)) return
  const changes = await group.messages({
    contentTypes: [ContentType.LeaveRequest, ContentType.GroupUpdated],
  })
  const leaving = new Set<string>()
  for (const message of changes) {
    if (isLeaveRequest(message)) leaving.add(message.senderInboxId)
    else if (isGroupUpdated(message)) for (const id of movedBy(message.content)) leaving.delete(id)
  }
  const removable = [...leaving].filter((inboxId) => !group.isSuperAdmin(inboxId))
  if (removable.length > 0) await group.removeMembers(removable)
}

/** Who came or went: what they asked for before is done with. */
function movedBy(update: GroupUpdated | undefined): readonly string[] {
  const { addedInboxes = [], removedInboxes = [], leftInboxes = [] } = update ?? {}
  return [...addedInboxes, ...removedInboxes, ...leftInboxes].map(({ inboxId }) => inboxId)
}
