import type { ReceivedContent } from '@xmtp-ts/content'
import { v2, XmtpError, type Result } from '@xmtp-ts/protocol'
import type { Envelope } from '../network/message-api.ts'
import { decodeWith } from './content.ts'
import type { ConversationRecord } from './conversation-book.ts'
import type { Session } from './session.ts'

/** A message whose sender takes part in the conversation, with its content as far as it can be read. */
export type ReceivedMessage = v2.VerifiedMessage & { readonly received: ReceivedContent }

/**
 * Everything between an envelope and a message (v1-v2 §11.2): parse, open, verify, participant, content. What does not
 * pass is a value; bytes of strangers never throw.
 */
export async function receiveMessage(
  session: Session,
  record: ConversationRecord,
  envelope: Envelope,
): Promise<Result<ReceivedMessage>> {
  try {
    const sealed = v2.parseMessage(envelope.message)
    const verified = v2.verifyMessage(v2.openMessage(sealed, record), session.verify)
    if (verified.sender !== record.peer && verified.sender !== session.account)
      throw new XmtpError(
        'v2.message.notParticipant',
        `${verified.sender} wrote into a conversation with ${record.peer}.`,
      )
    const received = await decodeWith(session, verified.content)
    return { ok: true, value: { ...verified, received } }
  } catch (error) {
    if (error instanceof XmtpError) return { ok: false, error }
    throw error
  }
}

/** The same for a list or a stream: what does not pass is reported, and left out. */
export async function receiveOrReport(
  session: Session,
  record: ConversationRecord,
  envelope: Envelope,
): Promise<ReceivedMessage | undefined> {
  const result = await receiveMessage(session, record, envelope)
  if (result.ok) return result.value
  session.report({
    error: result.error,
    topic: envelope.topic,
    timestampNs: envelope.timestampNs,
    messageId: v2.messageId(envelope.message),
  })
  return undefined
}
