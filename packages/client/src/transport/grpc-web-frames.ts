import { concatBytes, XmtpError } from '@xmtp-ts/protocol'
import { maxAnswerBytes, maxTrailerBytes } from '../limits.ts'

/** One frame of gRPC-Web: a flags byte, a big-endian length of four bytes, the payload. */
export type Frame = {
  readonly kind: 'message' | 'trailers'
  readonly payload: Uint8Array
}

const headBytes = 5
const trailersFlag = 0x80
const compressedFlag = 0x01

/** The body of a request: its one message as a frame. */
export function encodeFrame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(headBytes + message.length)
  new DataView(frame.buffer).setUint32(1, message.length)
  frame.set(message, headBytes)
  return frame
}

/**
 * Cuts a body into frames, however it was chunked. Holds one frame at a time.
 * @throws XmtpError `client.network.malformedAnswer` or `client.network.answerTooLong`
 */
export async function* readFrames(
  chunks: AsyncIterable<Uint8Array>,
  { maxBytes = maxAnswerBytes }: { readonly maxBytes?: number } = {},
): AsyncGenerator<Frame, void> {
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  let neededBytes = headBytes
  for await (const chunk of chunks) {
    pending.push(chunk)
    pendingBytes += chunk.length
    if (pendingBytes < neededBytes) continue
    let rest = pending.length === 1 ? chunk : concatBytes(...pending)
    for (;;) {
      neededBytes = headBytes + payloadBytes(rest, maxBytes)
      if (rest.length < neededBytes || rest.length < headBytes) break
      yield { kind: kindOf(rest), payload: rest.subarray(headBytes, neededBytes) }
      rest = rest.subarray(neededBytes)
      neededBytes = headBytes
    }
    pending = rest.length === 0 ? [] : [rest]
    pendingBytes = rest.length
  }
  if (pendingBytes > 0)
    throw new XmtpError('client.network.unreachable', 'The connection broke within a frame.')
}

/** The headers in a frame of trailers: `name: value` lines. Names in lower case. */
export function parseTrailers(payload: Uint8Array): Readonly<Record<string, string>> {
  const trailers: Record<string, string> = {}
  for (const line of new TextDecoder().decode(payload).split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0)
      trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  return trailers
}

/** @returns 0 while the head is not complete */
function payloadBytes(bytes: Uint8Array, maxBytes: number): number {
  if (bytes.length < headBytes) return 0
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1)
  const limit = kindOf(bytes) === 'trailers' ? maxTrailerBytes : maxBytes
  if (length > limit)
    throw new XmtpError('client.network.answerTooLong', `A frame announces ${length} bytes.`)
  return length
}

function kindOf(bytes: Uint8Array): Frame['kind'] {
  const flags = bytes[0] ?? 0
  if (flags === 0) return 'message'
  if (flags === trailersFlag) return 'trailers'
  const what = (flags & compressedFlag) === 0 ? `has flags ${flags}` : 'is compressed'
  throw new XmtpError('client.network.malformedAnswer', `A frame ${what}.`)
}
