import * as grpc from '@grpc/grpc-js'
import {
  createNode,
  openMemoryLog,
  type EnvelopeLog,
  type Node,
  type NodeParts,
} from '@xmtp-ts/node'
import {
  Envelope,
  PublishRequest,
  QueryRequest,
  SortDirection,
} from '@xmtp-ts/proto/message_api/v1/message_api'
import { connect, type Socket } from 'node:net'
import { afterEach } from 'vitest'

const open: (() => unknown)[] = []

/** Runs after the test, last registered first. */
export function later(close: () => unknown): void {
  open.push(close)
}

/** Call once per test file. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (let close = open.pop(); close !== undefined; close = open.pop()) await close()
  })
}

export type TestNode = Node & {
  readonly url: string
  readonly port: number
  readonly log: EnvelopeLog
}

/** A node on a free port of this machine; closed after the test. */
export async function startNode(parts: Partial<NodeParts> = {}): Promise<TestNode> {
  const log = parts.log ?? openMemoryLog()
  const node = await createNode({ log, listen: [{ host: '127.0.0.1', port: 0 }], ...parts })
  later(() => node[Symbol.asyncDispose]())
  const url = node.listen[0]!
  return Object.assign(node, { url, port: Number(new URL(url).port), log })
}

export const messageApi = '/xmtp.message_api.v1.MessageApi'
export const topic = '/xmtp/0/m-1/proto'

export function publishRequest(
  envelopes: readonly { topic?: string; time?: number | bigint; message?: Uint8Array }[],
): Uint8Array {
  return PublishRequest.encode({
    envelopes: envelopes.map((each) => ({
      contentTopic: each.topic ?? topic,
      timestampNs: BigInt(each.time ?? 1),
      message: each.message ?? Uint8Array.of(1),
      resumeToken: new Uint8Array(),
    })),
  }).finish()
}

export function queryRequest(contentTopics: readonly string[] = [topic], limit = 0): Uint8Array {
  return QueryRequest.encode({
    contentTopics: [...contentTopics],
    startTimeNs: 0n,
    endTimeNs: 0n,
    pagingInfo: { limit, cursor: undefined, direction: SortDirection.SORT_DIRECTION_UNSPECIFIED },
  }).finish()
}

export function timeOf(envelope: Uint8Array): number {
  return Number(Envelope.decode(envelope).timestampNs)
}

const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes)

/** What libxmtp takes in one message. */
const maxAnswerBytes = 26_214_400

/** A gRPC client over bytes; closed after the test. */
export function grpcClient({ port }: { port: number }) {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxAnswerBytes,
  })
  later(() => client.close())
  return {
    unary: (path: string, request: Uint8Array, metadata = new grpc.Metadata()) =>
      new Promise<Buffer>((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          asIs,
          (bytes) => bytes,
          request,
          metadata,
          (error, value) => (error ? reject(error) : resolve(value!)),
        )
      }),
    stream: (path: string, request: Uint8Array, metadata = new grpc.Metadata()) =>
      watched(
        client.makeServerStreamRequest(path, asIs, (bytes: Buffer) => bytes, request, metadata),
      ),
    bidi: (path: string) => watched(client.makeBidiStreamRequest(path, asIs, (bytes) => bytes)),
  }
}

function watched<T extends grpc.ClientReadableStream<Buffer>>(call: T) {
  later(() => call.cancel())
  const opened = new Promise<grpc.Metadata>((resolve) => call.once('metadata', resolve))
  const status = new Promise<grpc.StatusObject>((resolve) => call.once('status', resolve))
  call.on('error', () => {})
  return { call, opened, status }
}

/** The next messages of a stream. */
export async function take(
  call: AsyncIterable<unknown> & { destroy?: unknown },
  count: number,
): Promise<Buffer[]> {
  const got: Buffer[] = []
  const iterator = call[Symbol.asyncIterator]()
  while (got.length < count) {
    const next = await iterator.next()
    if (next.done === true) break
    got.push(next.value as Buffer)
  }
  return got
}

/** A JSON call as xmtp-js makes it: the type of the body says text. */
export async function postJson(
  url: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'text/plain;charset=UTF-8', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return response
}

/** The lines of a JSON stream, parsed; spaces before a line are legal JSON. */
export async function* linesOf(response: Response): AsyncGenerator<any> {
  let rest = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    rest += chunk
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      yield JSON.parse(rest.slice(0, end))
      rest = rest.slice(end + 1)
    }
  }
}

/** A bare connection; destroyed after the test. `closed` resolves with what came until it was closed. */
export function rawConnection({ port }: { port: number }): {
  socket: Socket
  closed: Promise<string>
} {
  const socket = connect(port, '127.0.0.1')
  later(() => socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  const closed = new Promise<string>((resolve) =>
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1'))),
  )
  return { socket, closed }
}
