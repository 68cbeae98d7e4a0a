import { XmtpError } from '@xmtp-ts/protocol'
import type { Call, MethodTable } from '../api/method.ts'
import { statusOf } from '../api/status.ts'
import { localClient } from '../limit/client.ts'

export type MemoryCallOptions = {
  /** Lower-case names, as `authorization`. */
  readonly headers: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** The node's methods for a caller in the same process, with the semantics of the network: bytes, status, headers. */
export type MemoryTransport = {
  /** @throws CallError */
  unary(path: string, request: Uint8Array, options: MemoryCallOptions): Promise<Uint8Array>
  /** Resolves with the headers; the messages end when `signal` fires. @throws CallError */
  serverStream(
    path: string,
    request: Uint8Array,
    options: MemoryCallOptions,
  ): Promise<{
    readonly headers: Readonly<Record<string, string>>
    readonly messages: AsyncIterable<Uint8Array>
  }>
}

/** A call that ended with a status other than OK. */
export class CallError extends Error {
  override readonly name = 'CallError'
  /** A gRPC status code. */
  readonly code: number
  readonly headers: Readonly<Record<string, string>>

  constructor(error: unknown) {
    const { code, message, headers } = statusOf(error)
    super(message, { cause: error })
    this.code = code
    this.headers = headers
  }
}

export function createMemoryTransport(methods: MethodTable): MemoryTransport {
  return {
    unary: async (path, request, { headers, signal }) => {
      signal?.throwIfAborted()
      const method = methods.get(path)
      if (method?.kind !== 'unary') throw new CallError(unknownMethod())
      return method.handle(request, callOf(headers)).catch((error: unknown) => {
        throw new CallError(error)
      })
    },
    serverStream: async (path, request, { headers, signal }) => {
      signal?.throwIfAborted()
      const method = methods.get(path)
      if (method?.kind !== 'serverStream') throw new CallError(unknownMethod())
      const stream = await method.open(request, callOf(headers)).catch((error: unknown) => {
        throw new CallError(error)
      })
      signal?.addEventListener('abort', stream.close, { once: true })
      if (signal?.aborted === true) stream.close()
      return { headers: stream.headers, messages: flatten(stream.batches, stream.close) }
    },
  }
}

function callOf(headers: Readonly<Record<string, string>>): Call {
  return { client: localClient, headers }
}

async function* flatten(
  batches: AsyncIterable<readonly Uint8Array[]>,
  close: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const batch of batches) yield* batch
  } catch (error) {
    throw new CallError(error)
  } finally {
    close()
  }
}

function unknownMethod(): XmtpError {
  return new XmtpError('node.method.unknown', 'This node has no such method.')
}
