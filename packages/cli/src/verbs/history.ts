import { SortDirection, XmtpError } from '@xmtp-ts/client'
import { parseCount, parseTimeNs } from '../arguments.ts'
import { findConversation, findMessage, type AnyConversation } from '../find.ts'
import { openSession, openSynced, type Session, type SessionOptions } from '../session.ts'
import { labelled } from '../show/describe.ts'
import { messageReport } from '../show/message.ts'
import type { Verb } from '../verb.ts'

export type HistoryOptions = SessionOptions & {
  readonly limit: string
  /** A time in ISO 8601, or the id of a message. */
  readonly before?: string
  readonly after?: string
}

/**
 * Prints messages of a conversation, the oldest first: the newest ones, or the newest before a time; with `--after` alone
 * the first ones behind it.
 */
export const history: Verb<HistoryOptions, [conversation: string]> = async (
  options,
  context,
  name,
) => {
  const limit = parseCount('--limit', options.limit)
  await using session = await (options.sync === false ? openSession : openSynced)(options, context)
  const conversation = await findConversation(session, name)
  // Of those that were denied, which are not read by themselves.
  if (options.sync !== false) await conversation.sync()
  const { before, after } = options
  const isForward = after !== undefined && before === undefined
  const found = await conversation.messages({
    limit,
    direction: isForward ? SortDirection.Ascending : SortDirection.Descending,
    sentBeforeNs: await placeOf(session, conversation, before),
    sentAfterNs: await placeOf(session, conversation, after),
  })
  const messages = isForward ? found : found.toReversed()
  if (messages.length === 0) context.reporter.progress('There are no messages there.')
  let above: Date | undefined
  for (const label of await labelled(session, messages)) {
    await context.reporter.result(messageReport({ ...label, above }))
    above = label.message.sentAt
  }
}

/** @returns nanoseconds since 1970 @throws XmtpError `cli.usage`, `cli.message.*` */
async function placeOf(
  session: Session,
  conversation: AnyConversation,
  text: string | undefined,
): Promise<bigint | undefined> {
  if (text === undefined) return undefined
  const time = parseTimeNs(text)
  if (time !== undefined) return time
  if (!/^[0-9a-fA-F]{4,64}$/.test(text))
    throw new XmtpError('cli.usage', `${JSON.stringify(text)} is no time and no id of a message.`)
  return (await findMessage(conversation, session, text)).sentAtNs
}
