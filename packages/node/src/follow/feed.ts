import { XmtpError } from '@xmtp-ts/protocol'
import { maxFollowedTopics, maxOpenStreams, maxReadEnvelopes } from '../limits.ts'
import type { Logger } from '../logger.ts'
import { Subscription, everyTopic, type TopicChange } from './subscription.ts'
import type { Delivery } from './delivery.ts'
import type { Followed, FollowedEntry } from './followed.ts'

export type SubscribeOptions = {
  /** `*` stands for everything of the feed. */
  readonly topics: readonly string[]
  /** Deliver what was appended behind this sequence; at most the head. */
  readonly after: number
  /** Where single topics begin instead; `after` is then the smallest of them. */
  readonly cursors?: ReadonlyMap<string, number>
}

/**
 * The one follower of the log that serves all live subscribers: reads what is new after a wake-up and hands it to
 * the subscribers of its topic, so that an envelope costs what its own subscribers cost (B5).
 */
export type Feed = AsyncDisposable & {
  /** @throws XmtpError `node.streams.tooMany`, `node.closing` */
  subscribe(options: SubscribeOptions): Subscription
  /** Hands something that is not stored to the present subscribers of its topic. */
  relay(topic: string, makeDelivery: () => Delivery): void
  /** The sequence up to which live subscribers have been served. */
  readonly position: number
  readonly subscriptions: number
  readonly topics: number
  /** Resolves when subscribers have been handed what is appended by now. */
  settled(): Promise<void>
}

export async function openFeed<Entry extends FollowedEntry>(
  followed: Followed<Entry>,
  logger: Logger,
): Promise<Feed> {
  return new LogFeed({ followed, logger, position: await followed.head() })
}

class LogFeed<Entry extends FollowedEntry> implements Feed {
  readonly #followed: Followed<Entry>
  readonly #logger: Logger
  readonly #byTopic = new Map<string, Set<Subscription>>()
  readonly #ofAll = new Set<Subscription>()
  readonly #open = new Set<Subscription>()
  readonly #wake: Disposable
  /** Topics of all subscriptions together, each as often as it is followed. */
  #followedTopics = 0
  #position: number
  #pumping: Promise<void> | undefined
  #isDirty = false
  #isClosed = false

  constructor(options: { followed: Followed<Entry>; logger: Logger; position: number }) {
    this.#followed = options.followed
    this.#logger = options.logger
    this.#position = options.position
    this.#wake = options.followed.onAppend(() => this.#onWake())
  }

  get position(): number {
    return this.#position
  }

  get subscriptions(): number {
    return this.#open.size
  }

  get topics(): number {
    return this.#byTopic.size
  }

  subscribe({ topics, after, cursors }: SubscribeOptions): Subscription {
    if (this.#isClosed) throw new XmtpError('node.closing', 'The node is shutting down.')
    if (this.#open.size >= maxOpenStreams)
      throw new XmtpError('node.streams.tooMany', `${maxOpenStreams} streams are open.`)
    const subscription = new Subscription({
      followed: this.#followed,
      feedPosition: () => this.#position,
      onTopics: (change) => this.#index(subscription, change),
      onClose: () => this.#open.delete(subscription),
    })
    subscription.start(topics, { after, cursors })
    this.#open.add(subscription)
    return subscription
  }

  async settled(): Promise<void> {
    await this.#pumping
  }

  relay(topic: string, makeDelivery: () => Delivery): void {
    this.#dispatch(topic, makeDelivery)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#wake[Symbol.dispose]()
    await this.#pumping
    for (const subscription of this.#open)
      subscription.close(
        new XmtpError('node.closing', 'The node is shutting down.', {
          details: { text: 'service is shutting down' },
        }),
      )
  }

  #onWake(): void {
    this.#isDirty = true
    this.#pumping ??= this.#pump()
  }

  async #pump(): Promise<void> {
    // Lets the caller keep the promise before anything here can take it away.
    await Promise.resolve()
    while (this.#isDirty && !this.#isClosed) {
      this.#isDirty = false
      try {
        await this.#catchUp()
      } catch (error) {
        // The next append wakes us again and the position has not moved: late, not lost.
        this.#logger.error('follow.read', { error })
      }
    }
    // In the same step as the last look at the flag: a wake-up in between would be lost.
    this.#pumping = undefined
  }

  async #catchUp(): Promise<void> {
    const until = await this.#followed.head()
    while (this.#position < until) {
      if (this.#open.size === 0) {
        this.#position = until
        return
      }
      const page = await this.#followed.read({
        topics: 'all',
        after: this.#position,
        until,
        limit: maxReadEnvelopes,
      })
      for (const entry of page) {
        this.#position = entry.sequence
        this.#dispatch(entry.topic, () => this.#followed.deliver(entry))
      }
      if (page.length === 0) this.#position = until
    }
  }

  #dispatch(topic: string, makeDelivery: () => Delivery): void {
    const ofTopic = this.#byTopic.get(topic)
    const isPublic = this.#ofAll.size > 0 && this.#followed.isOfEveryTopic(topic)
    const ofAll = isPublic ? this.#ofAll : undefined
    if (ofTopic === undefined && ofAll === undefined) return
    const delivery = makeDelivery()
    for (const subscription of ofTopic ?? []) subscription.push(delivery)
    for (const subscription of ofAll ?? []) subscription.push(delivery)
  }

  #index(subscription: Subscription, { added, removed }: TopicChange): void {
    const grownBy = added.length - removed.length
    if (grownBy > 0 && this.#followedTopics + grownBy > maxFollowedTopics)
      throw new XmtpError('node.streams.tooMany', `${maxFollowedTopics} topics are followed.`)
    this.#followedTopics += grownBy
    for (const topic of removed) {
      const followers = this.#followersOf(topic)
      followers.delete(subscription)
      if (followers.size === 0) this.#byTopic.delete(topic)
    }
    for (const topic of added) {
      const followers = this.#followersOf(topic)
      followers.add(subscription)
      if (topic !== everyTopic) this.#byTopic.set(topic, followers)
    }
  }

  #followersOf(topic: string): Set<Subscription> {
    return topic === everyTopic ? this.#ofAll : (this.#byTopic.get(topic) ?? new Set())
  }
}
