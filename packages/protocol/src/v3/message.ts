import { PlaintextEnvelope } from '@xmtp-ts/proto/mls/message_contents/content'
import { bytesToHex, concatBytes, utf8 } from '../bytes.ts'
import { XmtpError } from '../errors.ts'
import { decodeWire } from '../wire.ts'
import { platform } from '#platform'

/** What MLS encrypts for a message (v3-mls §6.1). */
export type Plaintext = {
  /** An encoded EncodedContent. */
  readonly content: Uint8Array
  /** Tells equal contents apart: the sender's clock in nanoseconds, decimal. Nobody may read a time from it. */
  readonly idempotencyKey: string
}

export function encodePlaintext({ content, idempotencyKey }: Plaintext): Uint8Array {
  const value = { content, idempotencyKey }
  return PlaintextEnvelope.encode({ content: { $case: 'v1', value } }).finish()
}

/**
 * @returns undefined for an envelope of version 2, which is read and ignored
 * @throws XmtpError `v3.message.malformed`
 */
export function parsePlaintext(bytes: Uint8Array): Plaintext | undefined {
  const { content } = decodeWire(PlaintextEnvelope, bytes, 'v3.message.malformed')
  if (content === undefined)
    throw new XmtpError('v3.message.malformed', 'A plaintext envelope is empty.')
  return content.$case === 'v1' ? content.value : undefined
}

const tab = Uint8Array.of(9)

/** How replies, reactions and readers name a message, in hex: the same for everybody in the group (v3-mls §6.1). */
export function messageId(groupId: Uint8Array, { content, idempotencyKey }: Plaintext): string {
  return bytesToHex(platform.sha256(concatBytes(groupId, tab, utf8(idempotencyKey), tab, content)))
}
