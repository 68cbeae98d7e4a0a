import {
  QueryRequest,
  QueryResponse,
  SortDirection,
  type PagingInfo,
} from '@xmtp-ts/proto/message_api/v1/message_api'
import { limits, topicKind, XmtpError } from '@xmtp-ts/protocol'
import { maxPageBytes } from '../limits.ts'
import type { EnvelopeLog, LogQuery, QueryCursor } from '../log/log.ts'
import { decodeRequest, distinctTopics } from './decode.ts'
import type { UnaryMethod } from './method.ts'
import type { Services } from './services.ts'

/** MessageApi.Query (node-api §3.4). */
export function queryMethod({ log, authorizer, limiter, metrics }: Services): UnaryMethod {
  return {
    path: '/xmtp.message_api.v1.MessageApi/Query',
    kind: 'unary',
    handle: async (request, { client, headers }) => {
      authorizer.checkClient(client)
      limiter.spend(client, { kind: 'read', cost: 1 })
      const query = parseQuery(decodeRequest(QueryRequest, request), maxPageBytes)
      const startedMs = performance.now()
      const response = await answerQuery(log, query)
      metrics.queried(query, {
        durationMs: performance.now() - startedMs,
        envelopes: response.envelopes.length,
        headers,
      })
      return QueryResponse.encode(response).finish()
    },
  }
}

/** The bytes of a digest; longer cursors are none of ours. */
const maxCursorDigestBytes = 64

/**
 * @throws XmtpError `node.query.noTopics`, `node.query.pageTooLong`, `node.query.cursorTooLong`,
 * `node.topics.tooMany`
 */
export function parseQuery(request: QueryRequest, maxBytes: number): LogQuery {
  const topics = distinctTopics(request.contentTopics)
  if (topics.length === 0)
    throw new XmtpError('node.query.noTopics', 'A query names no topics.', {
      details: { text: 'content topics required' },
    })
  const { pagingInfo } = request
  return {
    topics,
    startNs: request.startTimeNs,
    endNs: request.endTimeNs,
    cursor: parseCursor(pagingInfo),
    direction:
      pagingInfo?.direction === SortDirection.SORT_DIRECTION_ASCENDING ? 'ascending' : 'descending',
    limit: pageLimit(topics, pagingInfo?.limit ?? 0),
    maxBytes,
  }
}

/** The page behind a parsed query, as the reference answers it: a full page carries the cursor of its last row. */
export async function answerQuery(log: EnvelopeLog, query: LogQuery): Promise<QueryResponse> {
  const { envelopes, isFull } = await log.query(query)
  const last = envelopes.at(-1)
  return {
    envelopes: envelopes.map(({ topic, timestampNs, payload }) => ({
      contentTopic: topic,
      timestampNs,
      message: payload,
      resumeToken: noBytes,
    })),
    pagingInfo: {
      limit: isFull ? Math.min(query.limit, limits.maxQueryPageEnvelopes) : 0,
      cursor:
        isFull && last !== undefined
          ? {
              cursor: {
                $case: 'index',
                value: { digest: last.digest, senderTimeNs: last.timestampNs },
              },
            }
          : undefined,
      direction:
        query.direction === 'ascending'
          ? SortDirection.SORT_DIRECTION_ASCENDING
          : SortDirection.SORT_DIRECTION_DESCENDING,
    },
  }
}

const noBytes = new Uint8Array()

function pageLimit(topics: readonly string[], asked: number): number {
  const [only] = topics
  const most =
    topics.length === 1 && only !== undefined && topicKind(only) === 'userPreferences'
      ? limits.maxPreferencesPageEnvelopes
      : limits.maxQueryPageEnvelopes
  if (asked > most)
    throw new XmtpError('node.query.pageTooLong', `A page of ${asked} is above ${most}.`, {
      details: { text: `cannot exceed ${most} rows per query` },
    })
  return asked === 0 ? limits.maxQueryPageEnvelopes : asked
}

/** A cursor without a digest is none; without a time it compares the digest alone (§3.4). */
function parseCursor(pagingInfo: PagingInfo | undefined): QueryCursor | undefined {
  const index = pagingInfo?.cursor?.cursor?.value
  if (index === undefined || index.digest.length === 0) return undefined
  if (index.digest.length > maxCursorDigestBytes)
    throw new XmtpError('node.query.cursorTooLong', `A cursor has ${index.digest.length} bytes.`)
  return {
    timestampNs: index.senderTimeNs === 0n ? undefined : index.senderTimeNs,
    digest: index.digest,
  }
}
