import type { IncomingMessage } from 'node:http'
import { XmtpError } from '@xmtp-ts/protocol'
import { maxBodyMs, maxBufferedBodyBytes } from '../limits.ts'

/** Reads bodies of HTTP/1.1 requests within bounds of size, time, and memory for all of them together. */
export type BodyReader = {
  /** @throws XmtpError `node.request.tooLong`, `node.request.tooSlow`, `node.overloaded` */
  read(request: IncomingMessage, maxBytes: number): Promise<Buffer>
}

export function createBodyReader(
  options: { readonly maxMs?: number; readonly maxBufferedBytes?: number } = {},
): BodyReader {
  const maxMs = options.maxMs ?? maxBodyMs
  const maxBufferedBytes = options.maxBufferedBytes ?? maxBufferedBodyBytes
  let bufferedBytes = 0
  return {
    read: (request, maxBytes) =>
      new Promise((resolve, reject) => {
        const chunks: Buffer[] = []
        let bytes = 0
        const settle = (outcome: () => void): void => {
          bufferedBytes -= bytes
          bytes = 0
          clearTimeout(deadline)
          request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
          outcome()
        }
        const fail = (error: XmtpError): void => settle(() => reject(error))
        const onData = (chunk: Buffer): void => {
          bytes += chunk.length
          bufferedBytes += chunk.length
          chunks.push(chunk)
          if (bytes > maxBytes)
            fail(
              new XmtpError('node.request.tooLong', `A body is above ${maxBytes} bytes.`, {
                details: {
                  text: `grpc: received message larger than max (${bytes} vs. ${maxBytes})`,
                },
              }),
            )
          else if (bufferedBytes > maxBufferedBytes)
            fail(new XmtpError('node.overloaded', 'Too many large requests at once.'))
        }
        const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks)))
        const onClose = (): void =>
          fail(new XmtpError('node.request.malformed', 'The body broke off.'))
        const deadline = setTimeout(
          () => fail(new XmtpError('node.request.tooSlow', `A body took over ${maxMs} ms.`)),
          maxMs,
        )
        request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
      }),
  }
}
