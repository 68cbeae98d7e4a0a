import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { XmtpError } from '@xmtp-ts/protocol'
import { httpStatusOf, statusOf } from '../api/status.ts'
import { corsHeaders, preflightHeaders } from '../edge/cors.ts'
import { endUnread } from '../edge/http-call.ts'
import { listen, type ListenAddress, type Listener } from '../edge/listener.ts'
import { clientOf, type TrustedProxies } from '../limit/client.ts'
import type { Limiter } from '../limit/limiter.ts'
import {
  archiveExpiryEveryMs,
  maxHeadersMs,
  maxSilentUploadMs,
  maxUploadMs,
  maxUploads,
} from '../limits.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { Archives } from './archives.ts'

export type HistoryParts = {
  readonly archives: Archives
  readonly limiter: Limiter
  readonly trusted: TrustedProxies
  readonly metrics: Pick<Metrics, 'transferred'>
  readonly logger: Logger
}

/** A running history service. */
export type HistoryServer = AsyncDisposable & { readonly url: string }

/**
 * The history service of the network, as SDKs use it (v3-mls §6.6): `POST /upload` answers with a name,
 * `GET /files/<name>` with what was uploaded. Who knows the name may read it; what it names is encrypted.
 * @throws XmtpError `node.listen.busy`, `node.listen.impossible`
 */
export async function openHistoryServer(
  address: ListenAddress,
  parts: HistoryParts,
): Promise<HistoryServer> {
  let uploads = 0
  const server = createServer(
    { headersTimeout: maxHeadersMs, requestTimeout: maxUploadMs, noDelay: true },
    (request, response) => {
      request.on('error', () => {})
      response.on('error', () => {})
      response.on('finish', () => endUnread(request))
      const serve = async (): Promise<void> => {
        if (isUpload(request)) {
          if (uploads >= maxUploads)
            throw new XmtpError('node.overloaded', 'Too many uploads at one time.')
          uploads += 1
          try {
            await upload(parts, request, response)
          } finally {
            uploads -= 1
          }
        } else await answer(parts, request, response)
      }
      serve().catch((error: unknown) => fail(parts, { error, request, response }))
    },
  )
  // A peer that neither sends nor takes anything holds a place that others could have: it is cut off.
  server.setTimeout(maxSilentUploadMs)
  // Connections come from the listener, so this server never listens; its time-outs start with this event.
  server.emit('listening')
  const listener: Listener = await listen(address, {
    http1: (connection) => server.emit('connection', connection),
    http2: (connection) => connection.destroy(),
  })
  const expiry = setInterval(() => {
    parts.archives
      .expire()
      .catch((error: unknown) => parts.logger.error('history.expire', { error }))
  }, archiveExpiryEveryMs).unref()
  return {
    url: listener.url,
    async [Symbol.asyncDispose]() {
      clearInterval(expiry)
      const stopped = listener.stop()
      listener.destroy()
      await stopped
    },
  }
}

const uploadPath = '/upload'
const filePath = /^\/files\/([0-9a-f-]{36})$/

function isUpload({ method, url }: IncomingMessage): boolean {
  return method === 'POST' && url === uploadPath
}

async function upload(
  { archives, limiter, trusted, metrics }: HistoryParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { remoteAddress } = request.socket
  const forwardedFor = request.headers['x-forwarded-for']?.toString()
  limiter.spend(clientOf(remoteAddress, { forwardedFor, trusted }), { kind: 'write', cost: 1 })
  // Plain iteration would close the connection with a body that is refused, before the answer.
  const id = await archives.add(request.iterator({ destroyOnReturn: false }))
  metrics.transferred('upload', 200)
  response.writeHead(200, { ...corsHeaders, 'Content-Type': 'text/plain; charset=utf-8' }).end(id)
}

async function answer(
  { archives, metrics }: HistoryParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, url = '/' } = request
  const isRead = method === 'GET' || method === 'HEAD'
  if (method === 'OPTIONS') {
    response.writeHead(200, preflightHeaders).end()
    return
  }
  if (isRead && url === '/') {
    response.writeHead(200, corsHeaders).end()
    return
  }
  const name = isRead ? filePath.exec(url)?.[1] : undefined
  const archive = name === undefined ? undefined : archives.find(name)
  if (archive === undefined) {
    metrics.transferred('download', 404)
    response.writeHead(404, corsHeaders).end()
    return
  }
  metrics.transferred('download', 200)
  response.writeHead(200, {
    ...corsHeaders,
    'Content-Type': 'application/octet-stream',
    'Content-Length': archive.bytes,
  })
  if (method === 'HEAD') response.end()
  else await pipeline(archive.read(), response)
}

function fail(
  { metrics, logger }: HistoryParts,
  failed: {
    readonly error: unknown
    readonly request: IncomingMessage
    readonly response: ServerResponse
  },
): void {
  const { error, request, response } = failed
  // One who leaves in the middle is no event for anybody.
  if (request.destroyed && !request.complete) return
  const status = statusOf(error)
  const code = error instanceof XmtpError && error.code === 'node.history.tooLong' ? 413 : undefined
  const httpStatus = code ?? httpStatusOf[status.code]
  metrics.transferred(isUpload(request) ? 'upload' : 'download', httpStatus)
  if (httpStatus >= 500) logger.error('history.failed', { error })
  if (response.headersSent) response.destroy()
  else
    response
      .writeHead(httpStatus, {
        ...corsHeaders,
        ...status.headers,
        'Content-Type': 'text/plain; charset=utf-8',
        Connection: 'close',
      })
      .end(status.message)
}
