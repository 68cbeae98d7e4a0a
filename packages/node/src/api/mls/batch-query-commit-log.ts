import {
  BatchQueryCommitLogRequest,
  QueryCommitLogResponse,
  SortDirection,
  type QueryCommitLogRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { maxCommitLogQueries } from '../../limits.ts'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, checkCount, refusal, type V3Services } from '../v3-services.ts'
import { embedded, messageOf } from '../wire.ts'
import { readPage } from './page.ts'

/** MlsApi.BatchQueryCommitLog (node-api §6.5): ascending only, answers in order. */
export function batchQueryCommitLogMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/BatchQueryCommitLog',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call)
      const { requests } = decodeRequest(BatchQueryCommitLogRequest, request)
      checkCount(requests.length, {
        max: maxCommitLogQueries,
        none: 'no requests to query',
        what: 'queries in single batch',
      })
      for (const query of requests) checkQuery(query)
      const answers = requests.map((query) => answer(services, query))
      return messageOf((await Promise.all(answers)).map((response) => embedded(1, response)))
    },
  }
}

function checkQuery({ groupId, pagingInfo }: QueryCommitLogRequest): void {
  if (groupId.length === 0) throw refusal('node.v3.keyMissing', 'invalid request')
  if (pagingInfo?.direction === SortDirection.SORT_DIRECTION_DESCENDING)
    throw refusal(
      'node.v3.commitLog.descending',
      'failed to query commit log: descending direction is not supported',
    )
}

async function answer(
  { store }: V3Services,
  { groupId, pagingInfo: asked }: QueryCommitLogRequest,
): Promise<Uint8Array> {
  const topic = v3.mlsTopic({ kind: 'group', id: groupId })
  const { entries, pagingInfo } = await readPage(store.commitLog, topic, {
    direction: SortDirection.SORT_DIRECTION_ASCENDING,
    limit: asked?.limit ?? 0,
    idCursor: asked?.idCursor ?? 0n,
  })
  return messageOf([
    QueryCommitLogResponse.encode({ groupId, commitLogEntries: [], pagingInfo }).finish(),
    ...entries.map(({ payload }) => embedded(2, payload)),
  ])
}
