import {
  BatchQueryRequest,
  BatchQueryResponse,
  Envelope,
  PublishRequest,
  QueryRequest,
  QueryResponse,
  SortDirection,
  SubscribeRequest,
  type Cursor,
  type PagingInfo,
} from '@xmtp-ts/proto/message_api/v1/message_api'
import {
  asObject,
  booleanField,
  bytesField,
  field,
  listField,
  malformed,
  stringField,
  uint32Field,
  uint64Field,
  type JsonObject,
} from './json-input.ts'

/** How the messages of a method are written as proto3 JSON (node-api §2.2). */
export type JsonMapping = {
  readonly encodeRequest: (request: JsonObject) => Uint8Array
  /** The response, or one message of the stream, as JSON text. */
  readonly decodeResponse: (response: Uint8Array) => string
}

export const publishJson: JsonMapping = {
  encodeRequest: (request) =>
    PublishRequest.encode({ envelopes: listField(request, 'envelopes', readEnvelope) }).finish(),
  decodeResponse: () => '{}',
}

export const queryJson: JsonMapping = {
  encodeRequest: (request) => QueryRequest.encode(readQuery(request)).finish(),
  decodeResponse: (response) => JSON.stringify(writeQueryResponse(QueryResponse.decode(response))),
}

export const batchQueryJson: JsonMapping = {
  encodeRequest: (request) =>
    BatchQueryRequest.encode({ requests: listField(request, 'requests', readQuery) }).finish(),
  decodeResponse: (response) => {
    const { responses } = BatchQueryResponse.decode(response)
    return JSON.stringify({ responses: responses.map(writeQueryResponse) })
  },
}

export const subscribeJson: JsonMapping = {
  encodeRequest: (request) =>
    SubscribeRequest.encode({
      contentTopics: listField(request, 'contentTopics', readTopic),
      resume: booleanField(request, 'resume'),
      resumeAfter: bytesField(request, 'resumeAfter'),
    }).finish(),
  decodeResponse: (response) => JSON.stringify(writeEnvelope(Envelope.decode(response))),
}

export const subscribeAllJson: JsonMapping = {
  encodeRequest: () => new Uint8Array(),
  decodeResponse: subscribeJson.decodeResponse,
}

const directions: ReadonlyMap<unknown, SortDirection> = new Map(
  [
    SortDirection.SORT_DIRECTION_UNSPECIFIED,
    SortDirection.SORT_DIRECTION_ASCENDING,
    SortDirection.SORT_DIRECTION_DESCENDING,
  ].flatMap((direction): [unknown, SortDirection][] => [
    [direction, direction],
    [SortDirection[direction], direction],
  ]),
)

const noBytes = new Uint8Array()

function readEnvelope(value: unknown): Envelope {
  const envelope = asObject(value, 'an envelope')
  return {
    contentTopic: stringField(envelope, 'contentTopic'),
    timestampNs: uint64Field(envelope, 'timestampNs'),
    message: bytesField(envelope, 'message'),
    resumeToken: noBytes,
  }
}

function readTopic(value: unknown): string {
  if (typeof value !== 'string') throw malformed('a topic is not a string')
  return value
}

function readQuery(value: unknown): QueryRequest {
  const query = asObject(value, 'a query')
  const pagingInfo = field(query, 'pagingInfo')
  return {
    contentTopics: listField(query, 'contentTopics', readTopic),
    startTimeNs: uint64Field(query, 'startTimeNs'),
    endTimeNs: uint64Field(query, 'endTimeNs'),
    pagingInfo: pagingInfo === undefined ? undefined : readPagingInfo(pagingInfo),
  }
}

function readPagingInfo(value: unknown): PagingInfo {
  const pagingInfo = asObject(value, 'pagingInfo')
  const cursor = field(pagingInfo, 'cursor')
  return {
    limit: uint32Field(pagingInfo, 'limit'),
    cursor: cursor === undefined ? undefined : readCursor(cursor),
    direction: readDirection(pagingInfo),
  }
}

/** By name or number. Numbers that the enum does not have mean nothing, as in the binary form. */
function readDirection(pagingInfo: JsonObject): SortDirection {
  const value = field(pagingInfo, 'direction') ?? 0
  const known = directions.get(value)
  if (known === undefined && !Number.isInteger(value))
    throw malformed('direction has no such value')
  return known ?? SortDirection.SORT_DIRECTION_UNSPECIFIED
}

function readCursor(value: unknown): Cursor {
  const index = field(asObject(value, 'cursor'), 'index')
  if (index === undefined) return { cursor: undefined }
  const place = asObject(index, 'index')
  return {
    cursor: {
      $case: 'index',
      value: {
        digest: bytesField(place, 'digest'),
        senderTimeNs: uint64Field(place, 'senderTimeNs'),
      },
    },
  }
}

// Unset fields are written too (EmitUnpopulated), but for the members of a oneof and our extension.

function writeQueryResponse({ envelopes, pagingInfo }: QueryResponse): JsonObject {
  return {
    envelopes: envelopes.map(writeEnvelope),
    pagingInfo: pagingInfo === undefined ? null : writePagingInfo(pagingInfo),
  }
}

/** The resume token only where a stream asked for it: published clients check fields strictly. */
function writeEnvelope({ contentTopic, timestampNs, message, resumeToken }: Envelope): JsonObject {
  return {
    contentTopic,
    timestampNs: timestampNs.toString(),
    message: base64(message),
    ...(resumeToken.length > 0 && { resumeToken: base64(resumeToken) }),
  }
}

function writePagingInfo({ limit, cursor, direction }: PagingInfo): JsonObject {
  const index = cursor?.cursor?.value
  return {
    limit,
    cursor:
      cursor === undefined
        ? null
        : index === undefined
          ? {}
          : {
              index: { digest: base64(index.digest), senderTimeNs: index.senderTimeNs.toString() },
            },
    direction: SortDirection[direction] ?? direction,
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
