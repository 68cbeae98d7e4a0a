import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { encodeTextAs, readText } from './text.ts'

/** Text in Markdown. What of it is shown, and how, is the app's decision: it came from somebody else. */
export const markdownType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'markdown',
  versionMajor: 1,
  versionMinor: 0,
}

/** Written and read like text (v3-mls §6.3). */
export const markdownCodec: ContentCodec<string> = {
  contentType: markdownType,
  encode: (text) => encodeTextAs(markdownType, text),
  decode: readText,
  fallback: () => undefined,
  shouldPush: () => true,
}
