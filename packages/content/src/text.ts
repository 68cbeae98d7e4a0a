import { utf8, XmtpError } from '@xmtp-ts/protocol'
import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'

// Every platform has it, but the compiler knows it only together with the whole DOM.
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string }

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
  encode: (text) => ({
    type: textType,
    parameters: { encoding: 'UTF-8' },
    content: utf8(text),
  }),
  decode({ parameters, content }) {
    const { encoding } = parameters
    if (encoding !== undefined && encoding !== 'UTF-8')
      throw new XmtpError(
        'content.undecodable',
        `Text is encoded as ${JSON.stringify(encoding.slice(0, 40))}, not UTF-8.`,
      )
    return new TextDecoder().decode(content)
  },
  fallback: () => undefined,
  shouldPush: () => true,
}
