import {
  compositeCodec,
  compositeType,
  type CodecRegistry,
  type Composite,
  type ContentCodec,
  type EncodedContent,
} from '@xmtp-ts/content'
import { ContentTypeId } from './content-type-id.ts'

/** Several contents in one message, as a type with methods. */
export const ContentTypeComposite: ContentTypeId = new ContentTypeId(compositeType)

/** The codec of composites as a class, for apps that construct it. */
export class CompositeCodec implements ContentCodec<Composite> {
  readonly contentType = ContentTypeComposite

  encode(content: Composite, registry: CodecRegistry): EncodedContent {
    return compositeCodec.encode(content, registry)
  }

  decode(encoded: EncodedContent, registry: CodecRegistry): Composite {
    return compositeCodec.decode(encoded, registry)
  }

  fallback(): string | undefined {
    return undefined
  }

  shouldPush(): boolean {
    return false
  }
}
