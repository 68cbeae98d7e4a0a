import { maxReadBytes, maxTailBytes, maxTailEnvelopes } from '../limits.ts'
import type { Appended, EnvelopeLog } from './log.ts'
import { mergeTopics } from './merge.ts'
import { rowOf, rowsOf } from './sqlite-driver.ts'
import { openFile, type SqliteLogOptions } from './sqlite-file.ts'
import { SqliteStore } from './sqlite-store.ts'
import { openLogIn } from './sqlite.ts'
import { openTail, type Tail } from './tail.ts'
import { nextPlace, type Clock } from './v3-place.ts'
import type {
  IdentityAppend,
  IdentityStore,
  KeyPackageStore,
  StoredState,
  V3Entry,
  V3Item,
  V3Log,
  V3Page,
  V3Read,
  V3Store,
} from './v3-store.ts'

/** Everything that a node stores. Each part is closed by itself. */
export type NodeStore = { readonly log: EnvelopeLog; readonly v3: V3Store }

/**
 * Opens both logs in one SQLite file, made with its folder when missing. One process at a time.
 * @throws XmtpError `node.store.unusable`, `node.store.newer`, `node.store.locked`
 */
export async function openSqliteStore(
  path: string,
  options: SqliteLogOptions = {},
): Promise<NodeStore> {
  const store = new SqliteStore(await openFile(path, options))
  return { log: openLogIn(store), v3: openV3In(store) }
}

function openV3In(store: SqliteStore): V3Store {
  store.open()
  const identityLog = new SqliteV3Log(store, 'identity_update')
  let isClosed = false
  return {
    groupMessages: new SqliteV3Log(store, 'group_message'),
    welcomes: new SqliteV3Log(store, 'welcome_message'),
    commitLog: new SqliteV3Log(store, 'commit_log_entry'),
    keyPackages: keyPackagesIn(store),
    identity: identityIn(store, identityLog),
    async [Symbol.asyncDispose]() {
      if (isClosed) return
      isClosed = true
      store.close()
    },
  }
}

/** The tables of entries, all of one shape. */
type Table = 'group_message' | 'welcome_message' | 'commit_log_entry' | 'identity_update'
type Row = { readonly sequence: number; readonly name: Uint8Array; readonly payload: Uint8Array }
type Place = { readonly sequence: number }

function prepareStatements({ database }: SqliteStore, table: Table) {
  const selectRow = `SELECT sequence, name, payload FROM ${table} JOIN topic ON topic.id = topic`
  return {
    insert: database.prepare(`INSERT INTO ${table} (sequence, topic, digest, created_us, payload)
      VALUES (?, ?, ?, ?, ?)`),
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
    // What AUTOINCREMENT remembers outlives the newest row, which retention may remove.
    head: database.prepare(`SELECT
      coalesce((SELECT seq FROM sqlite_sequence WHERE name = '${table}'), 0) AS sequence,
      coalesce((SELECT created_us FROM ${table} ORDER BY sequence DESC LIMIT 1), 0) AS createdUs`),
  }
}

/** Above every sequence: where a descending page without a cursor begins. */
const noCursor = Number.MAX_SAFE_INTEGER

class SqliteV3Log implements V3Log {
  readonly #store: SqliteStore
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #tail: Tail<V3Entry>
  readonly #wakes = new Set<() => void>()
  #clock: Clock
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
  insert({ topic, digest, encode }: V3Item, nowMs: number): Appended {
    const id = this.#store.topics.findOrAdd(topic)
    const there = this.#sql.existing.get(id, digest)
    if (there !== undefined) return { sequence: rowOf<Place>(there).sequence, isNew: false }
    const { clock, place } = nextPlace(this.#clock, nowMs)
    const payload = encode(place)
    this.#sql.insert.run(clock.sequence, id, digest, clock.createdUs, payload)
    this.#clock = clock
    this.#fresh.push({ sequence: clock.sequence, topic, payload })
    return { sequence: clock.sequence, isNew: true }
  }

  has(topic: string, digest: Uint8Array): Promise<boolean> {
    return this.#store.read(() => {
      const id = this.#store.topics.find(topic)
      return id !== undefined && this.#sql.existing.get(id, digest) !== undefined
    })
  }

  page({ topic, cursor, direction, limit }: V3Page): Promise<readonly V3Entry[]> {
    return this.#store.read(() => {
      const id = this.#store.topics.find(topic)
      if (id === undefined) return []
      return takeRows(
        direction === 'ascending'
          ? this.#sql.ascending.iterate(id, cursor, limit)
          : this.#sql.descending.iterate(id, cursor === 0 ? noCursor : cursor, limit),
      )
    })
  }

  read({ topics, after, until, limit }: V3Read): Promise<readonly V3Entry[]> {
    return this.#store.read(async () => {
      if (topics === 'all') {
        const recent = this.#tail.read({ after, until, limit })
        return recent ?? takeRows(this.#sql.all.iterate(after, until, limit))
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
      return takeRows(this.#rowsAt(places))
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

  *#rowsAt(places: readonly Place[]): Iterable<unknown> {
    for (const { sequence } of places) {
      const row = this.#sql.row.get(sequence)
      if (row !== undefined) yield row
    }
  }
}

/** Rows until their payloads are as much as one read may give. */
function takeRows(rows: Iterable<unknown>): readonly V3Entry[] {
  const entries: V3Entry[] = []
  let bytes = 0
  for (const row of rows) {
    const entry = entryOf(rowOf<Row>(row))
    bytes += entry.payload.length
    if (entries.length > 0 && bytes > maxReadBytes) break
    entries.push(entry)
  }
  return entries
}

function entryOf({ sequence, name, payload }: Row): V3Entry {
  const topic = Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString()
  return { sequence, topic, payload }
}

function keyPackagesIn(store: SqliteStore): KeyPackageStore {
  const put = store.database.prepare(`INSERT INTO key_package (installation, updated_ms, payload)
    VALUES (?1, ?2, ?3) ON CONFLICT (installation) DO UPDATE SET updated_ms = ?2, payload = ?3`)
  const get = store.database.prepare('SELECT payload FROM key_package WHERE installation = ?')
  return {
    async put(installationKey, keyPackage, nowMs) {
      await store.write({ step: () => put.run(installationKey, nowMs, keyPackage) })
    },
    get: (installationKeys) =>
      store.read(() =>
        installationKeys.map((key) => {
          const row = get.get(key)
          return row === undefined ? undefined : rowOf<{ payload: Uint8Array }>(row).payload
        }),
      ),
  }
}

function identityIn(store: SqliteStore, log: SqliteV3Log): IdentityStore {
  const { database } = store
  const selectState = database.prepare('SELECT sequence, state FROM inbox WHERE topic = ?')
  const putState = database.prepare(`INSERT INTO inbox (topic, sequence, state) VALUES (?1, ?2, ?3)
    ON CONFLICT (topic) DO UPDATE SET sequence = ?2, state = ?3`)
  const addIdentifier =
    database.prepare(`INSERT INTO identifier (name, inbox_id, sequence) VALUES (?1, ?2, ?3)
    ON CONFLICT (name, inbox_id) DO UPDATE SET sequence = ?3`)
  const removeIdentifier = database.prepare(
    'DELETE FROM identifier WHERE name = ? AND inbox_id = ?',
  )
  const inboxOf = database.prepare(
    'SELECT inbox_id AS inboxId FROM identifier WHERE name = ? ORDER BY sequence DESC LIMIT 1',
  )
  const stateOf = (topic: string): StoredState | undefined => {
    const id = store.topics.find(topic)
    const row = id === undefined ? undefined : selectState.get(id)
    return row === undefined ? undefined : rowOf<StoredState>(row)
  }
  const index = ({ item, state, added, removed, inboxId }: IdentityAppend, sequence: number) => {
    putState.run(store.topics.findOrAdd(item.topic), sequence, state)
    for (const name of removed) removeIdentifier.run(name, inboxId)
    for (const name of added) addIdentifier.run(name, inboxId, sequence)
  }
  return {
    log,
    has: (topic, digest) => log.has(topic, digest),
    stateOf: (topic) => store.read(() => stateOf(topic)),
    append: (update, nowMs) =>
      log.write(() => {
        // In the transaction, so that of two updates that were checked against the same state one is refused.
        if ((stateOf(update.item.topic)?.sequence ?? 0) !== update.after) return undefined
        const { sequence, isNew } = log.insert(update.item, nowMs)
        if (!isNew) return undefined
        index(update, sequence)
        return sequence
      }),
    inboxesOf: (identifiers) =>
      store.read(() =>
        identifiers.map((name) => {
          const row = inboxOf.get(name)
          return row === undefined ? undefined : rowOf<{ inboxId: string }>(row).inboxId
        }),
      ),
  }
}
