import {
  createCodecRegistry,
  decodeContent,
  encodeContent,
  formatContentType,
  replyCodec,
  replyType,
  sameContentType,
  textType,
  type AnyCodec,
  type ContentTypeId,
  type EncodedContent,
} from '@xmtp-ts/content'
import type { Message } from '@xmtp-ts/proto/store/v1/store'
import { Compression, EncodedContent as WireContent } from '@xmtp-ts/proto/message_contents/content'
import { XmtpError } from '@xmtp-ts/protocol'
import type { MessageToSend } from '../group/send.ts'
import type { DecodedContent, DeletedMessage } from './decoded-message.ts'
import type { Session } from './session.ts'

const noType: ContentTypeId = { authorityId: '', typeId: '', versionMajor: 0, versionMinor: 0 }

const deletedType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'deletedMessage',
  versionMajor: 1,
  versionMinor: 0,
}

/** Reads what a message says; what cannot be read is an error beside its fallback, never an exception. */
export async function readContent(session: Session, row: Message): Promise<DecodedContent> {
  if (row.deletedBy !== '') return deletedContent(row)
  const { codecs: registry, compressor, maxContentBytes: maxBytes } = session
  try {
    const { type, fallback, content } = await decodeContent(row.content, {
      registry,
      compressor,
      maxBytes,
    })
    return {
      contentType: type,
      fallback,
      content: content.ok ? content.value : undefined,
      error: content.ok ? undefined : content.error,
    }
  } catch (error) {
    if (error instanceof XmtpError)
      return { contentType: noType, fallback: undefined, content: undefined, error }
    throw error
  }
}

function deletedContent({ deletedBy, senderInboxId }: Message): DecodedContent {
  const content: DeletedMessage =
    deletedBy === senderInboxId
      ? { deletedBy: 'Sender' }
      : { deletedBy: 'Admin', adminInboxId: deletedBy }
  return { contentType: deletedType, content, fallback: undefined, error: undefined }
}

/**
 * Makes a message of content by the codec of its type.
 * @throws XmtpError `content.unknownType`, or what the codec throws
 */
export async function encodeWith(
  { codecs, compressor }: Session,
  type: ContentTypeId,
  content: unknown,
): Promise<MessageToSend> {
  const codec = codecs.codecFor(type)
  if (codec === undefined)
    throw new XmtpError(
      'content.unknownType',
      `No codec is registered for ${formatContentType(type)}.`,
    )
  const { bytes, shouldPush } = await encodeContent<unknown>(content, {
    codec,
    registry: codecs,
    compressor,
  })
  return { content: bytes, shouldPush }
}

/** A reply as it is sent; its content is encoded already. */
export type Reply = {
  readonly content: EncodedContent
  /** Of the message that it answers, hex. */
  readonly reference: string
  readonly referenceInboxId?: string | undefined
}

/** A reply takes its content by a codec: here by one that gives what the app has encoded. */
export function encodeReply(
  session: Session,
  { content, reference, referenceInboxId }: Reply,
): Promise<MessageToSend> {
  const { type } = content
  const inner: AnyCodec = {
    contentType: type,
    encode: () => content,
    decode: () => content,
    fallback: () => content.fallback,
    shouldPush: () => true,
  }
  const codecs = createCodecRegistry([replyCodec, inner])
  const shown = sameContentType(type, textType)
    ? new TextDecoder().decode(content.content)
    : content
  const reply = { reference, referenceInboxId, contentType: type, content: shown }
  return encodeWith({ ...session, codecs }, replyType, reply)
}

/** Content that an app has encoded itself. */
export function encodeWire({ type, parameters, ...rest }: EncodedContent): Uint8Array {
  // Copied field by field: the type may be a class instance of another SDK.
  const { authorityId, typeId, versionMajor, versionMinor } = type
  return WireContent.encode({
    type: { authorityId, typeId, versionMajor, versionMinor },
    parameters: { ...parameters },
    fallback: rest.fallback,
    compression: rest.compression === undefined ? undefined : compressionOf(rest.compression),
    content: rest.content,
  }).finish()
}

function compressionOf(compression: number): Compression {
  return compression === 0 ? Compression.COMPRESSION_DEFLATE : Compression.COMPRESSION_GZIP
}
