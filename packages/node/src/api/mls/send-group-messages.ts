import { SendGroupMessagesRequest } from '@xmtp-ts/proto/mls/api/v1/mls'
import { checkGroupMessage } from '../../ingest/group-message.ts'
import { maxV3Messages } from '../../limits.ts'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, checkCount, refusal, type V3Services } from '../v3-services.ts'

const emptyResponse = new Uint8Array()

/**
 * MlsApi.SendGroupMessages (node-api §6.4): all messages or none, durable and visible when answered. Who may write
 * what, members decide: MLS hides the sender from the node.
 */
export function sendGroupMessagesMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/SendGroupMessages',
    kind: 'unary',
    handle: async (request, call) => {
      const { messages } = decodeRequest(SendGroupMessagesRequest, request)
      admit(services, call, { kind: 'write', cost: messages.length })
      checkCount(messages.length, {
        max: maxV3Messages,
        none: 'no group messages to send',
        what: 'messages in single call',
      })
      const items = messages.map(({ version }) => {
        if (version === undefined)
          throw refusal('node.v3.message.malformed', 'invalid group message')
        return checkGroupMessage(version.value)
      })
      await services.store.groupMessages.append(items, services.nowMs())
      const sizes = messages.map(({ version }) => version?.value.data.length ?? 0)
      services.metrics.sent('groupMessage', sizes, call.headers)
      return emptyResponse
    },
  }
}
