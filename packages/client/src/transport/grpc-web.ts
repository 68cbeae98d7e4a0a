import { XmtpError } from '@xmtp-ts/protocol'
import { httpPost } from '#platform'
import { callTimeoutMs, maxAnswerBytes, openStreamTimeoutMs } from '../limits.ts'
import { onAbort } from '../on-abort.ts'
import { closedError, withDeadline } from './deadline.ts'
import { encodeFrame, parseTrailers, readFrames } from './grpc-web-frames.ts'
import { fetchPost, type HeaderMap, type HttpAnswer, type HttpPost } from './http-post.ts'
import { httpError, rpcError } from './rpc-status.ts'
import type { CallOptions, ServerStream, Transport } from './transport.ts'

export type GrpcWebOptions = {
  /** Of the node, with `http://` or `https://`; a path before the services is kept. */
  readonly url: string
  /** Node's own HTTP on Node, `globalThis.fetch` elsewhere, unless given. */
  readonly fetch?: typeof globalThis.fetch
  /** Largest answer or message of a stream. */
  readonly maxMessageBytes?: number
}

/**
 * gRPC-Web over HTTP: one adapter for Node, browsers, Deno, Bun and workers.
 * @throws XmtpError `client.network.unreachable` for a URL that is none
 */
export function grpcWebTransport(options: GrpcWebOptions): Transport {
  const connection: Connection = {
    base: baseUrl(options.url),
    post: options.fetch === undefined ? httpPost : fetchPost(options.fetch),
    maxBytes: options.maxMessageBytes ?? maxAnswerBytes,
  }
  return {
    unary: (path, request, { headers, signal, timeoutMs = callTimeoutMs }) =>
      withDeadline({ signal, timeoutMs }, async (signal) => {
        const response = await send(connection, { path, request, headers, signal })
        return oneMessage(messagesOf(connection, response))
      }),
    serverStream: (path, request, call) => openStream(connection, { ...call, path, request }),
  }
}

type Connection = {
  readonly base: string
  readonly post: HttpPost
  readonly maxBytes: number
}

type Call = {
  readonly path: string
  readonly request: Uint8Array
  readonly headers?: HeaderMap | undefined
  readonly signal?: AbortSignal | undefined
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new XmtpError(
      'client.network.unreachable',
      `${JSON.stringify(text.slice(0, 200))} is no http or https URL.`,
    )
  return url.href.replace(/\/+$/, '')
}

async function send(connection: Connection, call: Call): Promise<HttpAnswer> {
  const { base, post } = connection
  try {
    return await post(base + call.path, {
      body: encodeFrame(call.request),
      headers: {
        'content-type': 'application/grpc-web+proto',
        accept: 'application/grpc-web+proto',
        'x-grpc-web': '1',
        ...call.headers,
      },
      signal: call.signal,
    })
  } catch (cause) {
    if (call.signal?.aborted === true) throw closedError()
    throw new XmtpError('client.network.unreachable', `${base} does not answer.`, { cause })
  }
}

async function openStream(connection: Connection, call: Call & CallOptions): Promise<ServerStream> {
  const controller = new AbortController()
  const abort = () => controller.abort()
  const finish = onAbort(call.signal, abort)
  try {
    const response = await withDeadline(
      { signal: call.signal, timeoutMs: openStreamTimeoutMs },
      () => send(connection, { ...call, signal: controller.signal }),
    )
    const messages = messagesOf(connection, response)
    return {
      headers: response.headers,
      messages: untilAborted(messages, { call, finish, abort }),
    }
  } catch (error) {
    finish()
    abort()
    throw error
  }
}

async function* untilAborted(
  messages: AsyncIterable<Uint8Array>,
  { call, finish, abort }: { call: Call; finish: () => void; abort: () => void },
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* messages
  } catch (error) {
    throw call.signal?.aborted === true ? closedError() : error
  } finally {
    finish()
    abort()
  }
}

/** The messages of an answer; ends at trailers that say OK. Checks what can be checked before the first one at once. */
function messagesOf(
  { maxBytes }: Connection,
  answer: HttpAnswer,
): AsyncGenerator<Uint8Array, void> {
  try {
    requireGrpcWeb(answer)
  } catch (error) {
    answer.leave()
    throw error
  }
  return readMessages(answer.body, { maxBytes, headers: answer.headers })
}

function requireGrpcWeb({ status, headers }: HttpAnswer): void {
  // An answer without a body may carry its status among the headers ("trailers-only").
  if (headers['grpc-status'] !== undefined) throwUnlessOk(headers)
  if (status < 200 || status > 299) throw httpError(status, headers)
  const type = headers['content-type'] ?? ''
  if (!type.startsWith('application/grpc-web') || type.startsWith('application/grpc-web-text'))
    throw new XmtpError(
      'client.network.malformedAnswer',
      `The answer has type ${JSON.stringify(type.slice(0, 100))}, not application/grpc-web.`,
    )
}

async function* readMessages(
  body: AsyncIterable<Uint8Array>,
  { maxBytes, headers }: { maxBytes: number; headers: HeaderMap },
): AsyncGenerator<Uint8Array, void> {
  for await (const { kind, payload } of readFrames(body, { maxBytes })) {
    if (kind === 'message') yield payload
    else {
      throwUnlessOk({ ...headers, ...parseTrailers(payload) })
      return
    }
  }
  if (headers['grpc-status'] === undefined)
    throw new XmtpError('client.network.unreachable', 'The connection broke before the trailers.')
}

async function oneMessage(messages: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let answer: Uint8Array | undefined
  for await (const message of messages) {
    if (answer !== undefined)
      throw new XmtpError('client.network.malformedAnswer', 'A unary call had two answers.')
    answer = message
  }
  if (answer === undefined)
    throw new XmtpError('client.network.malformedAnswer', 'A unary call had no answer.')
  return answer
}

function throwUnlessOk(headers: HeaderMap): void {
  const text = headers['grpc-status'] ?? ''
  const status = /^\d{1,3}$/.test(text) ? Number(text) : undefined
  if (status === undefined)
    throw new XmtpError('client.network.malformedAnswer', 'The trailers name no status.')
  if (status !== 0) throw rpcError(status, decodePercent(headers['grpc-message'] ?? ''), headers)
}

/** `grpc-message` is percent-encoded UTF-8; one that is not is shown as it came. */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
