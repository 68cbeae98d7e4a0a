import { createHash } from 'node:crypto'
import { isEphemeral, limits, XmtpError } from '@xmtp-ts/protocol'
import type { CheckedEnvelope } from '../log/log.ts'

/** An envelope as it comes from a client. */
export type IncomingEnvelope = {
  readonly contentTopic: string
  readonly timestampNs: bigint
  readonly message: Uint8Array
}

/**
 * Checks what the reference checks (node-api §3.3), and that there is a topic. Neither the time nor the payload is
 * judged: both are the sender's.
 * @throws XmtpError `node.publish.noTopic`, `topic.tooLong`, `node.publish.payloadTooLong`
 */
export function checkEnvelope(envelope: IncomingEnvelope, receivedMs: number): CheckedEnvelope {
  const { contentTopic: topic, timestampNs, message: payload } = envelope
  if (topic === '')
    throw new XmtpError('node.publish.noTopic', 'An envelope has no content topic.', {
      details: { text: 'content topic required' },
    })
  if (Buffer.byteLength(topic) > limits.maxContentTopicBytes)
    throw new XmtpError('topic.tooLong', `A topic has ${Buffer.byteLength(topic)} bytes.`, {
      details: { text: 'topic length too big' },
    })
  if (payload.length > limits.maxEnvelopePayloadBytes)
    throw new XmtpError('node.publish.payloadTooLong', `A payload has ${payload.length} bytes.`, {
      details: { text: 'message too big' },
    })
  const digest = createHash('sha256').update(topic).update(payload).digest()
  return { topic, timestampNs, payload, digest, receivedMs, expires: !topic.startsWith('/xmtp/') }
}

/** Whether the envelope goes to present subscribers only. */
export function isTransient({ topic }: CheckedEnvelope): boolean {
  return isEphemeral(topic)
}
