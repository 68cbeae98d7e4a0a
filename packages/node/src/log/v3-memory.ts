import { XmtpError } from '@xmtp-ts/protocol'
import { maxMemoryLogBytes, maxPageBytes, maxReadBytes } from '../limits.ts'
import type { Appended } from './log.ts'
import { mergeTopics } from './merge.ts'
import { takeBytes } from './take-bytes.ts'
import { nextPlace, type Clock } from './v3-place.ts'
import type {
  IdentityStore,
  StoredState,
  V3Entry,
  V3Item,
  V3Log,
  V3Page,
  V3PageResult,
  V3Read,
  V3Store,
} from './v3-store.ts'

/** Opens an empty store that lives as long as the process; for tests and for trying things out. */
export function openMemoryV3Store(options: { readonly maxBytes?: number } = {}): V3Store {
  // One budget for everything.
  let bytesLeft = options.maxBytes ?? maxMemoryLogBytes
  const take: TakeBytes = (bytes) => {
    if (bytes > bytesLeft)
      throw new XmtpError('node.store.unavailable', 'The memory for V3 is used up.')
    bytesLeft -= bytes
  }
  const keyPackages = new Map<string, Uint8Array>()
  const identityLog = new MemoryV3Log(take)
  return {
    groupMessages: new MemoryV3Log(take),
    welcomes: new MemoryV3Log(take),
    commitLog: new MemoryV3Log(take),
    keyPackages: {
      async put(installationKey, keyPackage) {
        const key = hex(installationKey)
        take(keyPackage.length - (keyPackages.get(key)?.length ?? 0))
        keyPackages.set(key, new Uint8Array(keyPackage))
      },
      get: async (installationKeys) => installationKeys.map((key) => keyPackages.get(hex(key))),
    },
    identity: memoryIdentity(identityLog),
    async [Symbol.asyncDispose]() {},
  }
}

type TakeBytes = (bytes: number) => void

class MemoryV3Log implements V3Log {
  readonly #take: TakeBytes
  readonly #all: V3Entry[] = []
  readonly #topics = new Map<string, V3Entry[]>()
  readonly #sequences = new Map<string, number>()
  readonly #wakes = new Set<() => void>()
  #clock: Clock = { sequence: 0, createdUs: 0 }

  constructor(take: TakeBytes) {
    this.#take = take
  }

  async append(items: readonly V3Item[], nowMs: number): Promise<readonly Appended[]> {
    return this.appendNow(items, nowMs)
  }

  appendNow(items: readonly V3Item[], nowMs: number): readonly Appended[] {
    const fresh = new Map<string, V3Entry>()
    let clock = this.#clock
    const appended = items.map((item): Appended => {
      const key = itemKey(item)
      const there = this.#sequences.get(key) ?? fresh.get(key)?.sequence
      if (there !== undefined) return { sequence: there, isNew: false }
      const next = nextPlace(clock, nowMs)
      clock = next.clock
      const { sequence } = clock
      fresh.set(key, { sequence, topic: item.topic, payload: item.encode(next.place) })
      return { sequence, isNew: true }
    })
    // All or none: nothing below this line fails.
    this.#take([...fresh.values()].reduce((sum, { payload }) => sum + payload.length, 0))
    this.#clock = clock
    for (const [key, entry] of fresh) this.#insert(key, entry)
    if (fresh.size > 0) for (const wake of this.#wakes) wake()
    return appended
  }

  has(topic: string, digest: Uint8Array): boolean {
    return this.#sequences.has(itemKey({ topic, digest }))
  }

  async page({ topic, cursor, direction, limit }: V3Page): Promise<V3PageResult> {
    const ofTopic = this.#topics.get(topic) ?? []
    const from = firstAfter(ofTopic, cursor)
    const to = cursor === 0 ? ofTopic.length : firstAfter(ofTopic, cursor - 1)
    const found =
      direction === 'ascending'
        ? ofTopic.slice(from, from + limit)
        : ofTopic.slice(Math.max(0, to - limit), to).toReversed()
    const entries = takeBytes(found, maxPageBytes)
    return { entries, isFull: found.length === limit || entries.length < found.length }
  }

  async read({ topics, after, until, limit }: V3Read): Promise<readonly V3Entry[]> {
    const range = (entries: readonly V3Entry[], first: number, last: number) => {
      const from = firstAfter(entries, first)
      return entries.slice(from, Math.min(firstAfter(entries, last), from + limit))
    }
    if (topics === 'all') return takeBytes(range(this.#all, after, until), maxReadBytes)
    const found = await mergeTopics<V3Entry, number>({
      topics: [...topics.keys()],
      limit,
      bounds: until,
      fetch: (topic, last) =>
        range(this.#topics.get(topic) ?? [], Math.max(after, topics.get(topic) ?? 0), last),
      compare: (a, b) => a.sequence - b.sequence,
      narrow: (_, { sequence }) => sequence - 1,
    })
    return takeBytes(found, maxReadBytes)
  }

  async newest(topics: readonly string[]): Promise<readonly (V3Entry | undefined)[]> {
    return topics.map((topic) => this.#topics.get(topic)?.at(-1))
  }

  async head(): Promise<number> {
    return this.#clock.sequence
  }

  onAppend(wake: () => void): Disposable {
    this.#wakes.add(wake)
    return { [Symbol.dispose]: () => this.#wakes.delete(wake) }
  }

  #insert(key: string, entry: V3Entry): void {
    this.#sequences.set(key, entry.sequence)
    this.#all.push(entry)
    const ofTopic = this.#topics.get(entry.topic)
    if (ofTopic === undefined) this.#topics.set(entry.topic, [entry])
    else ofTopic.push(entry)
  }
}

function memoryIdentity(log: MemoryV3Log): IdentityStore {
  const states = new Map<string, StoredState>()
  /** By identifier, the inboxes it is in, each with the sequence of its addition. */
  const inboxes = new Map<string, Map<string, number>>()
  return {
    log,
    has: async (topic, digest) => log.has(topic, digest),
    stateOf: async (topic) => states.get(topic),
    async append({ item, after, state, added, removed, inboxId }, nowMs) {
      if ((states.get(item.topic)?.sequence ?? 0) !== after) return undefined
      if (log.has(item.topic, item.digest)) return undefined
      const [appended] = log.appendNow([item], nowMs)
      if (appended === undefined) return undefined
      const { sequence } = appended
      states.set(item.topic, { sequence, state })
      for (const name of removed) inboxes.get(name)?.delete(inboxId)
      for (const name of added) {
        const ofName = inboxes.get(name) ?? new Map<string, number>()
        inboxes.set(name, ofName.set(inboxId, sequence))
      }
      return sequence
    },
    inboxesOf: async (identifiers) =>
      identifiers.map((name) => {
        const newestFirst = [...(inboxes.get(name) ?? [])].toSorted((a, b) => b[1] - a[1])
        return newestFirst[0]?.[0]
      }),
  }
}

function itemKey({ topic, digest }: Pick<V3Item, 'topic' | 'digest'>): string {
  return `${topic} ${Buffer.from(digest).toString('latin1')}`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** The index of the first entry behind a sequence. */
function firstAfter(entries: readonly V3Entry[], sequence: number): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = entries[middle]
    if (entry !== undefined && entry.sequence > sequence) high = middle
    else low = middle + 1
  }
  return low
}
