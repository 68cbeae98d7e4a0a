import { Envelope } from '@xmtp-ts/proto/message_api/v1/message_api'

/** What goes to subscribers of a topic: encoded once, shared by all of them. */
export type Delivery = {
  /** Undefined for what is not stored. */
  readonly sequence: number | undefined
  readonly topic: string
  /** An encoded Envelope without resume token, or a message of V3. */
  readonly bytes: Uint8Array
}

const noBytes = new Uint8Array()

/** A delivery of an envelope of the log, or of an ephemeral one. */
export function deliveryOf(envelope: {
  readonly sequence: number | undefined
  readonly topic: string
  readonly timestampNs: bigint
  readonly payload: Uint8Array
}): Delivery {
  const { sequence, topic, timestampNs, payload } = envelope
  const bytes = Envelope.encode({
    contentTopic: topic,
    timestampNs,
    message: payload,
    resumeToken: noBytes,
  }).finish()
  return { sequence, topic, bytes }
}

/** The tag of field 1000, length-delimited: (1000 << 3) | 2 as a varint. */
const resumeTokenTag = [0xc2, 0x3e]

/** The encoded envelope with a resume token as its last field, without encoding the rest again. */
export function withResumeToken(envelope: Uint8Array, token: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(envelope.length + resumeTokenTag.length + 1 + token.length)
  bytes.set(envelope)
  bytes.set([...resumeTokenTag, token.length], envelope.length)
  bytes.set(token, bytes.length - token.length)
  return bytes
}
