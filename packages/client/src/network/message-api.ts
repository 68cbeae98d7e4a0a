import {
  BatchQueryRequest,
  BatchQueryResponse,
  Envelope as WireEnvelope,
  PublishRequest,
  QueryRequest,
  QueryResponse,
  SortDirection,
  SubscribeRequest,
  type Cursor,
} from '@xmtp-ts/proto/message_api/v1/message_api'
import { limits, topicKind, utf8, XmtpError } from '@xmtp-ts/protocol'
import type { Environment } from '../environment.ts'
import type { Transport } from '../transport/transport.ts'
import { fromBase64 } from './base64.ts'
import type { PublishToken } from './publish-token.ts'
import { retrying } from './retry.ts'

/** Bytes in a topic, with the time its sender gave them. */
export type Envelope = {
  readonly topic: string
  readonly timestampNs: bigint
  readonly message: Uint8Array
}

export type Direction = 'ascending' | 'descending'

export type Query = {
  readonly topics: readonly string[]
  /** Inclusive. */
  readonly startNs?: bigint | undefined
  /** Inclusive. */
  readonly endNs?: bigint | undefined
  readonly direction: Direction
  /** At most 100, or 500 for one list of preferences; as many as allowed unless given. */
  readonly pageSize?: number | undefined
}

export type StreamedEnvelope = Envelope & {
  /** Where a stream can go on behind this envelope; undefined from nodes that cannot. */
  readonly resumeToken: Uint8Array | undefined
}

export type EnvelopeStream = {
  /** Where a stream can go on from its opening; undefined from nodes that cannot. */
  readonly resumeToken: Uint8Array | undefined
  readonly envelopes: AsyncIterable<StreamedEnvelope>
}

/** The calls of V1 and V2 to a node (v1-v2 §18): typed, bounded, retried where that helps. */
export interface MessageApi {
  /** Durable when it resolves. Publishing the same envelope twice stores one. */
  publish(envelopes: readonly Envelope[], token: PublishToken): Promise<void>
  /** Pages in order until the last; never an empty one. */
  query(query: Query): AsyncGenerator<readonly Envelope[], void>
  /** The first page of each query, in their order. */
  batchQuery(queries: readonly Query[]): Promise<readonly (readonly Envelope[])[]>
  /** One connection; `stream/subscription.ts` makes a lasting one of it. */
  subscribe(options: {
    readonly topics: readonly string[]
    readonly resumeAfter: Uint8Array | undefined
    readonly signal: AbortSignal
  }): Promise<EnvelopeStream>
}

export type MessageApiOptions = {
  readonly transport: Transport
  /** Sent with every call: versions of client and app. */
  readonly headers: Readonly<Record<string, string>>
  readonly environment: Environment
  /** Ends everything that is under way. */
  readonly signal?: AbortSignal | undefined
}

const service = '/xmtp.message_api.v1.MessageApi'

export function createMessageApi(options: MessageApiOptions): MessageApi {
  const { transport, headers, signal } = options
  const unary = (method: string, request: Uint8Array, more: Record<string, string> = {}) =>
    retrying(
      () =>
        transport.unary(`${service}/${method}`, request, {
          headers: { ...headers, ...more },
          signal,
        }),
      options,
    )
  return {
    async publish(envelopes, token) {
      const request = encodePublish(envelopes)
      const call = () => unary('Publish', request, { authorization: token.current() })
      try {
        await call()
      } catch (error) {
        if (!isCode(error, 'client.node.unauthenticated')) throw error
        // A clock may have been set since the token was made: one fresh token, one more try.
        token.renew()
        await call()
      }
    },

    query: (query) =>
      pages(query, async (request) =>
        decodeAnswer(QueryResponse, await unary('Query', QueryRequest.encode(request).finish())),
      ),

    async batchQuery(queries) {
      const answers: (readonly Envelope[])[] = []
      for (let at = 0; at < queries.length; at += limits.maxBatchQueries) {
        const requests = queries.slice(at, at + limits.maxBatchQueries).map((q) => encodeQuery(q))
        const request = BatchQueryRequest.encode({ requests }).finish()
        const { responses } = decodeAnswer(BatchQueryResponse, await unary('BatchQuery', request))
        if (responses.length !== requests.length)
          throw new XmtpError(
            'client.network.malformedAnswer',
            `${requests.length} queries had ${responses.length} answers.`,
          )
        answers.push(...responses.map(({ envelopes }) => envelopes.map(fromWire)))
      }
      return answers
    },

    async subscribe({ topics, resumeAfter, signal }) {
      const request = SubscribeRequest.encode({
        contentTopics: [...topics],
        resume: true,
        resumeAfter: resumeAfter ?? new Uint8Array(),
      }).finish()
      const stream = await transport.serverStream(`${service}/Subscribe`, request, {
        headers,
        signal,
      })
      const token = stream.headers['x-xmtp-resume-token']
      return {
        resumeToken: token === undefined ? undefined : fromBase64(token),
        envelopes: streamed(stream.messages),
      }
    },
  }
}

/** Whether an unknown error has this code. */
export function isCode(error: unknown, code: XmtpError['code']): error is XmtpError {
  return error instanceof XmtpError && error.code === code
}

/** The size rules that every node has (v1-v2 §16.1), told before anything is sent. */
function encodePublish(envelopes: readonly Envelope[]): Uint8Array {
  for (const { topic, message } of envelopes) {
    if (topic === '' || message.length === 0)
      throw new XmtpError('client.envelope.empty', 'An envelope has no topic or no payload.')
    if (utf8(topic).length > limits.maxContentTopicBytes)
      throw new XmtpError('topic.tooLong', `A topic has ${topic.length} characters.`)
    if (message.length > limits.maxEnvelopePayloadBytes)
      throw new XmtpError(
        'bytes.tooLong',
        `A payload has ${message.length} bytes, more than ${limits.maxEnvelopePayloadBytes}.`,
      )
  }
  return PublishRequest.encode({
    envelopes: envelopes.map(({ topic, timestampNs, message }) => ({
      contentTopic: topic,
      timestampNs,
      message,
      resumeToken: new Uint8Array(),
    })),
  }).finish()
}

/** Follows cursors as they come until a page is empty or names none (v1-v2 §13.5). */
async function* pages(
  query: Query,
  ask: (request: QueryRequest) => Promise<QueryResponse>,
): AsyncGenerator<readonly Envelope[], void> {
  let cursor: Cursor | undefined
  for (;;) {
    const { envelopes, pagingInfo } = await ask(encodeQuery(query, cursor))
    if (envelopes.length === 0) return
    yield envelopes.map(fromWire)
    const next = pagingInfo?.cursor
    if (next?.cursor === undefined) return
    if (cursor !== undefined && sameCursor(cursor, next))
      throw new XmtpError('client.network.malformedAnswer', 'A query does not advance.')
    cursor = next
  }
}

function sameCursor(a: Cursor, b: Cursor): boolean {
  const [one, other] = [a.cursor?.value, b.cursor?.value]
  return (
    one?.senderTimeNs === other?.senderTimeNs && one?.digest.toString() === other?.digest.toString()
  )
}

function encodeQuery(query: Query, cursor?: Cursor): QueryRequest {
  const { topics, startNs = 0n, endNs = 0n, direction, pageSize } = query
  return {
    contentTopics: [...topics],
    startTimeNs: startNs,
    endTimeNs: endNs,
    pagingInfo: {
      limit: Math.min(pageSize ?? Number.POSITIVE_INFINITY, maxPage(topics)),
      cursor,
      direction:
        direction === 'ascending'
          ? SortDirection.SORT_DIRECTION_ASCENDING
          : SortDirection.SORT_DIRECTION_DESCENDING,
    },
  }
}

function maxPage(topics: readonly string[]): number {
  const [only, ...others] = topics
  return only !== undefined && others.length === 0 && topicKind(only) === 'userPreferences'
    ? limits.maxPreferencesPageEnvelopes
    : limits.maxQueryPageEnvelopes
}

async function* streamed(
  messages: AsyncIterable<Uint8Array>,
): AsyncGenerator<StreamedEnvelope, void> {
  for await (const bytes of messages) {
    const wire = decodeAnswer(WireEnvelope, bytes)
    const { resumeToken } = wire
    yield { ...fromWire(wire), resumeToken: resumeToken.length === 0 ? undefined : resumeToken }
  }
}

function fromWire({ contentTopic, timestampNs, message }: WireEnvelope): Envelope {
  return { topic: contentTopic, timestampNs, message }
}

/** @throws XmtpError `client.network.malformedAnswer` */
export function decodeAnswer<T>(codec: { decode(bytes: Uint8Array): T }, bytes: Uint8Array): T {
  try {
    // Never a Buffer: what is decoded shares its kind, and `slice` of a Buffer does not copy.
    return codec.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length))
  } catch (cause) {
    throw new XmtpError('client.network.malformedAnswer', 'An answer does not decode.', { cause })
  }
}
