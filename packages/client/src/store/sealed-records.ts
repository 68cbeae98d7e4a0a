import { equalBytes, XmtpError, type Random } from '@xmtp-ts/protocol'
import { systemEnvironment } from '../environment.ts'
import { isCode } from '../network/message-api.ts'
import {
  behindLastKey,
  checkBatch,
  checkRange,
  decodeFloor,
  firstKey,
  floorKey,
  isSame,
  highestNumber,
  numberBehind,
  orderedRange,
  splitOrdered,
} from './record-batch.ts'
import {
  orderedSegment,
  type AppendedRecord,
  type Expectation,
  type RecordBatch,
  type RecordRange,
  type RecordStore,
  type StoredRecord,
} from './record-store.ts'
import { deriveSealKeys, open, seal, sealedKey, type SealKeys } from './seal.ts'

/** Says of a store whether it is sealed, and with which key. */
const markKey = '!sealed'
const plainMark = new TextEncoder().encode('plain')
const sealedMark = new TextEncoder().encode('sealed')

export type SealOptions = {
  /** The system's unless given. */
  readonly random?: Random
}

/**
 * A store whose values, and whose names but for tables and ordered numbers, nobody reads or changes without `key`. Who
 * holds the file still sees how many records there are and how long they are, and can put back an older file or
 * remove records.
 * @param store nobody may use it beside the result
 * @param key 32 uniformly random bytes; good for 2^32 written records (NIST SP 800-38D §8.3)
 * @throws XmtpError `client.store.wrongKey`, `client.store.notEncrypted`, and what `store` throws
 */
export async function sealRecords(
  store: RecordStore,
  key: Uint8Array,
  { random = systemEnvironment.random }: SealOptions = {},
): Promise<RecordStore> {
  const keys = deriveSealKeys(key)
  const mark = await markOf(
    store,
    seal(keys, { random, at: markKey, key: markKey, value: sealedMark }),
  )
  if (equalBytes(mark, plainMark))
    throw new XmtpError('client.store.notEncrypted', 'The store was made without a key.')
  requireRightKey(keys, mark)
  return new SealedRecords(store, { keys, random })
}

/**
 * The store itself, once it is sure that it is not a sealed one.
 * @throws XmtpError `client.store.encrypted`, and what `store` throws
 */
export async function plainRecords(store: RecordStore): Promise<RecordStore> {
  if (!equalBytes(await markOf(store, plainMark), plainMark))
    throw new XmtpError('client.store.encrypted', 'The store was made with a key.')
  return store
}

/** What a store says of itself. One that says nothing yet says `own` from now on, or that it is plain if it is in use. */
async function markOf(store: RecordStore, own: Uint8Array): Promise<Uint8Array> {
  const [mark] = await store.get([markKey])
  if (mark !== undefined) return mark
  const inUse = await store.scan({
    from: firstKey,
    to: behindLastKey,
    order: 'ascending',
    limit: 1,
  })
  const value = inUse.length === 0 ? own : plainMark
  const expect = [{ key: markKey, value: undefined }]
  const written = await store.write({ expect, put: [{ key: markKey, value }] })
  return written === undefined ? markOf(store, own) : value
}

function requireRightKey(keys: SealKeys, mark: Uint8Array): void {
  try {
    open(keys, { key: markKey, value: mark })
  } catch (cause) {
    if (!isCode(cause, 'client.store.damaged')) throw cause
    throw new XmtpError('client.store.wrongKey', 'The store was made with another key.', { cause })
  }
}

class SealedRecords implements RecordStore {
  readonly #store: RecordStore
  readonly #keys: SealKeys
  readonly #random: Random

  constructor(store: RecordStore, { keys, random }: { keys: SealKeys; random: Random }) {
    this.#store = store
    this.#keys = keys
    this.#random = random
  }

  async get(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const places = keys.map((key) => sealedKey(this.#keys, key))
    const values = await this.#store.get(places)
    return places.map((key, index) => this.#opened(key, values[index]))
  }

  async scan(range: RecordRange): Promise<readonly StoredRecord[]> {
    const { from, to, order, limit } = checkRange(range)
    const prefix = sharedPrefix({ from, to })
    const place = sealedKey(this.#keys, prefix)
    if (isOrdered({ from, to }, prefix)) {
      const bounds = {
        from: place + from.slice(prefix.length),
        to: to === behind(prefix) ? behind(place) : place + to.slice(prefix.length),
      }
      const found = await this.#store.scan({ ...bounds, order, limit })
      const records = found.map((record) => open(this.#keys, record))
      if (records.every(({ key }) => splitOrdered(key)?.prefix === prefix)) return records
    }
    // Hashes have another order than names: all of them are opened, then put in order.
    const all = await this.#store.scan({
      from: place === '' ? firstKey : place,
      to: behind(place),
      order,
      limit: Number.MAX_SAFE_INTEGER,
    })
    const sign = order === 'ascending' ? 1 : -1
    return all
      .map((record) => open(this.#keys, record))
      .filter(({ key }) => key >= from && key < to)
      .toSorted((a, b) => (a.key < b.key ? -sign : sign))
      .slice(0, limit)
  }

  async write(batch: RecordBatch): Promise<readonly string[] | undefined> {
    checkBatch(batch)
    for (;;) {
      const prepared = await this.#prepare(batch)
      if (prepared === undefined) return undefined
      if ((await this.#store.write(prepared.batch)) !== undefined) return prepared.appended
      // Another writer came between, or an expectation does not hold any more: one of them, each time, got further.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]()
  }

  /**
   * A batch for the store below, which expects to find what this saw. Values are never sealed alike twice, so what is
   * expected is compared here; and a value is bound to its place, so ordered numbers are given here.
   * @returns undefined when an expectation does not hold
   */
  async #prepare(
    batch: RecordBatch,
  ): Promise<{ batch: RecordBatch; appended: readonly string[] } | undefined> {
    const expect = await this.#seen(batch.expect ?? [])
    if (expect === undefined) return undefined
    const put = batch.put ?? []
    const appended = await this.#number(batch.append ?? [], put)
    const free = appended.records.map(({ key }) => ({
      key: sealedKey(this.#keys, key),
      value: undefined,
    }))
    return {
      appended: appended.records.map(({ key }) => key),
      batch: {
        expect: [...expect, ...appended.floors, ...free],
        remove: (batch.remove ?? []).map((key) => sealedKey(this.#keys, key)),
        put: [...put, ...appended.records].map(({ key, value }) => {
          const at = sealedKey(this.#keys, key)
          return { key: at, value: seal(this.#keys, { at, key, value, random: this.#random }) }
        }),
      },
    }
  }

  /** The sealed values of what is expected; undefined when one of them is another. */
  async #seen(expected: readonly Expectation[]): Promise<readonly Expectation[] | undefined> {
    if (expected.length === 0) return []
    const keys = expected.map(({ key }) => sealedKey(this.#keys, key))
    const values = await this.#store.get(keys)
    const seen = keys.map((key, index) => ({ key, value: values[index] }))
    const holds = seen.every(({ key, value }, index) =>
      isSame(this.#opened(key, value), expected[index]?.value),
    )
    return holds ? seen : undefined
  }

  /**
   * Gives new records their keys. Floors are read before what is there: a record that comes and goes in between changes
   * its floor, one that stays takes the number.
   */
  async #number(
    append: readonly AppendedRecord[],
    put: readonly StoredRecord[],
  ): Promise<{ records: readonly StoredRecord[]; floors: readonly Expectation[] }> {
    const prefixes = [...new Set(append.map(({ prefix }) => prefix))]
    const floorKeys = prefixes.map((prefix) => floorKey(sealedKey(this.#keys, prefix)))
    const seen = prefixes.length === 0 ? [] : await this.#store.get(floorKeys)
    const highest = new Map<string, bigint>()
    for (const [index, prefix] of prefixes.entries()) {
      const place = sealedKey(this.#keys, prefix)
      const range = orderedRange(place)
      const [last] = await this.#store.scan({ ...range, order: 'descending', limit: 1 })
      const floor = decodeFloor(seen[index])
      highest.set(prefix, highestNumber(place, { floor, last: last?.key }))
    }
    for (const { key } of put) {
      const ordered = splitOrdered(key)
      const before = ordered === undefined ? undefined : highest.get(ordered.prefix)
      if (ordered !== undefined && before !== undefined && ordered.number > before)
        highest.set(ordered.prefix, ordered.number)
    }
    const records = append.map(({ prefix, value }) => {
      const number = numberBehind(highest.get(prefix) ?? 0n)
      highest.set(prefix, number)
      return { key: `${prefix}${orderedSegment(number)}`, value }
    })
    return { records, floors: floorKeys.map((key, index) => ({ key, value: seen[index] })) }
  }

  #opened(key: string, value: Uint8Array | undefined): Uint8Array | undefined {
    return value === undefined ? undefined : open(this.#keys, { key, value }).value
  }
}

/** Where the keys that start with `prefix`, which ends in `/` or is empty, are at their end. */
function behind(prefix: string): string {
  return prefix === '' ? behindLastKey : `${prefix.slice(0, -1)}0`
}

/** The longest prefix, of whole segments, of all keys in a range. */
function sharedPrefix({ from, to }: Pick<RecordRange, 'from' | 'to'>): string {
  let prefix = from.slice(0, from.lastIndexOf('/') + 1)
  while (prefix !== '' && to > behind(prefix))
    prefix = prefix.slice(0, prefix.lastIndexOf('/', prefix.length - 2) + 1)
  return prefix
}

/** Whether the bounds behind the prefix are ordered numbers, or none. */
function isOrdered({ from, to }: Pick<RecordRange, 'from' | 'to'>, prefix: string): boolean {
  const isBound = (key: string) => key.startsWith(`${prefix}#`)
  return (
    prefix !== '' && (from === prefix || isBound(from)) && (to === behind(prefix) || isBound(to))
  )
}
