import type { Compressor } from '@xmtp-ts/content'
import { concatBytes, XmtpError } from '@xmtp-ts/protocol'

/** Compression by the platform's own streams: browsers, Node, Deno and Bun have them. */
export const platformCompressor: Compressor = {
  async compress(bytes, format) {
    return collect(transformed(bytes, new CompressionStream(format)), Number.POSITIVE_INFINITY)
  },

  async decompress(bytes, { format, maxBytes }) {
    try {
      return await collect(transformed(bytes, new DecompressionStream(format)), maxBytes)
    } catch (cause) {
      if (cause instanceof XmtpError) throw cause
      throw new XmtpError('content.badCompression', `Content does not inflate as ${format}.`, {
        cause,
      })
    }
  },
}

type Transform = { readonly readable: ReadableStream; readonly writable: WritableStream }

function transformed(bytes: Uint8Array, { readable, writable }: Transform): ReadableStream {
  const writer = writable.getWriter()
  // Errors of the writing side reach the reader, who reports them once.
  writer.write(bytes).catch(() => undefined)
  writer.close().catch(() => undefined)
  return readable
}

async function collect(readable: ReadableStream, maxBytes: number): Promise<Uint8Array> {
  const reader: ReadableStreamDefaultReader<Uint8Array> = readable.getReader()
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return concatBytes(...parts)
      sizeBytes += value.length
      if (sizeBytes > maxBytes)
        throw new XmtpError('content.tooLong', `Content inflates to more than ${maxBytes} bytes.`)
      parts.push(value)
    }
  } finally {
    // Lets go of what was not read; what went wrong before has been thrown.
    reader.cancel().catch(() => undefined)
  }
}
