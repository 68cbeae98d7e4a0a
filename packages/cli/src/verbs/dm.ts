import { recipientOf } from '../people.ts'
import { openSynced, type SessionOptions } from '../session.ts'
import { conversationReport } from '../show/conversation.ts'
import { describeOne } from '../show/describe.ts'
import { textOf } from '../text-input.ts'
import type { Verb } from '../verb.ts'

/** Begins the direct message with somebody unless there is one, and writes a text there. */
export const dm: Verb<SessionOptions, [who: string, text: string | undefined]> = async (
  options,
  context,
  who,
  text,
) => {
  const person = recipientOf(who)
  const words = text === undefined ? undefined : await textOf(text, context.io)
  await using session = await openSynced(options, context)
  const conversation = await session.client.conversations.createDm(person)
  if (words !== undefined) await conversation.sendText(words)
  await context.reporter.result(conversationReport(await describeOne(session, conversation)))
}
