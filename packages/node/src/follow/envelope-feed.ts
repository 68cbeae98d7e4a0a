import { maxRememberedEphemeral } from '../limits.ts'
import type { CheckedEnvelope, EnvelopeLog, LoggedEnvelope } from '../log/log.ts'
import type { Logger } from '../logger.ts'
import { deliveryOf } from './delivery.ts'
import { openFeed, type Feed } from './feed.ts'
import type { Followed } from './followed.ts'

/** The feed of V1 and V2. */
export type EnvelopeFeed = Omit<Feed, 'relay' | 'settled'> & {
  /** Hands an ephemeral envelope to present subscribers, once for exact duplicates (B17). */
  relay(envelope: CheckedEnvelope): void
}

const everyTopicPrefix = '/xmtp/0/'

export async function createFeed(log: EnvelopeLog, logger: Logger): Promise<EnvelopeFeed> {
  const followed: Followed<LoggedEnvelope> = {
    head: () => log.head(),
    onAppend: (wake) => log.onAppend(wake),
    read: ({ topics, ...range }) =>
      log.read({ ...range, topics: topics === 'all' ? 'all' : [...topics.keys()] }),
    deliver: deliveryOf,
    isOfEveryTopic: (topic) => topic.startsWith(everyTopicPrefix),
  }
  const feed = await openFeed(followed, logger)
  const relayed = new Set<string>()
  return {
    subscribe: (options) => feed.subscribe(options),
    relay: (envelope) => {
      const key = `${envelope.timestampNs} ${Buffer.from(envelope.digest).toString('latin1')}`
      if (relayed.has(key)) return
      relayed.add(key)
      if (relayed.size > maxRememberedEphemeral) forgetOldest(relayed)
      feed.relay(envelope.topic, () => deliveryOf({ ...envelope, sequence: undefined }))
    },
    get position() {
      return feed.position
    },
    get subscriptions() {
      return feed.subscriptions
    },
    get topics() {
      return feed.topics
    },
    [Symbol.asyncDispose]: () => feed[Symbol.asyncDispose](),
  }
}

function forgetOldest(keys: Set<string>): void {
  for (const oldest of keys) {
    keys.delete(oldest)
    return
  }
}
