import { randomBytes } from 'node:crypto'
import { XmtpError } from '@xmtp-ts/protocol'
import { maxMemoryLogBytes, maxReadBytes } from '../limits.ts'
import type {
  Appended,
  CheckedEnvelope,
  EnvelopeLog,
  LoggedEnvelope,
  LogHealth,
  LogPage,
  LogQuery,
  LogRead,
} from './log.ts'
import { mergeTopics } from './merge.ts'
import { legacyDigest, positionBounds, positionOf, type PositionBounds } from './position.ts'
import { takeBytes } from './take-bytes.ts'

type Entry = LoggedEnvelope & {
  readonly position: Buffer
  readonly receivedMs: number
  readonly expires: boolean
}

/** A topic's entries twice: in the order of queries and in the order of the log. */
type Topic = { readonly byPosition: Entry[]; readonly bySequence: Entry[] }

/** Opens an empty log that lives as long as the process; for tests and for trying things out. */
export function openMemoryLog(options: { readonly maxBytes?: number } = {}): EnvelopeLog {
  return new MemoryLog(options.maxBytes ?? maxMemoryLogBytes)
}

class MemoryLog implements EnvelopeLog {
  readonly id: Uint8Array = randomBytes(8)
  readonly #maxBytes: number
  readonly #topics = new Map<string, Topic>()
  readonly #wakes = new Set<() => void>()
  #all: Entry[] = []
  #bytes = 0
  #head = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  async append(envelopes: readonly CheckedEnvelope[]): Promise<readonly Appended[]> {
    const size = envelopes.reduce((sum, { payload }) => sum + payload.length, 0)
    if (this.#bytes + size > this.#maxBytes)
      throw new XmtpError('node.store.unavailable', 'The memory for envelopes is used up.')
    const appended = envelopes.map((envelope) => this.#insert(envelope))
    if (appended.some(({ isNew }) => isNew)) for (const wake of this.#wakes) wake()
    return appended
  }

  async query(query: LogQuery): Promise<LogPage> {
    const descending = query.direction === 'descending'
    const legacy = legacyDigest(query)
    const found = await mergeTopics<Entry, PositionBounds>({
      topics: query.topics,
      limit: query.limit,
      bounds: positionBounds(query),
      fetch: (topic, bounds) => {
        const entries = this.#topics.get(topic)?.byPosition ?? []
        const from = firstIndex(entries, (entry) => isAbove(entry.position, bounds.above))
        const to = firstIndex(entries, (entry) => !isAbove(bounds.below, entry.position))
        if (legacy !== undefined) {
          const rest = entries
            .slice(from, to)
            .filter(({ digest }) => Buffer.compare(digest, legacy) * (descending ? -1 : 1) > 0)
          return (descending ? rest.toReversed() : rest).slice(0, query.limit)
        }
        return descending
          ? entries.slice(Math.max(from, to - query.limit), to).toReversed()
          : entries.slice(from, Math.min(to, from + query.limit))
      },
      compare: (a, b) => Buffer.compare(a.position, b.position) * (descending ? -1 : 1),
      narrow: ({ above, below }, { position }) =>
        descending ? { above: position, below } : { above, below: position },
    })
    const envelopes = takeBytes(found, query.maxBytes)
    return { envelopes, isFull: found.length === query.limit || envelopes.length < found.length }
  }

  async read({ topics, after, until, limit }: LogRead): Promise<readonly LoggedEnvelope[]> {
    const range = (entries: readonly Entry[], last: number): readonly Entry[] => {
      const from = firstIndex(entries, ({ sequence }) => sequence > after)
      const to = firstIndex(entries, ({ sequence }) => sequence > last)
      return entries.slice(from, Math.min(to, from + limit))
    }
    const found =
      topics === 'all'
        ? range(this.#all, until)
        : await mergeTopics<Entry, number>({
            topics,
            limit,
            bounds: until,
            fetch: (topic, last) => range(this.#topics.get(topic)?.bySequence ?? [], last),
            compare: (a, b) => a.sequence - b.sequence,
            narrow: (_, { sequence }) => sequence - 1,
          })
    return takeBytes(found, maxReadBytes)
  }

  async head(): Promise<number> {
    return this.#head
  }

  onAppend(wake: () => void): Disposable {
    this.#wakes.add(wake)
    return { [Symbol.dispose]: () => this.#wakes.delete(wake) }
  }

  async prune(beforeMs: number, limit: number): Promise<number> {
    const expired = new Set(
      this.#all.filter((entry) => entry.expires && entry.receivedMs < beforeMs).slice(0, limit),
    )
    const isKept = (entry: Entry): boolean => !expired.has(entry)
    this.#all = this.#all.filter(isKept)
    for (const name of new Set([...expired].map(({ topic }) => topic))) {
      const topic = this.#topics.get(name)
      const kept = (topic?.bySequence ?? []).filter(isKept)
      if (kept.length === 0) this.#topics.delete(name)
      else
        this.#topics.set(name, {
          bySequence: kept,
          byPosition: (topic?.byPosition ?? []).filter(isKept),
        })
    }
    for (const { payload } of expired) this.#bytes -= payload.length
    return expired.size
  }

  async count(): Promise<number> {
    return this.#all.length
  }

  async health(): Promise<LogHealth> {
    return { ok: true }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wakes.clear()
  }

  #insert(envelope: CheckedEnvelope): Appended {
    const { topic: name, timestampNs, payload, digest, receivedMs, expires } = envelope
    const topic = this.#topics.get(name) ?? { byPosition: [], bySequence: [] }
    this.#topics.set(name, topic)
    const position = positionOf(timestampNs, digest)
    const index = firstIndex(topic.byPosition, (entry) => !isAbove(position, entry.position))
    const there = topic.byPosition[index]
    if (there !== undefined && there.position.equals(position))
      return { sequence: there.sequence, isNew: false }
    this.#head += 1
    const sequence = this.#head
    const entry = {
      sequence,
      topic: name,
      timestampNs,
      // A copy: the payload is a view into the whole request, which would be kept with it.
      payload: new Uint8Array(payload),
      digest,
      position,
      receivedMs,
      expires,
    }
    topic.byPosition.splice(index, 0, entry)
    topic.bySequence.push(entry)
    this.#all.push(entry)
    this.#bytes += payload.length
    return { sequence, isNew: true }
  }
}

function isAbove(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) > 0
}

/** The first index whose entry passes; entries that pass come after all that do not. */
function firstIndex<T>(entries: readonly T[], passes: (entry: T) => boolean): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = entries[middle]
    if (entry !== undefined && passes(entry)) high = middle
    else low = middle + 1
  }
  return low
}
