import type { IncomingMessage, ServerResponse } from 'node:http'
import { XmtpError } from '@xmtp-ts/protocol'
import type { MethodTable, OpenStream } from '../api/method.ts'
import { grpcCode, statusOf, type Status } from '../api/status.ts'
import type { TrustedProxies } from '../limit/client.ts'
import { maxRequestBytes } from '../limits.ts'
import type { BodyReader } from './body.ts'
import { corsHeaders } from './cors.ts'
import { httpCall, needsTwoDirections, writeAndDrain } from './http-call.ts'

/** gRPC-Web (grpc/doc/PROTOCOL-WEB.md) over HTTP/1.1, binary or as base64 text. */
export type GrpcWebEdge = {
  isRequest(request: IncomingMessage): boolean
  handle(path: string, request: IncomingMessage, response: ServerResponse): Promise<void>
}

type Format = { readonly contentType: string; readonly encode: (frame: Buffer) => Buffer }

const binary: Format = { contentType: 'application/grpc-web+proto', encode: (frame) => frame }
const text: Format = {
  contentType: 'application/grpc-web-text+proto',
  encode: (frame) => Buffer.from(frame.toString('base64')),
}

const frameHeaderBytes = 5
const flag = { message: 0, compressed: 1, trailers: 0x80 } as const

export function createGrpcWebEdge(options: {
  readonly methods: MethodTable
  readonly bodies: BodyReader
  readonly trusted: TrustedProxies
}): GrpcWebEdge {
  const { methods, bodies, trusted } = options
  return {
    isRequest: ({ headers }) =>
      headers['content-type']?.startsWith('application/grpc-web') ?? false,
    handle: async (path, request, response) => {
      const format = request.headers['content-type']?.includes('-text') ? text : binary
      const begin = (headers: Readonly<Record<string, string>>): void => {
        response.writeHead(200, { ...corsHeaders, ...headers, 'Content-Type': format.contentType })
      }
      try {
        const method = methods.get(path)
        if (method?.kind === 'bidi') throw needsTwoDirections()
        if (method === undefined)
          throw new XmtpError('node.method.unknown', 'gRPC-Web has no such method here.', {
            details: { text: `unknown method ${path.slice(0, 200)}` },
          })
        const body = await bodies.read(request, maxRequestBytes * 2)
        const message = parseRequest(format === text ? decodeText(body) : body)
        const call = httpCall(request, trusted)
        if (method.kind === 'unary') {
          const result = await method.handle(message, call)
          begin({})
          response.end(format.encode(Buffer.concat([frame(flag.message, result), okTrailers])))
          return
        }
        const stream = await method.open(message, call)
        begin(stream.headers)
        response.flushHeaders()
        await sendStream(stream, response, format)
        response.end(format.encode(okTrailers))
      } catch (error) {
        if (response.destroyed) return
        if (!response.headersSent) begin({})
        response.end(format.encode(trailersFrame(statusOf(error))))
      }
    },
  }
}

async function sendStream(
  stream: OpenStream,
  response: ServerResponse,
  format: Format,
): Promise<void> {
  response.on('close', stream.close)
  if (response.destroyed) stream.close()
  try {
    for await (const batch of stream.batches)
      await writeAndDrain(
        response,
        format.encode(Buffer.concat(batch.map((message) => frame(flag.message, message)))),
      )
  } finally {
    stream.close()
  }
}

/** The one message of a request. @throws XmtpError `node.request.malformed`, `node.request.tooLong` */
function parseRequest(body: Buffer): Uint8Array {
  const kind = body[0]
  if (body.length < frameHeaderBytes || kind === undefined)
    throw new XmtpError('node.request.malformed', 'A gRPC-Web request has no message.')
  const end = frameHeaderBytes + body.readUInt32BE(1)
  if (kind !== flag.message)
    throw new XmtpError('node.request.malformed', `A gRPC-Web frame has the flag ${kind}.`)
  if (end - frameHeaderBytes > maxRequestBytes)
    throw new XmtpError('node.request.tooLong', `A message is above ${maxRequestBytes} bytes.`)
  // Trailers of the client may follow.
  if (end > body.length || (end < body.length && body[end] !== flag.trailers))
    throw new XmtpError('node.request.malformed', 'A gRPC-Web frame has a wrong length.')
  return body.subarray(frameHeaderBytes, end)
}

/** Base64, possibly in several padded pieces. */
function decodeText(body: Buffer): Buffer {
  const pieces = body.toString('latin1').match(/[A-Za-z0-9+/]+={0,2}/g) ?? []
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64')))
}

function frame(kind: number, payload: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(frameHeaderBytes + payload.length)
  framed.writeUInt8(kind)
  framed.writeUInt32BE(payload.length, 1)
  framed.set(payload, frameHeaderBytes)
  return framed
}

const okTrailers = trailersFrame({ code: grpcCode.ok, message: '', headers: {} })

function trailersFrame({ code, message, headers }: Status): Buffer {
  const lines = Object.entries({
    'grpc-status': String(code),
    ...(message !== '' && { 'grpc-message': encodeURIComponent(message) }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return frame(flag.trailers, Buffer.from(lines.join('')))
}
