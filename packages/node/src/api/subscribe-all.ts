import { Envelope, SubscribeAllRequest } from '@xmtp-ts/proto/message_api/v1/message_api'
import { GroupMessage, WelcomeMessage } from '@xmtp-ts/proto/mls/api/v1/mls'
import type { Delivery } from '../follow/delivery.ts'
import type { Feed } from '../follow/feed.ts'
import { mergeBatches } from '../follow/merge-batches.ts'
import { everyTopic } from '../follow/subscription.ts'
import { decodeRequest } from './decode.ts'
import type { OpenStream, ServerStreamMethod } from './method.ts'
import type { Services } from './services.ts'
import { openSubscription } from './subscribe.ts'
import type { V3Services } from './v3-services.ts'

/** MessageApi.SubscribeAll (node-api §3.6): everything of V1, V2 and V3 from now on, as push servers read it. */
export function subscribeAllMethod(
  services: Services,
  v3Services: V3Services | undefined,
): ServerStreamMethod {
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
        { contentTopics: [everyTopic], resume: false, resumeAfter: noBytes },
      )
      metrics.subscribed(1, headers)
      if (v3Services === undefined) return stream
      const streams = [stream]
      const close = (): void => {
        for (const each of streams) each.close()
      }
      try {
        streams.push(followAll(v3Services.groupFeed, groupMessageTime))
        streams.push(followAll(v3Services.welcomeFeed, welcomeTime))
      } catch (error) {
        // A feed that takes no more must not leave the others followed by nobody.
        close()
        throw error
      }
      return {
        headers: stream.headers,
        batches: mergeBatches(streams.map(({ batches }) => batches)),
        close,
      }
    },
  }
}

const noBytes = new Uint8Array()

function followAll(feed: Feed, timeOf: (message: Uint8Array) => bigint): OpenStream {
  const subscription = feed.subscribe({ topics: [everyTopic], after: feed.position })
  const envelopeOf = ({ topic, bytes }: Delivery): Uint8Array =>
    Envelope.encode({
      contentTopic: topic,
      timestampNs: timeOf(bytes),
      message: bytes,
      resumeToken: noBytes,
    }).finish()
  async function* batches(): OpenStream['batches'] {
    for await (const batch of subscription.batches())
      yield batch.map(({ delivery }) => envelopeOf(delivery))
  }
  return { headers: {}, batches: batches(), close: () => subscription.close() }
}

function groupMessageTime(message: Uint8Array): bigint {
  return GroupMessage.decode(message).version?.value.createdNs ?? 0n
}

function welcomeTime(message: Uint8Array): bigint {
  return WelcomeMessage.decode(message).version?.value.createdNs ?? 0n
}
