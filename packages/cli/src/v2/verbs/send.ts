import { parseAddress } from '@xmtp-ts/client/v2'
import { openAccount, type AccountOptions } from '../account.ts'
import { messageReport } from '../show.ts'
import type { Verb } from '../../verb.ts'

export type ConversationOptions = AccountOptions & { readonly conversation?: string }

/** Sends one text; begins the conversation if there is none. */
export const send: Verb<ConversationOptions, [address: string, text: string]> = async (
  options,
  context,
  address,
  text,
) => {
  const peer = parseAddress(address)
  await using client = await openAccount(options, context)
  const { conversation: id } = options
  const conversation = await client.conversations.newConversation(
    peer,
    id === undefined ? undefined : { conversationId: id, metadata: {} },
  )
  await context.reporter.result(messageReport(await conversation.send(text)))
}
