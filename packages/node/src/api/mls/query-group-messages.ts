import {
  QueryGroupMessagesRequest,
  QueryGroupMessagesResponse,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, refusal, type V3Services } from '../v3-services.ts'
import { embedded, messageOf } from '../wire.ts'
import { readPage } from './page.ts'

/** MlsApi.QueryGroupMessages (node-api §6.5). The stored messages go out as they are. */
export function queryGroupMessagesMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/QueryGroupMessages',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call)
      const { groupId, pagingInfo: asked } = decodeRequest(QueryGroupMessagesRequest, request)
      if (groupId.length === 0) throw refusal('node.v3.keyMissing', 'group is required')
      const topic = v3.mlsTopic({ kind: 'group', id: groupId })
      const { entries, pagingInfo } = await readPage(services.store.groupMessages, topic, asked)
      return messageOf([
        ...entries.map(({ payload }) => embedded(1, payload)),
        QueryGroupMessagesResponse.encode({ messages: [], pagingInfo }).finish(),
      ])
    },
  }
}
