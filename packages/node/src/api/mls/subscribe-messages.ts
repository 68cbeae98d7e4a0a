import {
  SubscribeGroupMessagesRequest,
  SubscribeWelcomeMessagesRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import type { Feed } from '../../follow/feed.ts'
import type { Subscription } from '../../follow/subscription.ts'
import { maxV3Keys } from '../../limits.ts'
import { decodeRequest } from '../decode.ts'
import type { OpenStream, ServerStreamMethod } from '../method.ts'
import { admit, checkCount, refusal, type V3Services } from '../v3-services.ts'
import { cursorOf } from './page.ts'

/** MlsApi.SubscribeGroupMessages (node-api §6.6). Without filters it stays open and silent: libxmtp opens such streams. */
export function subscribeGroupMessagesMethod(services: V3Services): ServerStreamMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/SubscribeGroupMessages',
    kind: 'serverStream',
    open: async (request, call) => {
      admit(services, call)
      const { filters } = decodeRequest(SubscribeGroupMessagesRequest, request)
      checkFilters(filters.length)
      services.metrics.subscribed(filters.length, call.headers)
      return follow(
        services.groupFeed,
        filters.map(({ groupId, idCursor }) => ({
          topic: v3.mlsTopic({ kind: 'group', id: groupId }),
          idCursor,
        })),
      )
    },
  }
}

/** MlsApi.SubscribeWelcomeMessages (node-api §6.6). */
export function subscribeWelcomeMessagesMethod(services: V3Services): ServerStreamMethod {
  return {
    path: '/xmtp.mls.api.v1.MlsApi/SubscribeWelcomeMessages',
    kind: 'serverStream',
    open: async (request, call) => {
      admit(services, call)
      const { filters } = decodeRequest(SubscribeWelcomeMessagesRequest, request)
      if (filters.length === 0) throw refusal('node.v3.none', 'no valid filters provided')
      if (filters.some(({ installationKey }) => installationKey.length === 0))
        throw refusal('node.v3.keyMissing', 'a filter is nil or installation key is empty')
      checkFilters(filters.length)
      services.metrics.subscribed(filters.length, call.headers)
      return follow(
        services.welcomeFeed,
        filters.map(({ installationKey, idCursor }) => ({
          topic: v3.mlsTopic({ kind: 'welcome', id: installationKey }),
          idCursor,
        })),
      )
    },
  }
}

function checkFilters(count: number): void {
  checkCount(count, { max: maxV3Keys, what: 'filters in single stream' })
}

/**
 * Everything of each topic behind its cursor, then what comes. A cursor ahead of the log is of another one: such a
 * client gets what is new here.
 */
function follow(
  feed: Feed,
  filters: readonly { readonly topic: string; readonly idCursor: bigint }[],
): OpenStream {
  const cursors = new Map<string, number>()
  for (const { topic, idCursor } of filters) {
    const cursor = Math.min(cursorOf(idCursor), feed.position)
    // Asked for twice, it is followed from the earlier place.
    cursors.set(topic, Math.min(cursor, cursors.get(topic) ?? cursor))
  }
  const after = Math.min(feed.position, ...cursors.values())
  const subscription = feed.subscribe({ topics: [...cursors.keys()], after, cursors })
  return {
    headers: { subscribed: 'true' },
    batches: batchesOf(subscription),
    close: () => subscription.close(),
  }
}

async function* batchesOf(subscription: Subscription): OpenStream['batches'] {
  for await (const batch of subscription.batches())
    yield batch.map(({ delivery }) => delivery.bytes)
}
