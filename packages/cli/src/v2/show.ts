import type { Conversation, DecodedMessage } from '@xmtp-ts/client/v2'
import type { Report } from '../report.ts'
import { printable } from '../terminal/printable.ts'

/** A message, as `messages`, `send` and `stream` print it. */
export function messageReport(message: DecodedMessage): Report {
  const { id, conversation, senderAddress, sent, content, contentType, error } = message
  const text = typeof content === 'string' ? content : (message.contentFallback ?? undefined)
  return {
    json: {
      id,
      conversation: conversation.topic,
      peer: conversation.peerAddress,
      sender: senderAddress,
      sent: sent.toISOString(),
      contentType: contentType.toString(),
      text: text ?? null,
      ...(error === undefined ? {} : { error: error.code }),
    },
    text: `${sent.toISOString()}  ${senderAddress}  ${printable(text ?? `[${contentType.toString()}]`)}`,
  }
}

/** A conversation, as `conversations` prints it. */
export function conversationReport(conversation: Conversation): Report {
  const { topic, peerAddress, createdAt, context, consentState } = conversation
  const id = context?.conversationId
  return {
    json: {
      topic,
      peer: peerAddress,
      createdAt: createdAt.toISOString(),
      conversationId: id ?? null,
      consent: consentState,
    },
    text: `${createdAt.toISOString()}  ${peerAddress}  ${consentState}${id === undefined ? '' : `  ${printable(id)}`}`,
  }
}
