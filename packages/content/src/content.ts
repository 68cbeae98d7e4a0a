import {
  EncodedContent as WireContent,
  type Compression,
} from '@xmtp-ts/proto/message_contents/content'
import { XmtpError, type Result } from '@xmtp-ts/protocol'
import type { CodecRegistry, ContentCodec, EncodedContent } from './codec.ts'
import {
  compressionFormat,
  compressionNumber,
  type CompressionFormat,
  type Compressor,
} from './compression.ts'
import { formatContentType, type ContentTypeId } from './content-type.ts'
import { maxContentBytes, minCompressedBytes } from './limits.ts'

/** Content ready for a conversation to sign and encrypt. */
export type SendableContent = {
  /** An encoded EncodedContent. */
  readonly bytes: Uint8Array
  readonly type: ContentTypeId
  readonly fallback: string | undefined
  readonly shouldPush: boolean
}

/** Content that came. A type without codec is content too: it has a fallback to show. */
export type ReceivedContent = {
  readonly type: ContentTypeId
  readonly fallback: string | undefined
  /** Fails with `content.unknownType`, `content.undecodable`, `content.badCompression` or `content.tooLong`. */
  readonly content: Result<unknown>
}

/**
 * Encodes content with its codec, adds the codec's fallback, and compresses if asked and worth it (v1-v2 §16.1). What
 * the codec throws passes through: it is the app's own.
 * @param options.compression none by default: shipped readers refuse what inflates to more than 1,000 bytes
 */
export async function encodeContent<T>(
  content: T,
  options: {
    readonly codec: ContentCodec<T>
    readonly registry: CodecRegistry
    readonly compression?: CompressionFormat | undefined
    readonly compressor: Compressor
  },
): Promise<SendableContent> {
  const { codec, registry, compression, compressor } = options
  const encoded = codec.encode(content, registry)
  const fallback = codec.fallback(content) ?? encoded.fallback
  const format = encoded.content.length >= minCompressedBytes ? compression : undefined
  const bytes =
    format === undefined
      ? encodeWire(encoded, { fallback, compression: undefined })
      : encodeWire(
          { ...encoded, content: await compressor.compress(encoded.content, format) },
          { fallback, compression: compressionNumber(format) },
        )
  return { bytes, type: encoded.type, fallback, shouldPush: codec.shouldPush(content) }
}

/**
 * Reads content: type, inflation, codec (v1-v2 §16.1). One content that cannot be shown is a value with an error and
 * a fallback, never an exception.
 * @param bytes an encoded EncodedContent
 * @param options.maxBytes what compressed content may inflate to; never above 100 MB
 * @throws XmtpError `content.malformed` when there is no typed content at all
 */
export async function decodeContent(
  bytes: Uint8Array,
  options: {
    readonly registry: CodecRegistry
    readonly compressor: Compressor
    readonly maxBytes: number
  },
): Promise<ReceivedContent> {
  const encoded = parseContent(bytes)
  const { type, fallback } = encoded
  const plain = await inflated(encoded, options)
  return { type, fallback, content: plain.ok ? decoded(plain.value, options.registry) : plain }
}

/** The wire form as it came, compressed or not. @throws XmtpError `content.malformed` */
export function parseContent(bytes: Uint8Array): EncodedContent {
  const wire = decodeWire(bytes)
  if (wire.type === undefined)
    throw new XmtpError('content.malformed', 'A message carries content without a type.')
  return { ...wire, type: wire.type }
}

function decodeWire(bytes: Uint8Array): WireContent {
  try {
    return WireContent.decode(bytes)
  } catch (cause) {
    throw new XmtpError('content.malformed', `${bytes.length} bytes are no content.`, { cause })
  }
}

function encodeWire(
  { type, parameters, content }: EncodedContent,
  added: { fallback: string | undefined; compression: Compression | undefined },
): Uint8Array {
  // Copied field by field: the type may be a class instance of another SDK.
  const { authorityId, typeId, versionMajor, versionMinor } = type
  return WireContent.encode({
    type: { authorityId, typeId, versionMajor, versionMinor },
    parameters: { ...parameters },
    content,
    ...added,
  }).finish()
}

async function inflated(
  encoded: EncodedContent,
  { compressor, maxBytes }: { compressor: Compressor; maxBytes: number },
): Promise<Result<EncodedContent>> {
  const { compression, ...plain } = encoded
  if (compression === undefined) return { ok: true, value: plain }
  try {
    const content = await compressor.decompress(encoded.content, {
      format: compressionFormat(compression),
      maxBytes: Math.min(maxBytes, maxContentBytes),
    })
    return { ok: true, value: { ...plain, content } }
  } catch (error) {
    if (error instanceof XmtpError) return { ok: false, error }
    throw error
  }
}

function decoded(encoded: EncodedContent, registry: CodecRegistry): Result<unknown> {
  const name = formatContentType(encoded.type).slice(0, 200)
  const codec = registry.codecFor(encoded.type)
  if (codec === undefined)
    return failure(new XmtpError('content.unknownType', `No codec is registered for ${name}.`))
  try {
    return { ok: true, value: codec.decode(encoded, registry) }
  } catch (cause) {
    // Codecs belong to apps: whatever they throw is about this one message.
    return failure(new XmtpError('content.undecodable', `The codec for ${name} failed.`, { cause }))
  }
}

function failure(error: XmtpError): Result<never> {
  return { ok: false, error }
}
