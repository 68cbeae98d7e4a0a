import { XmtpError } from '@xmtp-ts/protocol'
import { maxQueuedBytes, maxQueuedEnvelopes, maxReadEnvelopes } from '../limits.ts'
import type { Delivery } from './delivery.ts'
import type { Followed, FollowedEntry } from './followed.ts'

/** All topics of a feed, as a topic (node-api §3.6). */
export const everyTopic = '*'

/** A delivery, and the sequence up to which this subscriber then has everything. */
export type Taken = { readonly delivery: Delivery; readonly position: number }

export type TopicChange = { readonly added: readonly string[]; readonly removed: readonly string[] }

type SubscriptionParts = {
  readonly followed: Followed<FollowedEntry>
  /** How far the feed has come; synchronously exact. */
  readonly feedPosition: () => number
  readonly onTopics: (change: TopicChange) => void
  readonly onClose: () => void
}

/**
 * One subscriber's place in the log. What is live comes through a bounded queue. A subscriber that starts in the
 * past, or whose queue is full, has a gap: it reads that part from the log, up to the place where its queue goes
 * on, so that it gets everything once and in order whatever its speed (B6).
 *
 *   delivered … (gap.after, gap.until] from the log … queue … (missedAfter, …) not queued: the next gap
 */
export class Subscription {
  readonly #parts: SubscriptionParts
  /** Topic to the sequence behind which it is followed. */
  #topics = new Map<string, number>()
  #queue: Delivery[] = []
  #queuedStored = 0
  #queuedBytes = 0
  #gap: { readonly after: number; readonly until: number } | undefined
  #missedAfter: number | undefined
  #delivered = 0
  #end: { readonly error: XmtpError | undefined } | undefined
  #wake: (() => void) | undefined

  /** Made by the feed. */
  constructor(parts: SubscriptionParts) {
    this.#parts = parts
  }

  get topicCount(): number {
    return this.#topics.size
  }

  /** Begins behind a sequence of the log: the past is read from the log, then it is live. */
  start(
    topics: readonly string[],
    from: { readonly after: number; readonly cursors?: ReadonlyMap<string, number> | undefined },
  ): void {
    const { after, cursors } = from
    const until = this.#parts.feedPosition()
    this.#delivered = after
    if (after < until) this.#gap = { after, until }
    this.#follow(topics, (topic) => cursors?.get(topic) ?? after)
  }

  /** Exchanges the set of topics in one step. Topics in both sets miss nothing (B16); new ones are live. */
  replace(topics: readonly string[], after: number): void {
    if (this.#end !== undefined) return
    const since = Math.max(after, this.#parts.feedPosition())
    this.#follow(topics, () => since)
  }

  /**
   * Follows more topics from the place of the feed on; those that are followed already stay as they are.
   * @returns that place
   * @throws XmtpError `node.streams.tooMany`
   */
  add(topics: Iterable<string>): number {
    const since = this.#parts.feedPosition()
    if (this.#end !== undefined) return since
    const added = [...topics].filter((topic) => !this.#topics.has(topic))
    this.#parts.onTopics({ added, removed: [] })
    for (const topic of added) this.#topics.set(topic, since)
    return since
  }

  /** Follows a topic no longer. What is queued of it may still come. */
  remove(topic: string): void {
    if (this.#topics.delete(topic)) this.#parts.onTopics({ added: [], removed: [topic] })
  }

  /** Whether nothing waits for the reader. */
  get isDrained(): boolean {
    return this.#queue.length === 0 && this.#gap === undefined && this.#missedAfter === undefined
  }

  /** Takes what the feed has; never waits. */
  push(delivery: Delivery): void {
    if (this.#end !== undefined || !this.#wants(delivery)) return
    if (delivery.sequence === undefined) {
      if (this.#queue.length - this.#queuedStored >= maxQueuedEnvelopes) {
        this.close(
          new XmtpError('node.stream.tooSlow', 'Ephemeral envelopes do not wait for ever.', {
            details: { text: 'caller did not read all messages fast enough' },
          }),
        )
        return
      }
    } else {
      if (this.#missedAfter !== undefined) return
      if (this.#queuedStored >= maxQueuedEnvelopes || this.#queuedBytes >= maxQueuedBytes) {
        this.#missedAfter = delivery.sequence - 1
        return
      }
      this.#queuedStored += 1
      this.#queuedBytes += delivery.bytes.length
    }
    this.#queue.push(delivery)
    this.#wake?.()
  }

  /** Ends the stream, with an error or without one. What is still queued is dropped. */
  close(error?: XmtpError): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#queue = []
    this.#parts.onTopics({ added: [], removed: [...this.#topics.keys()] })
    this.#parts.onClose()
    this.#wake?.()
  }

  /**
   * Deliveries in order, in batches of what is there; ends when the subscription is closed. For one reader.
   * @throws XmtpError `node.stream.tooSlow`, `node.closing`, `node.store.unavailable`
   */
  async *batches(): AsyncGenerator<readonly Taken[], void, undefined> {
    try {
      while (this.#end === undefined) {
        const taken = await this.#take()
        if (taken.length > 0) yield taken
      }
      if (this.#end.error !== undefined) throw this.#end.error
    } finally {
      this.close()
    }
  }

  async #take(): Promise<readonly Taken[]> {
    if (this.#gap !== undefined) return this.#readGap(this.#gap)
    if (this.#queue.length > 0) return this.#takeQueue()
    if (this.#missedAfter !== undefined) {
      this.#gap = { after: this.#missedAfter, until: this.#parts.feedPosition() }
      this.#missedAfter = undefined
      return []
    }
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
    return []
  }

  #takeQueue(): readonly Taken[] {
    const queue = this.#queue
    this.#queue = []
    this.#queuedStored = 0
    this.#queuedBytes = 0
    return queue.map((delivery) => this.#taken(delivery))
  }

  async #readGap({ after, until }: { after: number; until: number }): Promise<readonly Taken[]> {
    const { followed } = this.#parts
    const topics = this.#topics.has(everyTopic) ? 'all' : this.#topics
    const page = await followed.read({ topics, after, until, limit: maxReadEnvelopes })
    const last = page.at(-1)
    if (last === undefined || last.sequence >= until) {
      this.#gap = undefined
    } else this.#gap = { after: last.sequence, until }
    const wanted = page.filter((entry) => this.#wants(entry))
    return wanted.map((entry) => this.#taken(followed.deliver(entry)))
  }

  /** The place only moves with what is stored: a token of an ephemeral envelope must not skip what comes after. */
  #taken(delivery: Delivery): Taken {
    if (delivery.sequence !== undefined) this.#delivered = delivery.sequence
    return { delivery, position: this.#delivered }
  }

  #wants({ topic, sequence }: { topic: string; sequence: number | undefined }): boolean {
    const ofAll = (): number | undefined =>
      this.#parts.followed.isOfEveryTopic(topic) ? this.#topics.get(everyTopic) : undefined
    const since = this.#topics.get(topic) ?? ofAll()
    return since !== undefined && (sequence === undefined || sequence > since)
  }

  #follow(names: readonly string[], sinceOf: (topic: string) => number): void {
    const before = this.#topics
    const hasEvery = names.includes(everyTopic)
    // Covered by `everyTopic` already; in the index twice it would be delivered twice.
    const isCovered = (name: string): boolean =>
      hasEvery && name !== everyTopic && this.#parts.followed.isOfEveryTopic(name)
    const topics = new Set(names.filter((name) => !isCovered(name)))
    this.#parts.onTopics({
      added: [...topics].filter((topic) => !before.has(topic)),
      removed: [...before.keys()].filter((topic) => !topics.has(topic)),
    })
    this.#topics = new Map([...topics].map((topic) => [topic, before.get(topic) ?? sinceOf(topic)]))
  }
}
