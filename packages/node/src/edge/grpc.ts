import {
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedHandleCall,
} from '@grpc/grpc-js'
import type { Socket } from 'node:net'
import {
  namesOf,
  type Call,
  type Method,
  type MethodTable,
  type OpenStream,
  type UnaryMethod,
} from '../api/method.ts'
import { statusOf, type Status } from '../api/status.ts'
import { clientOf, type TrustedProxies } from '../limit/client.ts'
import {
  connectionPingMs,
  connectionPongMs,
  maxRequestBytes,
  maxStreamsPerConnection,
  streamResetBurst,
  streamResetPerSecond,
} from '../limits.ts'

/** gRPC over connections that the listener has recognised as HTTP/2. */
export type GrpcEdge = {
  readonly inject: (connection: Socket) => void
  /** For services that a library registers by itself. */
  readonly server: Server
  /** Ends connections when their calls have ended, and after `graceMs` in any case. */
  drain(graceMs: number): void
}

/** What a caller may send on a stream before we answer: the largest envelope in one go. */
const flowControlWindowBytes = 1_048_576

/** How often a connection is pinged, and how long it may take to answer before it is closed. */
export type ConnectionPing = { readonly everyMs: number; readonly answerMs: number }

const defaultPing: ConnectionPing = { everyMs: connectionPingMs, answerMs: connectionPongMs }

export function createGrpcEdge(
  methods: MethodTable,
  options: { readonly trusted: TrustedProxies; readonly ping?: ConnectionPing | undefined },
): GrpcEdge {
  const { trusted, ping = defaultPing } = options
  const server = new Server({
    'grpc.max_receive_message_length': maxRequestBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': maxStreamsPerConnection,
    'grpc.keepalive_time_ms': ping.everyMs,
    'grpc.keepalive_timeout_ms': ping.answerMs,
    'grpc.enable_channelz': 0,
  })
  tuneHttp2(server)
  for (const method of methods.values()) register(server, method, trusted)
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  return {
    server,
    inject: (connection) => injector.injectConnection(connection),
    drain: (graceMs) => {
      injector.drain(graceMs)
      injector.destroy()
    },
  }
}

/**
 * nghttp2 closes a connection that resets more than 1,000 streams at once and 33 a second after that, which a busy
 * client that cancels its streams can reach (§14.4). grpc-js has no option for it, only the object it passes to
 * node:http2; Node 20 does not know the two values and keeps to those figures.
 */
function tuneHttp2(server: Server): void {
  const http2Options: unknown = Reflect.get(server, 'commonServerOptions')
  if (typeof http2Options !== 'object' || http2Options === null) return
  Object.assign(http2Options, {
    streamResetBurst,
    streamResetRate: streamResetPerSecond,
    settings: {
      maxConcurrentStreams: maxStreamsPerConnection,
      initialWindowSize: flowControlWindowBytes,
    },
  })
}

const asIs = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function register(server: Server, method: Method, trusted: TrustedProxies): void {
  const { path, kind } = method
  const definition = {
    path,
    requestStream: kind === 'bidi',
    responseStream: kind !== 'unary',
    requestSerialize: asIs,
    requestDeserialize: (bytes: Buffer): Uint8Array => bytes,
    responseSerialize: asIs,
    responseDeserialize: (bytes: Buffer): Uint8Array => bytes,
  }
  const name = namesOf(path).method
  server.addService({ [name]: definition }, { [name]: implementation(method, trusted) })
}

type UnaryCall = ServerUnaryCall<Uint8Array, Uint8Array>
type StreamCall =
  | ServerWritableStream<Uint8Array, Uint8Array>
  | ServerDuplexStream<Uint8Array, Uint8Array>

function implementation(method: Method, trusted: TrustedProxies): UntypedHandleCall {
  switch (method.kind) {
    case 'unary':
      return (call: UnaryCall, callback: sendUnaryData<Uint8Array>): void => {
        void runUnary(method, { call, callback, trusted })
      }
    case 'serverStream':
      return (call: ServerWritableStream<Uint8Array, Uint8Array>): void =>
        void runStream(call, () => method.open(call.request, callOf(call, trusted)))
    case 'bidi':
      return (call: ServerDuplexStream<Uint8Array, Uint8Array>): void =>
        void runStream(call, () => method.open(requestsOf(call), callOf(call, trusted)))
    default:
      return method satisfies never
  }
}

async function runUnary(
  method: UnaryMethod,
  exchange: {
    readonly call: UnaryCall
    readonly callback: sendUnaryData<Uint8Array>
    readonly trusted: TrustedProxies
  },
): Promise<void> {
  const { call, callback, trusted } = exchange
  let response: Uint8Array
  try {
    response = await method.handle(call.request, callOf(call, trusted))
  } catch (error) {
    callback(serviceError(statusOf(error)))
    return
  }
  callback(null, response)
}

function callOf(call: Pick<UnaryCall, 'metadata' | 'getPeer'>, trusted: TrustedProxies): Call {
  const headers: Record<string, string> = {}
  for (const name of Object.keys(call.metadata.getMap()))
    headers[name] = call.metadata.get(name).map(String).join(',')
  // What is behind the last colon is the port, in IPv6 too.
  const peer = call.getPeer().replace(/:\d+$/, '')
  return {
    client: clientOf(peer, { forwardedFor: headers['x-forwarded-for'], trusted }),
    headers,
  }
}

/** The messages of the caller; ends when it half-closes or leaves. */
async function* requestsOf(
  call: ServerDuplexStream<Uint8Array, Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    // Plain iteration would destroy the stream, both halves, at the caller's half-close.
    for await (const message of call.iterator({ destroyOnReturn: false }))
      if (message instanceof Uint8Array) yield message
  } catch {
    // The caller left; the other half of the stream notices too.
  }
}

async function runStream(call: StreamCall, open: () => Promise<OpenStream>): Promise<void> {
  let stream: OpenStream | undefined
  let hasLeft = false
  const leave = (): void => {
    hasLeft = true
    stream?.close()
  }
  call.on('cancelled', leave)
  call.on('close', leave)
  // Without a listener a write after the caller has left would end the process.
  call.on('error', leave)
  try {
    stream = await open()
    if (hasLeft) stream.close()
    else call.sendMetadata(metadataOf(stream.headers))
    for await (const batch of stream.batches)
      for (const message of batch) {
        if (hasLeft || call.destroyed) break
        if (!call.write(message)) await drained(call)
      }
    call.end()
  } catch (error) {
    if (!hasLeft) call.emit('error', serviceError(statusOf(error)))
  } finally {
    stream?.close()
  }
}

/** Resolves when more can be written, or never will be. */
function drained(call: StreamCall): Promise<void> {
  if (call.destroyed || call.cancelled) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done)
      call.off('close', done)
      call.off('cancelled', done)
      call.off('error', done)
      resolve()
    }
    call.on('drain', done)
    call.on('close', done)
    call.on('cancelled', done)
    call.on('error', done)
  })
}

function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}

function serviceError({ code, message, headers }: Status) {
  return Object.assign(new Error(message), {
    code,
    details: message,
    metadata: metadataOf(headers),
  })
}
