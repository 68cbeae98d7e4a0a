import { maxGatedBytes, maxReadEnvelopes } from '../limits.ts'
import type { V3Log } from '../log/v3-store.ts'
import type { Delivery } from './delivery.ts'
import type { Feed } from './feed.ts'
import type { Subscription, Taken } from './subscription.ts'

/** A topic as one stream follows it. */
type FollowedTopic = {
  /** The newest sequence that the caller has: by its cursor, or from us. */
  position: number
  /** What catches it up; undefined when it is live. */
  replay: LiveReplay | undefined
}

/** What a replay has next. The last part may be empty. */
export type Replayed = { readonly messages: readonly Uint8Array[]; readonly isLast: boolean }

/** Catches topics up, in log order. For one reader. */
export type Replay = {
  /** @throws XmtpError `node.store.unavailable` */
  next(): Promise<Replayed>
}

export type LaneParts = {
  readonly feed: Feed
  readonly log: Pick<V3Log, 'head' | 'read'>
  /** Something may be there to take. */
  readonly onWake: () => void
}

/**
 * The messages of one kind on one stream whose topics change while it is open (XIP-83). A topic that is added is
 * followed at once and read from the log up to that place; what arrives meanwhile waits, and goes out as the end of
 * the replay. From then on the topic is live. So each message comes once and the live ones of all topics come in one
 * ascending order.
 *
 *   cursor … from the log … (until) … what waited, or the log again when it was too much … live
 */
export class Lane {
  readonly #parts: LaneParts
  readonly #subscription: Subscription
  readonly #batches: AsyncIterator<readonly Taken[]>
  readonly #topics = new Map<string, FollowedTopic>()
  #ready: readonly Taken[] | undefined
  #failure: { readonly error: unknown } | undefined
  /** The newest sequence that came live, delivered or not. */
  #seen: number
  #gatedBytes = 0

  /** @throws XmtpError `node.streams.tooMany`, `node.closing` */
  constructor(parts: LaneParts) {
    this.#parts = parts
    this.#seen = parts.feed.position
    this.#subscription = parts.feed.subscribe({ topics: [], after: parts.feed.position })
    this.#batches = this.#subscription.batches()
    this.#pump()
  }

  get topicCount(): number {
    return this.#topics.size
  }

  has(topic: string): boolean {
    return this.#topics.has(topic)
  }

  /** Whether a caller with everything up to `cursor` gets the rest of the topic anyway. */
  isCovered(topic: string, cursor: number): boolean {
    const followed = this.#topics.get(topic)
    return followed !== undefined && cursor >= followed.position
  }

  /** A cursor ahead of the log is of another log: its owner gets what is new here. */
  clamp(cursor: number): number {
    return Math.min(cursor, this.#parts.feed.position)
  }

  remove(topic: string): void {
    this.#topics.delete(topic)
    this.#subscription.remove(topic)
  }

  /**
   * Follows topics, each from behind its cursor on. A topic in an earlier replay moves to this one.
   * @throws XmtpError `node.streams.tooMany`
   */
  follow(cursors: ReadonlyMap<string, number>): Replay {
    const until = this.#subscription.add(cursors.keys())
    const replay = new LiveReplay({ log: this.#parts.log, cursors, until, gate: this.#gate() })
    for (const [topic, position] of cursors) this.#topics.set(topic, { position, replay })
    return replay
  }

  /** Reads topics up to where the log is now, without following them. */
  readOnly(cursors: ReadonlyMap<string, number>): Replay {
    const { log } = this.#parts
    let range: { after: number; readonly until: number } | undefined
    return {
      next: async () => {
        range ??= { after: Math.min(...cursors.values()), until: await log.head() }
        const { after, until } = range
        if (after >= until) return { messages: [], isLast: true }
        const page = await log.read({ topics: cursors, after, until, limit: maxReadEnvelopes })
        range.after = page.at(-1)?.sequence ?? until
        const wanted = page.filter(({ topic, sequence }) => isBehind(cursors.get(topic), sequence))
        return { messages: wanted.map(({ payload }) => payload), isLast: range.after >= until }
      },
    }
  }

  /** The live messages that are there; those of topics in a replay go to it. Throws what ended the subscription. */
  takeLive(): readonly Uint8Array[] {
    if (this.#failure !== undefined) throw this.#failure.error
    const ready = this.#ready
    if (ready === undefined) return []
    this.#ready = undefined
    this.#pump()
    const live: Uint8Array[] = []
    for (const { delivery } of ready) if (this.#isLive(delivery)) live.push(delivery.bytes)
    return live
  }

  /** Resolves with whether everything that was appended before has been taken. */
  async isDrained(): Promise<boolean> {
    await this.#parts.feed.settled()
    return this.#ready === undefined && this.#subscription.isDrained
  }

  close(): void {
    this.#subscription.close()
    this.#topics.clear()
  }

  #isLive(delivery: Delivery): boolean {
    const { sequence = 0, topic } = delivery
    this.#seen = Math.max(this.#seen, sequence)
    const followed = this.#topics.get(topic)
    if (followed === undefined || sequence <= followed.position) return false
    if (followed.replay !== undefined) {
      followed.replay.hold(delivery)
      return false
    }
    followed.position = sequence
    return true
  }

  #pump(): void {
    const pump = async (): Promise<void> => {
      try {
        const { value, done } = await this.#batches.next()
        if (done !== true) this.#ready = value
      } catch (error) {
        this.#failure = { error }
      }
      this.#parts.onWake()
    }
    void pump()
  }

  #gate(): Gate {
    return {
      seen: () => this.#seen,
      take: (bytes) => {
        if (this.#gatedBytes + bytes > maxGatedBytes) return false
        this.#gatedBytes += bytes
        return true
      },
      give: (bytes) => {
        this.#gatedBytes -= bytes
      },
      claim: (replay, { topic, sequence }) => {
        const followed = this.#topics.get(topic)
        if (followed?.replay !== replay || sequence <= followed.position) return false
        followed.position = sequence
        return true
      },
      release: (replay, topics) => {
        for (const topic of topics) {
          const followed = this.#topics.get(topic)
          if (followed?.replay === replay) followed.replay = undefined
        }
      },
    }
  }
}

/** What a replay knows of its lane. */
type Gate = {
  readonly seen: () => number
  /** Room for what waits; false when there is none left. */
  readonly take: (bytes: number) => boolean
  readonly give: (bytes: number) => void
  /** Whether a message is this replay's to deliver. Its topic may have been removed, or moved to another replay. */
  readonly claim: (replay: LiveReplay, message: { topic: string; sequence: number }) => boolean
  /** Topics that are still with this replay go live. */
  readonly release: (replay: LiveReplay, topics: Iterable<string>) => void
}

class LiveReplay implements Replay {
  readonly #log: Pick<V3Log, 'read'>
  readonly #cursors: ReadonlyMap<string, number>
  readonly #gate: Gate
  #after: number
  #until: number
  #held: Delivery[] = []
  #heldBytes = 0
  #isOverflown = false

  constructor(options: {
    readonly log: Pick<V3Log, 'read'>
    readonly cursors: ReadonlyMap<string, number>
    readonly until: number
    readonly gate: Gate
  }) {
    this.#log = options.log
    this.#cursors = options.cursors
    this.#gate = options.gate
    this.#after = Math.min(...options.cursors.values())
    this.#until = options.until
  }

  /** Keeps a live message until the log has been read. */
  hold(delivery: Delivery): void {
    if ((delivery.sequence ?? 0) <= this.#until || this.#isOverflown) return
    const { length } = delivery.bytes
    if (this.#gate.take(length)) {
      this.#held.push(delivery)
      this.#heldBytes += length
      return
    }
    this.#takeHeld()
    this.#isOverflown = true
  }

  async next(): Promise<Replayed> {
    if (this.#after < this.#until) return { messages: await this.#readLog(), isLast: false }
    if (this.#isOverflown) {
      // What was let go is in the log, up to the newest that came live.
      this.#isOverflown = false
      this.#until = this.#gate.seen()
      return { messages: [], isLast: false }
    }
    // In one step, so that nothing can come between what waited and what is live.
    const held = this.#takeHeld().map(({ topic, sequence = 0, bytes }) => ({
      topic,
      sequence,
      payload: bytes,
    }))
    const messages = this.#claimed(held)
    this.#gate.release(this, this.#cursors.keys())
    return { messages, isLast: true }
  }

  async #readLog(): Promise<readonly Uint8Array[]> {
    const page = await this.#log.read({
      topics: this.#cursors,
      after: this.#after,
      until: this.#until,
      limit: maxReadEnvelopes,
    })
    this.#after = page.at(-1)?.sequence ?? this.#until
    return this.#claimed(page)
  }

  #claimed(
    entries: readonly { topic: string; sequence: number; payload: Uint8Array }[],
  ): readonly Uint8Array[] {
    return entries.filter((entry) => this.#gate.claim(this, entry)).map(({ payload }) => payload)
  }

  #takeHeld(): readonly Delivery[] {
    const held = this.#held
    this.#gate.give(this.#heldBytes)
    this.#held = []
    this.#heldBytes = 0
    return held
  }
}

function isBehind(cursor: number | undefined, sequence: number): boolean {
  return cursor !== undefined && sequence > cursor
}
