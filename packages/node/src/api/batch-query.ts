import {
  BatchQueryRequest,
  BatchQueryResponse,
  type QueryResponse,
} from '@xmtp-ts/proto/message_api/v1/message_api'
import { limits, XmtpError } from '@xmtp-ts/protocol'
import { maxBatchBytes, maxPageBytes } from '../limits.ts'
import { decodeRequest } from './decode.ts'
import type { UnaryMethod } from './method.ts'
import { answerQuery, parseQuery } from './query.ts'
import type { Services } from './services.ts'

/**
 * MessageApi.BatchQuery (node-api §3.5): answers in order. A query that is wrong fails the batch with its own code,
 * before any of them runs.
 */
export function batchQueryMethod({ log, authorizer, limiter }: Services): UnaryMethod {
  return {
    path: '/xmtp.message_api.v1.MessageApi/BatchQuery',
    kind: 'unary',
    handle: async (request, { client }) => {
      authorizer.checkClient(client)
      const { requests } = decodeRequest(BatchQueryRequest, request)
      if (requests.length > limits.maxBatchQueries)
        throw new XmtpError('node.query.tooManyQueries', `${requests.length} queries.`, {
          details: { text: `cannot exceed ${limits.maxBatchQueries} requests in single batch` },
        })
      limiter.spend(client, { kind: 'read', cost: requests.length })
      const queries = requests.map((query) => parseQuery(query, maxPageBytes))
      const responses: QueryResponse[] = []
      let bytesLeft = maxBatchBytes
      for (const query of queries) {
        const maxBytes = Math.min(maxPageBytes, Math.max(0, bytesLeft))
        const response = await answerQuery(log, { ...query, maxBytes })
        for (const { message } of response.envelopes) bytesLeft -= message.length
        responses.push(response)
      }
      return BatchQueryResponse.encode({ responses }).finish()
    },
  }
}
