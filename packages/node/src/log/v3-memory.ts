import { XmtpError } from '@xmtp-ts/protocol'
import { maxMemoryLogBytes, maxPageBytes, maxReadBytes } from '../limits.ts'
import type { Appended } from './log.ts'
import { mergeTopics } from './merge.ts'
import { takeBytes } from './take-bytes.ts'
import { nextPlace, type Clock } from './v3-place.ts'
import type {
  IdentityStore,
  KeyPackageStore,
  Pruned,
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
  const identityLog = new MemoryV3Log(take)
  return {
    groupMessages: new MemoryV3Log(take),
    welcomes: new MemoryV3Log(take),
    commitLog: new MemoryV3Log(take),
    keyPackages: memoryKeyPackages(take),
    identity: memoryIdentity(identityLog),
    async [Symbol.asyncDispose]() {},
  }
}

type TakeBytes = (bytes: number) => void

type MemoryEntry = V3Entry & {
  readonly key: string
  readonly createdUs: number
  readonly expires: boolean
}

class MemoryV3Log implements V3Log {
  readonly #take: TakeBytes
  #all: MemoryEntry[] = []
  readonly #topics = new Map<string, MemoryEntry[]>()
  readonly #sequences = new Map<string, number>()
  readonly #wakes = new Set<() => void>()
  #clock: Clock = { sequence: 0, createdUs: 0 }
  #prunedTo = 0

  constructor(take: TakeBytes) {
    this.#take = take
  }

  async append(items: readonly V3Item[], nowMs: number): Promise<readonly Appended[]> {
    return this.appendNow(items, nowMs)
  }

  appendNow(items: readonly V3Item[], nowMs: number): readonly Appended[] {
    const fresh = new Map<string, MemoryEntry>()
    let clock = this.#clock
    const appended = items.map((item): Appended => {
      const key = itemKey(item)
      const there = this.#sequences.get(key) ?? fresh.get(key)?.sequence
      if (there !== undefined) return { sequence: there, isNew: false }
      const next = nextPlace(clock, nowMs)
      clock = next.clock
      const { sequence, createdUs } = clock
      const { topic, expires = false } = item
      const payload = item.encode(next.place)
      fresh.set(key, { key, sequence, createdUs, topic, payload, expires })
      return { sequence, isNew: true }
    })
    // All or none: nothing below this line fails.
    this.#take([...fresh.values()].reduce((sum, { payload }) => sum + payload.length, 0))
    this.#clock = clock
    for (const entry of fresh.values()) this.#insert(entry)
    if (fresh.size > 0) for (const wake of this.#wakes) wake()
    return appended
  }

  bytesAt(sequence: number): number {
    const entry = this.#all[firstAfter(this.#all, sequence - 1)]
    return entry?.payload.length ?? 0
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

  async prune(beforeMs: number, limit: number): Promise<Pruned> {
    const from = firstAfter(this.#all, this.#prunedTo)
    const next = this.#all.slice(from, from + limit)
    const old = next.filter(({ createdUs }) => createdUs < beforeMs * 1_000)
    const expired = new Set(old.filter(({ expires }) => expires))
    const isKept = (entry: MemoryEntry): boolean => !expired.has(entry)
    if (expired.size > 0) this.#all = this.#all.filter(isKept)
    for (const { key, topic, payload } of expired) {
      this.#sequences.delete(key)
      this.#topics.set(topic, this.#topics.get(topic)?.filter(isKept) ?? [])
      this.#take(-payload.length)
    }
    this.#prunedTo = old.at(-1)?.sequence ?? this.#prunedTo
    return { removed: expired.size, isLast: old.length < limit }
  }

  #insert(entry: MemoryEntry): void {
    this.#sequences.set(entry.key, entry.sequence)
    this.#all.push(entry)
    const ofTopic = this.#topics.get(entry.topic)
    if (ofTopic === undefined) this.#topics.set(entry.topic, [entry])
    else ofTopic.push(entry)
  }
}

function memoryKeyPackages(take: TakeBytes): KeyPackageStore {
  type Stored = { readonly bytes: Uint8Array; readonly expiresMs: number }
  const newest = new Map<string, Stored>()
  /** By installation and bytes. */
  const replaced = new Map<string, Stored>()
  const nameOf = (key: string, bytes: Uint8Array): string => `${key} ${hex(bytes)}`
  const expire = (all: Map<string, Stored>, beforeMs: number, limit: number): number => {
    const expired = [...all].filter(([, { expiresMs }]) => expiresMs < beforeMs).slice(0, limit)
    for (const [name, { bytes }] of expired) {
      all.delete(name)
      take(-bytes.length)
    }
    return expired.length
  }
  return {
    async put(installationKey, keyPackage, { expiresMs }) {
      const key = hex(installationKey)
      const name = nameOf(key, keyPackage)
      if (replaced.has(name)) return
      const before = newest.get(key)
      const isSame = before !== undefined && nameOf(key, before.bytes) === name
      if (!isSame) take(keyPackage.length)
      if (before !== undefined && !isSame) replaced.set(nameOf(key, before.bytes), before)
      newest.set(key, { bytes: new Uint8Array(keyPackage), expiresMs })
    },
    get: async (installationKeys) => installationKeys.map((key) => newest.get(hex(key))?.bytes),
    async prune(beforeMs, limit) {
      const forgotten = expire(replaced, beforeMs, limit)
      const removed = expire(newest, beforeMs, limit)
      return { removed, isLast: removed < limit && forgotten < limit }
    },
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
      const logBytes = (states.get(item.topic)?.logBytes ?? 0) + log.bytesAt(sequence)
      states.set(item.topic, { sequence, state, logBytes })
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
