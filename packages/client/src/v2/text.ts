import { textCodec, textType, type ContentCodec, type EncodedContent } from '@xmtp-ts/content'
import { ContentTypeId } from './content-type-id.ts'

/** Plain text, as a type with methods. */
export const ContentTypeText: ContentTypeId = new ContentTypeId(textType)

/** The text codec as a class, for apps that construct it. */
export class TextCodec implements ContentCodec<string> {
  readonly contentType = ContentTypeText

  encode(text: string): EncodedContent {
    return textCodec.encode(text, { codecFor: () => undefined })
  }

  decode(encoded: EncodedContent): string {
    return textCodec.decode(encoded, { codecFor: () => undefined })
  }

  fallback(): string | undefined {
    return undefined
  }

  shouldPush(): boolean {
    return true
  }
}
