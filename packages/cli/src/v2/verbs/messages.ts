import { parseAddress, SortDirection, type Client, type Conversation } from '@xmtp-ts/client/v2'
import { openAccount } from '../account.ts'
import { parseCount } from '../../arguments.ts'
import { messageReport } from '../show.ts'
import type { Verb } from '../../verb.ts'
import type { ConversationOptions } from './send.ts'

export type MessagesOptions = ConversationOptions & { readonly limit: string }

/** Prints the newest messages of the conversation with an account, the oldest of them first. */
export const messages: Verb<MessagesOptions, [address: string]> = async (
  options,
  context,
  address,
) => {
  const limit = parseCount('--limit', options.limit)
  const peer = parseAddress(address)
  await using client = await openAccount(options, context)
  const conversation = await findConversation(client, { peer, id: options.conversation })
  if (conversation === undefined) {
    context.reporter.progress('There is no such conversation yet.')
    return
  }
  const newest = await conversation.messages({
    limit,
    direction: SortDirection.SORT_DIRECTION_DESCENDING,
  })
  for (const message of newest.toReversed()) await context.reporter.result(messageReport(message))
}

async function findConversation(
  client: Client,
  { peer, id }: { peer: string; id: string | undefined },
): Promise<Conversation | undefined> {
  const listed = await client.conversations.list()
  return listed.find(
    ({ peerAddress, context }) => peerAddress === peer && context?.conversationId === id,
  )
}
