import { decodeAnswer, type MessageApiOptions } from './message-api.ts'
import { retrying } from './retry.ts'
import type { ServerStream } from '../transport/transport.ts'

/** Which of libxmtp's versions this client behaves like; nodes see it on every call (v3-mls §9.1). */
export const libxmtpVersion = '1.10.0'

type Encoded = { finish(): Uint8Array }
type Decoder<T> = { decode(bytes: Uint8Array): T }

/** How the methods of a service of V3 are called: with the headers of every call, retried where that helps. */
export type V3Caller = {
  readonly unary: <T>(method: string, request: Encoded, answer: Decoder<T>) => Promise<T>
  readonly serverStream: (
    method: string,
    request: Encoded,
    signal: AbortSignal,
  ) => Promise<ServerStream>
}

/** @param service as `/xmtp.mls.api.v1.MlsApi` */
export function createV3Caller(service: string, options: MessageApiOptions): V3Caller {
  const { transport, signal } = options
  const headers = {
    'x-app-version': '0.0.0',
    'x-libxmtp-version': libxmtpVersion,
    ...options.headers,
  }
  return {
    async unary(method, request, answer) {
      const bytes = request.finish()
      const call = () => transport.unary(`${service}/${method}`, bytes, { headers, signal })
      return decodeAnswer(answer, await retrying(call, options))
    },
    serverStream: (method, request, signal) =>
      transport.serverStream(`${service}/${method}`, request.finish(), { headers, signal }),
  }
}
