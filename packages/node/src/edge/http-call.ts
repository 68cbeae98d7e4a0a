import type { IncomingMessage, ServerResponse } from 'node:http'
import { XmtpError } from '@xmtp-ts/protocol'
import type { Call } from '../api/method.ts'
import { lingerMs } from '../limits.ts'
import { clientOf, type TrustedProxies } from '../limit/client.ts'

/** What the caller of an HTTP/1.1 request is, for the methods. */
export function httpCall(request: IncomingMessage, trusted: TrustedProxies): Call {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value
  return {
    client: clientOf(request.socket.remoteAddress, {
      forwardedFor: headers['x-forwarded-for'],
      trusted,
    }),
    headers,
  }
}

/** What a method gets that HTTP/1.1 cannot carry. Clients know the status, and use the plain streams. */
export function needsTwoDirections(): XmtpError {
  const text = 'this method has streams in both directions: call it over gRPC (HTTP/2)'
  return new XmtpError('node.method.unknown', `${text}.`, { details: { text } })
}

/** Writes, and resolves when more can be written or never will be. */
export function writeAndDrain(response: ServerResponse, chunk: string | Uint8Array): Promise<void> {
  if (response.destroyed || response.write(chunk)) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}

/**
 * An answer can be complete before the request is, as with a body that never ends. Closing at once would take the
 * answer with it, since a reset overtakes it: the rest is thrown away for a moment first.
 */
export function endUnread(request: IncomingMessage): void {
  if (request.complete) return
  request.resume()
  setTimeout(() => request.socket.destroy(), lingerMs).unref()
}
