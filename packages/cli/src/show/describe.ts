import type { DecodedMessage } from '@xmtp-ts/client'
import type { AnyConversation } from '../find.ts'
import type { Session } from '../session.ts'
import { inboxesOf } from './content.ts'
import { inboxesOfConversation, type Described } from './conversation.ts'
import type { MessageLabel } from './message.ts'

/** What is shown of conversations, looked up together. */
export async function describeAll(
  { people }: Session,
  conversations: readonly AnyConversation[],
): Promise<readonly Described[]> {
  const lasts = await Promise.all(conversations.map((one) => one.lastMessage()))
  const known = await people.find([
    ...conversations.flatMap(inboxesOfConversation),
    ...lasts.flatMap((last) => (last === undefined ? [] : inboxesInMessage(last))),
  ])
  return conversations.map((conversation, index) => ({ conversation, last: lasts[index], known }))
}

export async function describeOne(
  session: Session,
  conversation: AnyConversation,
): Promise<Described> {
  const [described] = await describeAll(session, [conversation])
  if (described === undefined) throw new TypeError('One conversation was described as none.')
  return described
}

/** Messages with the names that they need. */
export async function labelled(
  { people }: Session,
  messages: readonly DecodedMessage[],
): Promise<readonly MessageLabel[]> {
  const known = await people.find(messages.flatMap(inboxesInMessage))
  return messages.map((message) => ({ message, known }))
}

function inboxesInMessage(message: DecodedMessage): readonly string[] {
  return [message.senderInboxId, ...inboxesOf(message)]
}
