import type { BidiMethod } from '../method.ts'
import { admit, type V3Services } from '../v3-services.ts'
import { TopicStream } from './topic-stream.ts'

/** MlsApi.Subscribe (XIP-83, node-api §9): one stream whose topics the caller changes while it is open. */
export function subscribeTopicsMethod(services: V3Services): BidiMethod {
  const { store, groupFeed, welcomeFeed, metrics, limiter, streamKeepaliveMs } = services
  return {
    path: '/xmtp.mls.api.v1.MlsApi/Subscribe',
    kind: 'bidi',
    open: async (requests, call) => {
      admit(services, call)
      const stream = new TopicStream({
        store,
        groupFeed,
        welcomeFeed,
        keepaliveMs: streamKeepaliveMs,
        onMutation: ({ adds }) => {
          limiter.spend(call.client, { kind: 'read', cost: 1 })
          if (adds.length > 0) metrics.subscribed(adds.length, call.headers)
        },
      })
      // Never rejects: what is wrong with a request ends the stream.
      void stream.read(requests)
      return {
        headers: { subscribed: 'true' },
        batches: stream.batches(),
        close: () => stream.close(),
      }
    },
  }
}
