import { openAccount, type AccountOptions } from '../account.ts'
import { conversationReport } from '../show.ts'
import type { Verb } from '../../verb.ts'

/** Lists all conversations, the oldest first. */
export const conversations: Verb<AccountOptions> = async (options, context) => {
  await using client = await openAccount(options, context)
  const listed = await client.conversations.list()
  await client.contacts.loadConsentList()
  for (const conversation of listed) await context.reporter.result(conversationReport(conversation))
  if (listed.length === 0) context.reporter.progress('There are no conversations yet.')
}
