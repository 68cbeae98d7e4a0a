import { XmtpError } from '@xmtp-ts/protocol'
import { maxOpenStreams, maxReadEnvelopes, maxRememberedEphemeral } from '../limits.ts'
import type { CheckedEnvelope, EnvelopeLog } from '../log/log.ts'
import type { Logger } from '../logger.ts'
import { deliveryOf } from './delivery.ts'
import { everyTopic, isOfEveryTopic, Subscription, type TopicChange } from './subscription.ts'

export type SubscribeOptions = {
  /** `*` stands for everything of V1 and V2. */
  readonly topics: readonly string[]
  /** Deliver what was appended behind this sequence; at most the head. */
  readonly after: number
}

/**
 * The one follower of the log that serves all live subscribers: reads what is new after a wake-up and hands it to
 * the subscribers of its topic, so that an envelope costs what its own subscribers cost (B5).
 */
export type Feed = AsyncDisposable & {
  /** @throws XmtpError `node.streams.tooMany`, `node.closing` */
  subscribe(options: SubscribeOptions): Subscription
  /** Hands an ephemeral envelope to present subscribers, once for exact duplicates (B17). */
  relay(envelope: CheckedEnvelope): void
  /** The sequence up to which live subscribers have been served. */
  readonly position: number
  readonly subscriptions: number
  readonly topics: number
}

export async function createFeed(log: EnvelopeLog, logger: Logger): Promise<Feed> {
  return new LogFeed({ log, logger, position: await log.head() })
}

class LogFeed implements Feed {
  readonly #log: EnvelopeLog
  readonly #logger: Logger
  readonly #byTopic = new Map<string, Set<Subscription>>()
  readonly #ofAll = new Set<Subscription>()
  readonly #open = new Set<Subscription>()
  readonly #relayed = new Set<string>()
  readonly #wake: Disposable
  #position: number
  #pumping: Promise<void> | undefined
  #isDirty = false
  #isClosed = false

  constructor(options: { log: EnvelopeLog; logger: Logger; position: number }) {
    this.#log = options.log
    this.#logger = options.logger
    this.#position = options.position
    this.#wake = options.log.onAppend(() => this.#onWake())
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

  subscribe({ topics, after }: SubscribeOptions): Subscription {
    if (this.#isClosed) throw new XmtpError('node.closing', 'The node is shutting down.')
    if (this.#open.size >= maxOpenStreams)
      throw new XmtpError('node.streams.tooMany', `${maxOpenStreams} streams are open.`)
    const subscription = new Subscription({
      log: this.#log,
      feedPosition: () => this.#position,
      onTopics: (change) => this.#index(subscription, change),
      onClose: () => this.#open.delete(subscription),
    })
    this.#open.add(subscription)
    subscription.start(topics, after)
    return subscription
  }

  relay(envelope: CheckedEnvelope): void {
    const key = `${envelope.timestampNs} ${Buffer.from(envelope.digest).toString('latin1')}`
    if (this.#relayed.has(key)) return
    this.#relayed.add(key)
    if (this.#relayed.size > maxRememberedEphemeral)
      for (const oldest of this.#relayed) {
        this.#relayed.delete(oldest)
        break
      }
    this.#dispatch({ ...envelope, sequence: undefined })
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
    const until = await this.#log.head()
    while (this.#position < until) {
      if (this.#open.size === 0) {
        this.#position = until
        return
      }
      const page = await this.#log.read({
        topics: 'all',
        after: this.#position,
        until,
        limit: maxReadEnvelopes,
      })
      for (const envelope of page) {
        this.#position = envelope.sequence
        this.#dispatch(envelope)
      }
      if (page.length === 0) this.#position = until
    }
  }

  #dispatch(envelope: Parameters<typeof deliveryOf>[0]): void {
    const ofTopic = this.#byTopic.get(envelope.topic)
    const ofAll = isOfEveryTopic(envelope.topic) && this.#ofAll.size > 0 ? this.#ofAll : undefined
    if (ofTopic === undefined && ofAll === undefined) return
    const delivery = deliveryOf(envelope)
    for (const subscription of ofTopic ?? []) subscription.push(delivery)
    for (const subscription of ofAll ?? []) subscription.push(delivery)
  }

  #index(subscription: Subscription, { added, removed }: TopicChange): void {
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
