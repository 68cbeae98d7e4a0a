import { Compression } from '@xmtp-ts/proto/message_contents/content'
import { XmtpError } from '@xmtp-ts/protocol'

/** `deflate` is a zlib stream (RFC 1950), not raw deflate; `gzip` is RFC 1952 (v1-v2 §16.1). */
export type CompressionFormat = 'deflate' | 'gzip'

/** Compression of the platform. Asynchronous, since that is how browsers offer it. */
export interface Compressor {
  compress(bytes: Uint8Array, format: CompressionFormat): Promise<Uint8Array>
  /**
   * Stops as soon as there are more than `maxBytes`, so that a small message cannot become a large memory.
   * Rejects with XmtpError `content.tooLong` or `content.badCompression`.
   */
  decompress(
    bytes: Uint8Array,
    options: { readonly format: CompressionFormat; readonly maxBytes: number },
  ): Promise<Uint8Array>
}

/** The number of a format on the wire. */
export function compressionNumber(format: CompressionFormat): Compression {
  return format === 'deflate' ? Compression.COMPRESSION_DEFLATE : Compression.COMPRESSION_GZIP
}

/** @throws XmtpError `content.badCompression` for a number that no SDK uses */
export function compressionFormat(number: number): CompressionFormat {
  const format = byNumber[number]
  if (format === undefined)
    throw new XmtpError('content.badCompression', `Compression ${number} is not known.`)
  return format
}

const byNumber: readonly CompressionFormat[] = ['deflate', 'gzip']
