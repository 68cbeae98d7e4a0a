import type { EncodedContent as WireContent } from '@xmtp-ts/proto/message_contents/content'
import { XmtpError } from '@xmtp-ts/protocol'
import type { AnyCodec, CodecRegistry, EncodedContent } from './codec.ts'
import { formatContentType, type ContentTypeId } from './content-type.ts'

/** The codec of a content inside another. @throws XmtpError `content.unknownType` */
export function codecOf(type: ContentTypeId, registry: CodecRegistry): AnyCodec {
  const codec = registry.codecFor(type)
  if (codec !== undefined) return codec
  const name = formatContentType(type).slice(0, 200)
  throw new XmtpError('content.unknownType', `A part is of ${name}, which has no codec.`)
}

/** Copied field by field: the type may be a class instance of another SDK. */
export function toWire({ type, parameters, content, fallback }: EncodedContent): WireContent {
  const { authorityId, typeId, versionMajor, versionMinor } = type
  return {
    type: { authorityId, typeId, versionMajor, versionMinor },
    parameters: { ...parameters },
    fallback,
    compression: undefined,
    content,
  }
}
