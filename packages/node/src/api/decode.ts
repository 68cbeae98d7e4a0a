import { limits, XmtpError } from '@xmtp-ts/protocol'

/** @throws XmtpError `node.request.malformed` for bytes that are no such message */
export function decodeRequest<T>(
  codec: { readonly decode: (bytes: Uint8Array) => T },
  bytes: Uint8Array,
): T {
  try {
    return codec.decode(bytes)
  } catch (cause) {
    throw new XmtpError('node.request.malformed', `${bytes.length} bytes do not decode.`, { cause })
  }
}

/**
 * The topics of a request without repetitions.
 * @throws XmtpError `node.topics.tooMany` (B18)
 */
export function distinctTopics(topics: readonly string[]): readonly string[] {
  const distinct = topics.length > 1 ? [...new Set(topics)] : topics
  if (distinct.length > limits.maxContentTopics)
    throw new XmtpError(
      'node.topics.tooMany',
      `${distinct.length} topics are above ${limits.maxContentTopics}.`,
      { details: { text: `cannot exceed ${limits.maxContentTopics} topics` } },
    )
  return distinct
}
