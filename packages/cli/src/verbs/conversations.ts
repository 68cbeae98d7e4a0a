import { ConversationType, ListConversationsOrderBy } from '@xmtp-ts/client'
import { parseCount } from '../arguments.ts'
import { everyConsentState } from '../find.ts'
import { openSession, openSynced, type SessionOptions } from '../session.ts'
import { consentNames, conversationListing } from '../show/conversation.ts'
import { describeAll } from '../show/describe.ts'
import type { Verb } from '../verb.ts'

export type ConversationsOptions = SessionOptions & {
  readonly type?: 'dm' | 'group'
  readonly consent?: 'unknown' | 'allowed' | 'denied' | 'any'
  readonly limit?: string
}

/** Lists conversations, the one with the newest message first. */
export const conversations: Verb<ConversationsOptions> = async (options, context) => {
  const limit = options.limit === undefined ? undefined : parseCount('--limit', options.limit)
  await using session = await (options.sync === false ? openSession : openSynced)(options, context)
  const types = { dm: ConversationType.Dm, group: ConversationType.Group } as const
  const listed = await session.client.conversations.list({
    conversationType: options.type && types[options.type],
    consentStates: consentStatesOf(options.consent),
    orderBy: ListConversationsOrderBy.LastActivity,
    limit,
  })
  const described = await describeAll(session, listed)
  await context.reporter.list(conversationListing(described, new Date()))
}

function consentStatesOf(wanted: ConversationsOptions['consent']) {
  if (wanted === undefined) return undefined
  return everyConsentState.filter((state) => wanted === 'any' || consentNames[state] === wanted)
}
