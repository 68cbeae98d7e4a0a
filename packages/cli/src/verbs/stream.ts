import { XmtpError, type DecodedMessage, type StreamOptions } from '@xmtp-ts/client'
import { parseDurableName } from '../arguments.ts'
import { everyConsentState, findConversation, type AnyConversation } from '../find.ts'
import { openSession, type Session, type SessionOptions } from '../session.ts'
import { sentence, type Reporter } from '../report.ts'
import { displayName, inboxesOfConversation } from '../show/conversation.ts'
import { labelled } from '../show/describe.ts'
import { messageReport } from '../show/message.ts'
import type { Verb } from '../verb.ts'

export type FollowOptions = SessionOptions & { readonly durable?: string }

/** Prints messages as they come, until Ctrl-C: of all conversations, or of one. */
export const stream: Verb<FollowOptions, [conversation: string | undefined]> = async (
  options,
  context,
  name,
) => {
  try {
    await follow(options, context, name)
  } catch (error) {
    // Ctrl-C closes the client, wherever it is.
    if (!context.io.signal.aborted) throw error
  }
}

const follow: typeof stream = async (options, context, name) => {
  const { io, reporter } = context
  const durable = options.durable === undefined ? undefined : parseDurableName(options.durable)
  if (durable !== undefined && options.ephemeral === true)
    throw new XmtpError('cli.usage', 'An installation for one command has nothing to resume.')
  await using session = await openSession(options, context)
  const only = name === undefined ? undefined : await findKnown(session, name)
  const { client } = session
  const following = {
    ...reports(reporter),
    resume: durable && placeName(durable, only),
  }
  await using messages = await (only === undefined
    ? client.conversations.streamAllMessages(following)
    : only.stream(following))
  const whose = only === undefined ? 'all conversations' : await placeIn(session, only)
  reporter.progress(`Messages of ${whose} as they come; Ctrl-C ends.`)
  let above: Date | undefined
  for await (const message of messages) {
    // The place of a durable stream moves when the next message is asked for: not before this one is written.
    const place = only === undefined ? await placeOf(session, message) : undefined
    for (const label of await labelled(session, [message]))
      await reporter.result(messageReport({ ...label, place, above }))
    above = message.sentAt
    if (io.signal.aborted) break
  }
}

/** What is read to find a conversation is not streamed any more: so nothing is, unless the store does not have it yet. */
async function findKnown(session: Session, name: string): Promise<AnyConversation> {
  try {
    return await findConversation(session, name)
  } catch (error) {
    if (!(error instanceof XmtpError && error.code === 'cli.conversation.unknown')) throw error
    await session.client.conversations.syncAll(everyConsentState)
    return findConversation(session, name)
  }
}

/** One name in all conversations and in one are two places. */
function placeName(name: string, conversation: AnyConversation | undefined): string {
  return conversation === undefined ? name : `${conversation.id} ${name}`
}

function reports(reporter: Reporter): StreamOptions<DecodedMessage> {
  return {
    onError: (error) => {
      if (error instanceof XmtpError) reporter.notice(error.code, sentence(error))
      else reporter.notice('internal', error.message)
    },
    onFail: () => reporter.notice('connection.lost', 'The connection was lost; opening another …'),
    onRestart: () => reporter.notice('connection.restored', 'The connection stands again.'),
  }
}

/** Where a message is, in front of its sender: direct messages of others need no more than that. */
async function placeOf(session: Session, message: DecodedMessage): Promise<string | undefined> {
  const { conversations, inboxId } = session.client
  const conversation = await conversations.getConversationById(message.conversationId)
  if (conversation === undefined) return undefined
  const isTheirs = 'peerInboxId' in conversation && message.senderInboxId !== inboxId
  return isTheirs ? undefined : placeIn(session, conversation)
}

async function placeIn({ people }: Session, conversation: AnyConversation): Promise<string> {
  const known = await people.find(inboxesOfConversation(conversation))
  return displayName({ conversation, known })
}
