import { XmtpError } from '@xmtp-ts/protocol'
import { callTimeoutMs, openStreamTimeoutMs } from '../limits.ts'
import { onAbort } from '../on-abort.ts'
import { closedError, withDeadline } from './deadline.ts'
import { rpcError } from './rpc-status.ts'
import type { CallOptions, ServerStream, Transport } from './transport.ts'

/**
 * What a node in the same process offers. Rejects with errors that carry a numeric gRPC `code`, and `headers` if there
 * are any. Described by its shape, since client and node do not know each other.
 */
export interface MemoryEndpoint {
  unary(
    path: string,
    request: Uint8Array,
    options: { headers: Record<string, string>; signal: AbortSignal },
  ): Promise<Uint8Array>
  serverStream(
    path: string,
    request: Uint8Array,
    options: { headers: Record<string, string>; signal: AbortSignal },
  ): Promise<{ headers: Readonly<Record<string, string>>; messages: AsyncIterable<Uint8Array> }>
}

/** A transport to a node in the same process: no sockets, same answers. */
export function memoryTransport(endpoint: MemoryEndpoint): Transport {
  return {
    unary: (path, request, { headers = {}, signal, timeoutMs = callTimeoutMs }) =>
      withDeadline({ signal, timeoutMs }, (signal) =>
        endpoint.unary(path, request, { headers: { ...headers }, signal }).catch(rethrow),
      ),
    serverStream: (path, request, options) => openStream(endpoint, { path, request, options }),
  }
}

async function openStream(
  endpoint: MemoryEndpoint,
  call: { path: string; request: Uint8Array; options: CallOptions },
): Promise<ServerStream> {
  const { path, request, options } = call
  const { headers = {}, signal } = options
  const controller = new AbortController()
  const abort = () => controller.abort()
  const forget = onAbort(signal, abort)
  const { headers: answered, messages } = await withDeadline(
    { signal, timeoutMs: openStreamTimeoutMs },
    () =>
      endpoint
        .serverStream(path, request, { headers: { ...headers }, signal: controller.signal })
        .catch(rethrow),
  ).catch((error: unknown) => {
    forget()
    controller.abort()
    throw error
  })
  const finish = () => {
    forget()
    controller.abort()
  }
  return { headers: answered, messages: readable(messages, { signal, finish }) }
}

async function* readable(
  messages: AsyncIterable<Uint8Array>,
  { signal, finish }: { signal: AbortSignal | undefined; finish: () => void },
): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const message of messages) {
      if (signal?.aborted === true) break
      yield message
    }
  } catch (error) {
    if (signal?.aborted !== true) rethrow(error)
  } finally {
    finish()
  }
  if (signal?.aborted === true) throw closedError()
}

function rethrow(error: unknown): never {
  if (error instanceof XmtpError && error.code.startsWith('client.')) throw error
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') throw error
  const headers = 'headers' in error && isHeaders(error.headers) ? error.headers : {}
  throw rpcError(error.code, error.message, headers)
}

function isHeaders(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null
}
