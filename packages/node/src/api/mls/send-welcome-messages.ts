import { SendWelcomeMessagesRequest, type WelcomeMessageInput } from '@xmtp-ts/proto/mls/api/v1/mls'
import { checkWelcome } from '../../ingest/welcome.ts'
import { maxV3Messages } from '../../limits.ts'
import { decodeRequest } from '../decode.ts'
import type { UnaryMethod } from '../method.ts'
import { admit, checkCount, type V3Services } from '../v3-services.ts'

const emptyResponse = new Uint8Array()

/** MlsApi.SendWelcomeMessages (node-api §6.4): all or none, with ids in the order of the request (B9, B10). */
export function sendWelcomeMessagesMethod(services: V3Services): UnaryMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/SendWelcomeMessages',
    kind: 'unary',
    handle: async (request, call) => {
      const { messages } = decodeRequest(SendWelcomeMessagesRequest, request)
      admit(services, call, { kind: 'write', cost: messages.length })
      checkCount(messages.length, {
        max: maxV3Messages,
        none: 'no welcome messages to send',
        what: 'messages in single call',
      })
      await services.store.welcomes.append(messages.map(checkWelcome), services.nowMs())
      services.metrics.sent('welcomeMessage', messages.map(sizeOf), call.headers)
      return emptyResponse
    },
  }
}

function sizeOf({ version }: WelcomeMessageInput): number {
  if (version === undefined) return 0
  return version.$case === 'v1' ? version.value.data.length : version.value.welcomePointer.length
}
