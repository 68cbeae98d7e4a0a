import { maxPageBytes, maxReadBytes, maxTailBytes, maxTailEnvelopes } from '../limits.ts'
import type { Appended } from './log.ts'
import { mergeTopics } from './merge.ts'
import { rowOf, rowsOf } from './sqlite-driver.ts'
import type { SqliteStore } from './sqlite-store.ts'
import { openTail, type Tail } from './tail.ts'
import { nextPlace, type Clock } from './v3-place.ts'
import type { Pruned, V3Entry, V3Item, V3Log, V3Page, V3PageResult, V3Read } from './v3-store.ts'

/** The tables of entries, all of one shape. */
type Table = 'group_message' | 'welcome_message' | 'commit_log_entry' | 'identity_update'
type Row = { readonly sequence: number; readonly name: Uint8Array; readonly payload: Uint8Array }
type Place = { readonly sequence: number }
type Age = Place & { readonly createdUs: number; readonly expires: number }

function prepareStatements({ database }: SqliteStore, table: Table) {
  const selectRow = `SELECT sequence, name, payload FROM ${table} JOIN topic ON topic.id = topic`
  return {
    insert: database.prepare(`INSERT INTO ${table}
      (sequence, topic, digest, created_us, payload, expires) VALUES (?, ?, ?, ?, ?, ?)`),
    existing: database.prepare(`SELECT sequence FROM ${table} WHERE topic = ? AND digest = ?`),
    row: database.prepare(`${selectRow} WHERE sequence = ?`),
    ascending: database.prepare(`${selectRow} WHERE topic = ? AND sequence > ?
      ORDER BY sequence LIMIT ?`),
    descending: database.prepare(`${selectRow} WHERE topic = ? AND sequence < ?
      ORDER BY sequence DESC LIMIT ?`),
    places: database.prepare(`SELECT sequence FROM ${table}
      WHERE topic = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`),
    all: database.prepare(`${selectRow} WHERE sequence > ? AND sequence <= ?
      ORDER BY sequence LIMIT ?`),
    newest: database.prepare(`${selectRow} WHERE topic = ? ORDER BY sequence DESC LIMIT 1`),
    ages: database.prepare(`SELECT sequence, created_us AS createdUs, expires FROM ${table}
      WHERE sequence > ? ORDER BY sequence LIMIT ?`),
    remove: database.prepare(`DELETE FROM ${table} WHERE sequence = ?`),
    // What AUTOINCREMENT remembers outlives the newest row, which retention may remove.
    head: database.prepare(`SELECT
      coalesce((SELECT seq FROM sqlite_sequence WHERE name = '${table}'), 0) AS sequence,
      coalesce((SELECT created_us FROM ${table} ORDER BY sequence DESC LIMIT 1), 0) AS createdUs`),
  }
}

/** Above every sequence: where a descending page without a cursor begins. */
const noCursor = Number.MAX_SAFE_INTEGER

/** One of the logs of V3 in an open store. */
export class SqliteV3Log implements V3Log {
  readonly #store: SqliteStore
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #tail: Tail<V3Entry>
  readonly #wakes = new Set<() => void>()
  #clock: Clock
  /** Up to here nothing is left that expires. */
  #prunedTo = 0
  /** What the running step has inserted. */
  #fresh: V3Entry[] = []

  constructor(store: SqliteStore, table: Table) {
    this.#store = store
    this.#sql = prepareStatements(store, table)
    this.#clock = rowOf<Clock>(this.#sql.head.get())
    this.#tail = openTail({
      after: this.#clock.sequence,
      maxEnvelopes: maxTailEnvelopes,
      maxBytes: maxTailBytes,
    })
  }

  append(items: readonly V3Item[], nowMs: number): Promise<readonly Appended[]> {
    return this.write(() => items.map((item) => this.insert(item, nowMs)))
  }

  /** Runs a step that inserts, and may do more in the same transaction. */
  write<T>(step: () => T): Promise<T> {
    let before = this.#clock
    let fresh: readonly V3Entry[] = []
    return this.#store.write({
      step: () => {
        before = this.#clock
        this.#fresh = []
        const result = step()
        fresh = this.#fresh
        return result
      },
      undo: () => {
        this.#clock = before
      },
      done: () => {
        this.#tail.push(fresh)
        if (fresh.length > 0) for (const wake of this.#wakes) wake()
      },
    })
  }

  /** Inside a step of `write`. */
  insert({ topic, digest, encode, expires = false }: V3Item, nowMs: number): Appended {
    const id = this.#store.topics.findOrAdd(topic)
    const there = this.#sql.existing.get(id, digest)
    if (there !== undefined) return { sequence: rowOf<Place>(there).sequence, isNew: false }
    const { clock, place } = nextPlace(this.#clock, nowMs)
    const payload = encode(place)
    const { sequence, createdUs } = clock
    this.#sql.insert.run(sequence, id, digest, createdUs, payload, expires ? 1 : 0)
    this.#clock = clock
    this.#fresh.push({ sequence, topic, payload })
    return { sequence, isNew: true }
  }

  has(topic: string, digest: Uint8Array): Promise<boolean> {
    return this.#store.read(() => {
      const id = this.#store.topics.find(topic)
      return id !== undefined && this.#sql.existing.get(id, digest) !== undefined
    })
  }

  page({ topic, cursor, direction, limit }: V3Page): Promise<V3PageResult> {
    return this.#store.read(() => {
      const id = this.#store.topics.find(topic)
      if (id === undefined) return { entries: [], isFull: false }
      const { entries, isCut } = takeRows(
        direction === 'ascending'
          ? this.#sql.ascending.iterate(id, cursor, limit)
          : this.#sql.descending.iterate(id, cursor === 0 ? noCursor : cursor, limit),
        maxPageBytes,
      )
      return { entries, isFull: isCut || entries.length === limit }
    })
  }

  read({ topics, after, until, limit }: V3Read): Promise<readonly V3Entry[]> {
    return this.#store.read(async () => {
      if (topics === 'all') {
        const recent = this.#tail.read({ after, until, limit })
        return recent ?? takeRows(this.#sql.all.iterate(after, until, limit), maxReadBytes).entries
      }
      const places = await mergeTopics<Place, number>({
        topics: [...topics.keys()],
        limit,
        bounds: until,
        fetch: (topic, last) => {
          const id = this.#store.topics.find(topic)
          const first = Math.max(after, topics.get(topic) ?? 0)
          return id === undefined ? [] : rowsOf(this.#sql.places.all(id, first, last, limit))
        },
        compare: (a, b) => a.sequence - b.sequence,
        narrow: (_, { sequence }) => sequence - 1,
      })
      return takeRows(this.#rowsAt(places), maxReadBytes).entries
    })
  }

  newest(topics: readonly string[]): Promise<readonly (V3Entry | undefined)[]> {
    return this.#store.read(() =>
      topics.map((topic) => {
        const id = this.#store.topics.find(topic)
        const row = id === undefined ? undefined : this.#sql.newest.get(id)
        return row === undefined ? undefined : entryOf(rowOf<Row>(row))
      }),
    )
  }

  async head(): Promise<number> {
    return this.#clock.sequence
  }

  onAppend(wake: () => void): Disposable {
    this.#wakes.add(wake)
    return { [Symbol.dispose]: () => this.#wakes.delete(wake) }
  }

  prune(beforeMs: number, limit: number): Promise<Pruned> {
    return this.#store.read(() => {
      const next = rowsOf<Age>(this.#sql.ages.all(this.#prunedTo, limit))
      const old = next.filter(({ createdUs }) => createdUs < beforeMs * 1_000)
      const expired = old.filter(({ expires }) => expires === 1)
      if (expired.length > 0) {
        this.#store.transaction(() => {
          for (const { sequence } of expired) this.#sql.remove.run(sequence)
        })
        // It has what was removed, and no holes.
        this.#tail.clear(this.#clock.sequence)
      }
      this.#prunedTo = old.at(-1)?.sequence ?? this.#prunedTo
      return { removed: expired.length, isLast: old.length < limit }
    })
  }

  *#rowsAt(places: readonly Place[]): Iterable<unknown> {
    for (const { sequence } of places) {
      const row = this.#sql.row.get(sequence)
      if (row !== undefined) yield row
    }
  }
}

/** The first rows of together at most `maxBytes` of payload, and always the very first. */
function takeRows(
  rows: Iterable<unknown>,
  maxBytes: number,
): { readonly entries: readonly V3Entry[]; readonly isCut: boolean } {
  const entries: V3Entry[] = []
  let bytes = 0
  for (const row of rows) {
    const entry = entryOf(rowOf<Row>(row))
    bytes += entry.payload.length
    if (entries.length > 0 && bytes > maxBytes) return { entries, isCut: true }
    entries.push(entry)
  }
  return { entries, isCut: false }
}

function entryOf({ sequence, name, payload }: Row): V3Entry {
  const topic = Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString()
  return { sequence, topic, payload }
}
