import { utf8, XmtpError } from '@xmtp-ts/protocol'
import type { ContentCodec, EncodedContent } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { decodeText } from './decode-text.ts'

/** Plain text. */
export const textType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'text',
  versionMajor: 1,
  versionMinor: 0,
}

/**
 * The text codec (v1-v2 §16.2). Writes the parameter `encoding=UTF-8`, which some readers demand; reads texts without
 * it, which old clients send, and refuses other encodings. Bytes that are not UTF-8 become U+FFFD.
 */
export const textCodec: ContentCodec<string> = {
  contentType: textType,
  encode: (text) => encodeTextAs(textType, text),
  decode: readText,
  fallback: () => undefined,
  shouldPush: () => true,
}

export function encodeTextAs(type: ContentTypeId, text: string): EncodedContent {
  return { type, parameters: { encoding: 'UTF-8' }, content: utf8(text) }
}

/** @throws XmtpError `content.undecodable` for another encoding than UTF-8 */
export function readText({ parameters, content }: EncodedContent): string {
  const { encoding } = parameters
  if (encoding !== undefined && encoding !== 'UTF-8')
    throw new XmtpError(
      'content.undecodable',
      `Text is encoded as ${JSON.stringify(encoding.slice(0, 40))}, not UTF-8.`,
    )
  return decodeText(content)
}
