import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { grpcCode, statusOf } from '../api/status.ts'
import { clientOf } from '../limit/client.ts'
import { httpKeepAliveMs, lingerMs, maxBodyMs, maxHeadersMs } from '../limits.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { Readiness } from '../readiness.ts'
import { corsHeaders, preflightHeaders } from './cors.ts'
import { sendStatus, type Gateway } from './gateway.ts'
import type { GrpcWebEdge } from './grpc-web.ts'
import { endUnread } from './http-call.ts'

/** Everything that comes over HTTP/1.1. */
export type HttpEdge = {
  readonly inject: (connection: Socket) => void
  /** Ends connections that wait for a next request. */
  closeIdle(): void
  close(): void
}

export type HttpParts = {
  readonly gateway: Gateway
  readonly grpcWeb: GrpcWebEdge
  readonly readiness: Readiness
  readonly metrics: Metrics
  readonly logger: Logger
}

export function createHttpEdge(parts: HttpParts): HttpEdge {
  const server = createServer(
    {
      keepAliveTimeout: httpKeepAliveMs,
      headersTimeout: maxHeadersMs,
      requestTimeout: maxBodyMs + maxHeadersMs,
      noDelay: true,
    },
    (request, response) => {
      // A peer that goes away in the middle is no event for anybody.
      request.on('error', () => {})
      response.on('error', () => {})
      route(parts, request, response).catch((error: unknown) => {
        parts.logger.error('http.failed', { error })
        sendStatus(response, statusOf(error))
      })
      response.on('finish', () => endUnread(request))
    },
  )
  server.on('clientError', (_, connection) => {
    if (connection.writable) connection.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    setTimeout(() => connection.destroy(), lingerMs).unref()
  })
  // Connections come from the listener, so this server never listens; its time-outs start with this event.
  server.emit('listening')
  return {
    inject: (connection) => server.emit('connection', connection),
    closeIdle: () => server.closeIdleConnections(),
    close: () => server.closeAllConnections(),
  }
}

async function route(
  parts: HttpParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').split('?')[0] ?? '/'
  if (request.method === 'OPTIONS') {
    response.writeHead(200, preflightHeaders).end()
    return
  }
  if (request.method === 'POST' && parts.grpcWeb.isRequest(request))
    return parts.grpcWeb.handle(path, request, response)
  if (parts.gateway.hasPath(path)) return parts.gateway.handle(path, request, response)
  if (request.method === 'GET' || request.method === 'HEAD') {
    if (path === '/') return sendText(response, welcome)
    if (path === '/healthz') return sendHealth(parts.readiness, response)
    if (path === '/metrics' && isLocal(request))
      return sendText(response, await parts.metrics.text())
  }
  sendStatus(response, { code: grpcCode.notFound, message: 'Not Found', headers: {} })
}

/** Metrics tell about all clients; on the public port they are for this machine only. */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  const { isLoopback } = clientOf(socket.remoteAddress, { forwardedFor: undefined, trusted: [] })
  return isLoopback && headers['x-forwarded-for'] === undefined
}

const welcome = `This is an XMTP node.

It speaks gRPC, gRPC-Web and HTTP/JSON on this port. Point an SDK here as its apiUrl.

  POST /message/v1/publish, /query, /batch-query, /subscribe, /subscribe-all
  POST /mls/v1/..., /identity/v1/...
  GET  /healthz
`

function sendText(response: ServerResponse, body: string): void {
  response.writeHead(200, { ...corsHeaders, 'Content-Type': 'text/plain; charset=utf-8' }).end(body)
}

async function sendHealth(readiness: Readiness, response: ServerResponse): Promise<void> {
  const state = await readiness.check()
  const body = state.ok ? { status: 'serving' } : { status: 'not serving', reason: state.reason }
  response
    .writeHead(state.ok ? 200 : 503, { ...corsHeaders, 'Content-Type': 'application/json' })
    .end(JSON.stringify(body))
}
