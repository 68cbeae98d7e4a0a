import { SubscribeAllRequest } from '@xmtp-ts/proto/message_api/v1/message_api'
import { everyTopic } from '../follow/subscription.ts'
import { decodeRequest } from './decode.ts'
import type { ServerStreamMethod } from './method.ts'
import type { Services } from './services.ts'
import { openSubscription } from './subscribe.ts'

/** MessageApi.SubscribeAll (node-api §3.6): everything of V1 and V2, from now on. */
export function subscribeAllMethod(services: Services): ServerStreamMethod {
  const { log, feed, authorizer, limiter, metrics } = services
  return {
    path: '/xmtp.message_api.v1.MessageApi/SubscribeAll',
    kind: 'serverStream',
    open: async (request, { client, headers }) => {
      authorizer.checkClient(client)
      limiter.spend(client, { kind: 'read', cost: 1 })
      decodeRequest(SubscribeAllRequest, request)
      const { stream } = await openSubscription(
        { log, feed },
        { contentTopics: [everyTopic], resume: false, resumeAfter: new Uint8Array() },
      )
      metrics.subscribed(1, headers)
      return stream
    },
  }
}
