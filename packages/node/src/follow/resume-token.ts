import { XmtpError } from '@xmtp-ts/protocol'

const logIdBytes = 8
const tokenBytes = logIdBytes + 8

/** A place in one log, opaque to clients: the log's id and the big-endian sequence, 16 bytes. */
export function resumeToken(logId: Uint8Array, sequence: number): Uint8Array {
  const token = new Uint8Array(tokenBytes)
  token.set(logId)
  new DataView(token.buffer).setBigUint64(logIdBytes, BigInt(sequence))
  return token
}

/**
 * Reads a token that a client passes back.
 * @returns the sequence behind which to go on
 * @throws XmtpError `node.resume.malformed`, `node.resume.foreign`
 */
export function parseResumeToken(
  token: Uint8Array,
  log: { readonly id: Uint8Array; readonly head: number },
): number {
  if (token.length !== tokenBytes)
    throw new XmtpError('node.resume.malformed', `A resume token has ${token.length} bytes.`)
  const sequence = new DataView(token.buffer, token.byteOffset, tokenBytes).getBigUint64(logIdBytes)
  const isOfThisLog = Buffer.compare(token.subarray(0, logIdBytes), log.id) === 0
  // A token ahead of the log is of a log that was restored from an older copy.
  if (!isOfThisLog || sequence > BigInt(log.head))
    throw new XmtpError('node.resume.foreign', 'The resume token is of another log.')
  return Number(sequence)
}
