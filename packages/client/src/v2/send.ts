import { ephemeralTopic, parseContentTopic, v2 } from '@xmtp-ts/protocol'
import { msToNs } from '../environment.ts'
import type { Envelope } from '../network/message-api.ts'
import { encodeWith } from './content.ts'
import type { ConversationRecord } from './conversation-book.ts'
import type { SendOptions } from './options.ts'
import type { Session } from './session.ts'

/** A message that is signed and encrypted, and has not left yet. */
export type SealedEnvelope = {
  /** Hex, 64 digits. */
  readonly id: string
  readonly envelope: Envelope
}

/**
 * Encodes, signs and encrypts content for a conversation (v1-v2 §11.1, §13.3).
 * @throws XmtpError `content.unknownType` without a codec, or what the codec throws
 */
export async function sealContent(
  session: Session,
  record: ConversationRecord,
  { content, options }: { content: unknown; options: SendOptions },
): Promise<SealedEnvelope> {
  const sendable = await encodeWith(session, content, options)
  const createdNs =
    options.timestamp === undefined ? session.timestampNs() : msToNs(options.timestamp.getTime())
  const { id, bytes: message } = v2.sealMessage(sendable.bytes, {
    conversation: record,
    own: session.keys,
    ownAddress: session.account,
    createdNs,
    nowMs: session.environment.nowMs(),
    shouldPush: sendable.shouldPush,
    random: session.environment.random,
  })
  const topic = options.ephemeral === true ? ephemeralOf(record.topic) : record.topic
  return { id, envelope: { topic, timestampNs: createdNs, message } }
}

/** The ephemeral twin of a conversation's topic. */
export function ephemeralOf(topic: string): string {
  // Every topic in the book is a V2 conversation's, and those have a twin.
  return ephemeralTopic(parseContentTopic(topic)) ?? topic
}
