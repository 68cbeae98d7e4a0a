import {
  QueryWelcomeMessagesRequest,
  QueryWelcomeMessagesResponse,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, refusal, type V3Services } from '../v3-services.ts'
import { embedded, messageOf } from '../wire.ts'
import { readPage } from './page.ts'

/** MlsApi.QueryWelcomeMessages (node-api §6.5). The stored welcomes go out as they are. */
export function queryWelcomeMessagesMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/QueryWelcomeMessages',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call)
      const { installationKey, pagingInfo: asked } = decodeRequest(
        QueryWelcomeMessagesRequest,
        request,
      )
      if (installationKey.length === 0)
        throw refusal('node.v3.keyMissing', 'installation is required')
      const topic = v3.mlsTopic({ kind: 'welcome', id: installationKey })
      const { entries, pagingInfo } = await readPage(services.store.welcomes, topic, asked)
      return messageOf([
        ...entries.map(({ payload }) => embedded(1, payload)),
        QueryWelcomeMessagesResponse.encode({ messages: [], pagingInfo }).finish(),
      ])
    },
  }
}
