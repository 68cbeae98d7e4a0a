import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { XmtpError } from '@xmtp-ts/protocol'
import type { Call, MethodTable, ServerStreamMethod, UnaryMethod } from '../api/method.ts'
import { httpStatusOf, statusOf, type Status } from '../api/status.ts'
import type { TrustedProxies } from '../limit/client.ts'
import { maxRequestBytes } from '../limits.ts'
import type { BodyReader } from './body.ts'
import { corsHeaders } from './cors.ts'
import { httpCall, needsTwoDirections, writeAndDrain } from './http-call.ts'
import { parseJson, type JsonObject } from './json-input.ts'
import {
  batchQueryJson,
  publishJson,
  queryJson,
  subscribeAllJson,
  subscribeJson,
  type JsonMapping,
} from './message-api-json.ts'

import { newestRequest, v3Routes } from './v3-routes.ts'

type Route = JsonMapping & {
  readonly method: string
  /** Only where the reference does it; never on streams. */
  readonly isCompressible: boolean
  /** POST unless said. */
  readonly verb?: 'GET' | 'POST'
}

const messageApi = '/xmtp.message_api.v1.MessageApi'

/** The HTTP paths of the API (node-api §3.2, §6.1, §7). */
const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ...v3Routes.map(({ path, ...route }): [string, Route] => [
    path,
    { ...route, isCompressible: false },
  ]),
  [
    '/message/v1/publish',
    { ...publishJson, method: `${messageApi}/Publish`, isCompressible: false },
  ],
  ['/message/v1/query', { ...queryJson, method: `${messageApi}/Query`, isCompressible: true }],
  [
    '/message/v1/batch-query',
    { ...batchQueryJson, method: `${messageApi}/BatchQuery`, isCompressible: true },
  ],
  [
    '/message/v1/subscribe',
    { ...subscribeJson, method: `${messageApi}/Subscribe`, isCompressible: false },
  ],
  [
    '/message/v1/subscribe-all',
    { ...subscribeAllJson, method: `${messageApi}/SubscribeAll`, isCompressible: false },
  ],
])

export type GatewayOptions = {
  readonly methods: MethodTable
  readonly bodies: BodyReader
  readonly trusted: TrustedProxies
  /** Quiet time after which a stream gets a space. */
  readonly quietMs: number
}

/** The HTTP/JSON face of the API. */
export type Gateway = {
  hasPath(path: string): boolean
  handle(path: string, request: IncomingMessage, response: ServerResponse): Promise<void>
}

const binaryType = 'application/x-protobuf'

/** A request body in JSON is a third longer than its bytes. */
const maxJsonBytes = Math.ceil((maxRequestBytes * 4) / 3)

export function createGateway(options: GatewayOptions): Gateway {
  const { methods, bodies, trusted, quietMs } = options
  return {
    hasPath: (path) => routes.has(path),
    handle: async (path, request, response) => {
      try {
        const route = routes.get(path)
        const method = methods.get(route?.method ?? '')
        const verb = route?.verb ?? 'POST'
        if (request.method !== verb || route === undefined || method === undefined)
          throw new XmtpError('node.method.unknown', `This path takes ${verb}.`, {
            details: { text: 'Method Not Allowed' },
          })
        if (method.kind === 'bidi') throw needsTwoDirections()
        // Whatever else the type says, the body is JSON (§2.2): xmtp-js sends text/plain.
        const isBinary = request.headers['content-type']?.startsWith(binaryType) ?? false
        const body = await bodies.read(request, isBinary ? maxRequestBytes : maxJsonBytes)
        const json = (): JsonObject =>
          verb === 'GET' ? newestRequest(request.url ?? '') : parseJson(body)
        const message = isBinary ? body : route.encodeRequest(json())
        const exchange = { route, isBinary, request, response, call: httpCall(request, trusted) }
        if (method.kind === 'unary') await answer(method, message, exchange)
        else await stream(method, message, { ...exchange, quietMs })
      } catch (error) {
        sendStatus(response, statusOf(error))
      }
    },
  }
}

type Exchange = {
  readonly route: Route
  readonly isBinary: boolean
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly call: Call
}

const compress = promisify(gzip)

async function answer(method: UnaryMethod, message: Uint8Array, exchange: Exchange): Promise<void> {
  const { route, isBinary, request, response, call } = exchange
  const result = await method.handle(message, call)
  const body = isBinary ? result : Buffer.from(route.decodeResponse(result))
  const headers = {
    ...corsHeaders,
    'Content-Type': isBinary ? binaryType : 'application/json',
  }
  const accepted = request.headers['accept-encoding'] ?? ''
  if (route.isCompressible && accepted.includes('gzip')) {
    const compressed = await compress(body)
    response.writeHead(200, {
      ...headers,
      'Content-Encoding': 'gzip',
      Vary: 'Accept-Encoding',
      'Content-Length': compressed.length,
    })
    response.end(compressed)
    return
  }
  response.writeHead(200, { ...headers, 'Content-Length': body.length })
  response.end(body)
}

/** Lines of one envelope each, encoded once for all streams that share it. */
const lines = new WeakMap<Uint8Array, string>()

function lineOf(message: Uint8Array, route: Route): string {
  const there = lines.get(message)
  if (there !== undefined) return there
  const line = `{"result":${route.decodeResponse(message)}}\n`
  lines.set(message, line)
  return line
}

async function stream(
  method: ServerStreamMethod,
  message: Uint8Array,
  exchange: Exchange & { readonly quietMs: number },
): Promise<void> {
  const { route, isBinary, response, call, quietMs } = exchange
  const opened = await method.open(message, call)
  response.on('close', opened.close)
  if (response.destroyed) opened.close()
  response.writeHead(200, streamHeaders(opened.headers, isBinary))
  // At once, also when nothing comes for hours (B7).
  response.flushHeaders()
  let isQuiet = true
  // A space is no line, and JSON allows it before the next one (§2.3).
  const keepAlive = setInterval(() => {
    if (isQuiet && !isBinary && !response.writableNeedDrain) response.write(' ')
    isQuiet = true
  }, quietMs)
  try {
    for await (const batch of opened.batches) {
      isQuiet = false
      await writeAndDrain(
        response,
        isBinary
          ? Buffer.concat(batch.map(withLength))
          : batch.map((each) => lineOf(each, route)).join(''),
      )
    }
  } catch (error) {
    endStream(response, error, isBinary)
  } finally {
    clearInterval(keepAlive)
    opened.close()
    response.end()
  }
}

/** Messages in a binary stream stand behind their length, four bytes big-endian. */
function withLength(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(4 + message.length)
  framed.writeUInt32BE(message.length)
  framed.set(message, 4)
  return framed
}

/** A closing node just ends the body: clients resubscribe, and an error line would break their parser. */
function endStream(response: ServerResponse, error: unknown, isBinary: boolean): void {
  if (isBinary || (error instanceof XmtpError && error.code === 'node.closing')) return
  response.write(`{"error":${errorJson(statusOf(error))}}\n`)
}

function streamHeaders(
  headers: Readonly<Record<string, string>>,
  isBinary: boolean,
): OutgoingHttpHeaders {
  return {
    ...corsHeaders,
    ...headers,
    ...Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [`Grpc-Metadata-${name}`, value]),
    ),
    'Content-Type': isBinary ? binaryType : 'application/json',
    'Cache-Control': 'no-cache, no-transform',
    // Proxies must pass each line on at once.
    'X-Accel-Buffering': 'no',
  }
}

function errorJson({ code, message }: Status): string {
  return JSON.stringify({ code, message, details: [] })
}

/** A failed call, as the gateway of the reference writes it (§2.1). */
export function sendStatus(response: ServerResponse, status: Status): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const body = Buffer.from(errorJson(status))
  response.writeHead(httpStatusOf[status.code], {
    ...corsHeaders,
    ...status.headers,
    ...(status.code === 16 && { 'WWW-Authenticate': headerText(status.message) }),
    'Content-Type': 'application/json',
    'Content-Length': body.length,
  })
  response.end(body)
}

function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}
