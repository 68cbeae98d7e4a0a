import {
  GetNewestGroupMessageRequest,
  GetNewestGroupMessageResponse_Response,
  GroupMessage,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { maxV3Keys } from '../../limits.ts'
import type { V3Entry } from '../../log/v3-store.ts'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, checkCount, readEach, type V3Services } from '../v3-services.ts'
import { embedded, messageOf } from '../wire.ts'

const noBytes = new Uint8Array()

/** MlsApi.GetNewestGroupMessage (node-api §6.5): an answer for every id, empty for groups without messages. */
export function getNewestGroupMessageMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/GetNewestGroupMessage',
    kind: 'unary',
    handle: async (request, call) => {
      admit(services, call)
      const { groupIds, includeContent } = decodeRequest(GetNewestGroupMessageRequest, request)
      checkCount(groupIds.length, {
        max: maxV3Keys,
        none: 'no group ids provided',
        what: 'groups in single call',
      })
      const topics = groupIds.map((id) => v3.mlsTopic({ kind: 'group', id }))
      const answers = await readEach(
        topics,
        async (some) => {
          const newest = await services.store.groupMessages.newest(some)
          return newest.map((entry) => embedded(1, answer(entry, includeContent)))
        },
        ({ length }) => length,
      )
      return messageOf(answers)
    },
  }
}

function answer(entry: V3Entry | undefined, includeContent: boolean): Uint8Array {
  if (entry === undefined) return noBytes
  if (includeContent) return embedded(1, entry.payload)
  const { version } = GroupMessage.decode(entry.payload)
  if (version === undefined) return noBytes
  const value = { ...version.value, data: noBytes, senderHmac: noBytes, shouldPush: false }
  const groupMessage = { version: { $case: version.$case, value } }
  return GetNewestGroupMessageResponse_Response.encode({ groupMessage }).finish()
}
