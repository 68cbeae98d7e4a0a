import {
  decodeContent,
  encodeContent,
  formatContentType,
  textType,
  type ContentTypeId as ContentTypeData,
  type ReceivedContent,
  type SendableContent,
} from '@xmtp-ts/content'
import { XmtpError } from '@xmtp-ts/protocol'
import { ContentTypeId } from './content-type-id.ts'
import { compressionOf, type SendOptions } from './options.ts'
import type { Session } from './session.ts'

/** Content as apps see it. */
export type ReadContent<Content> = {
  readonly contentType: ContentTypeId
  /** undefined when `error` is set. */
  readonly content: Content
  readonly error: XmtpError | undefined
  readonly contentFallback: string | undefined
}

/**
 * Encodes content with the app's codec for `options.contentType`, text unless given.
 * @throws XmtpError `content.unknownType` without a codec, or what the codec throws
 */
export async function encodeWith(
  { codecs, compressor }: Session,
  content: unknown,
  options: SendOptions,
): Promise<SendableContent> {
  const type: ContentTypeData = options.contentType ?? textType
  const codec = codecs.codecFor(type)
  if (codec === undefined)
    throw new XmtpError(
      'content.unknownType',
      `No codec is registered for ${formatContentType(type)}.`,
    )
  const compression = compressionOf(options.compression)
  return encodeContent<unknown>(content, { codec, registry: codecs, compression, compressor })
}

/** Reads an encoded EncodedContent with the app's codecs. @throws XmtpError `content.malformed` */
export async function decodeWith(session: Session, bytes: Uint8Array): Promise<ReceivedContent> {
  const { codecs: registry, compressor, maxContentBytes: maxBytes } = session
  return decodeContent(bytes, { registry, compressor, maxBytes })
}

export function readContent<Content>({
  type,
  content,
  fallback,
}: ReceivedContent): ReadContent<Content> {
  return {
    contentType: new ContentTypeId(type),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type that the app's codecs promise
    content: (content.ok ? content.value : undefined) as Content,
    error: content.ok ? undefined : content.error,
    contentFallback: fallback,
  }
}
