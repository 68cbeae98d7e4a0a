// One file because the statements, the transactions that run them and the state they change belong together.
import { XmtpError } from '@xmtp-ts/protocol'
import {
  maxCachedTopics,
  maxReadBytes,
  maxTailBytes,
  maxTailEnvelopes,
  storeProbeMs,
} from '../limits.ts'
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
import { legacyDigest, positionBounds, positionOf, timeOfPosition } from './position.ts'
import type { PositionBounds } from './position.ts'
import type { Database, Statement } from './sqlite-driver.ts'
import { openFile, release, type SqliteLogOptions } from './sqlite-file.ts'
import { openTail, type Tail } from './tail.ts'

/**
 * Opens the log in a SQLite file, made with its folder when missing. One process at a time.
 * @throws XmtpError `node.store.unusable`, `node.store.newer`, `node.store.locked`
 */
export async function openSqliteLog(
  path: string,
  options: SqliteLogOptions = {},
): Promise<EnvelopeLog> {
  return new SqliteLog(await openFile(path, options))
}

/** The shape of the rows that the statements below select. */
type Row = {
  sequence: number
  name: Uint8Array
  position: Uint8Array
  payload: Uint8Array
}
type Place = { readonly sequence: number; readonly position: Uint8Array }

type Pending = {
  readonly envelopes: readonly CheckedEnvelope[]
  readonly resolve: (appended: readonly Appended[]) => void
  readonly reject: (error: Error) => void
}

const selectRows = `SELECT sequence, name, position, payload
  FROM envelope JOIN topic ON topic.id = envelope.topic`
const selectPlaces = `SELECT sequence, position FROM envelope
  WHERE topic = ?1 AND position > ?2 AND position < ?3`

function prepareStatements(database: Database) {
  const prepare = (sql: string): Statement => database.prepare(sql)
  return {
    topic: prepare('SELECT id FROM topic WHERE name = ?'),
    insertTopic: prepare('INSERT INTO topic (name) VALUES (?)'),
    insert: prepare(`INSERT INTO envelope (sequence, topic, position, expiring_ms, payload)
      VALUES (?, ?, ?, ?, ?) ON CONFLICT (topic, position) DO NOTHING`),
    existing: prepare('SELECT sequence FROM envelope WHERE topic = ? AND position = ?'),
    row: prepare(`${selectRows} WHERE sequence = ?`),
    placesAscending: prepare(`${selectPlaces} ORDER BY position LIMIT ?4`),
    placesDescending: prepare(`${selectPlaces} ORDER BY position DESC LIMIT ?4`),
    legacyAscending: prepare(
      `${selectPlaces} AND substr(position, 9) > ?5 ORDER BY position LIMIT ?4`,
    ),
    legacyDescending: prepare(
      `${selectPlaces} AND substr(position, 9) < ?5 ORDER BY position DESC LIMIT ?4`,
    ),
    all: prepare(`${selectRows} WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`),
    sequences: prepare(`SELECT sequence, position FROM envelope
      WHERE topic = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?`),
    meta: prepare(
      'SELECT id, max(head, coalesce((SELECT max(sequence) FROM envelope), 0)) AS head FROM log',
    ),
    keepHead: prepare('UPDATE log SET head = ?'),
    probe: prepare('UPDATE log SET probe = probe + 1'),
    prune: prepare(`DELETE FROM envelope WHERE sequence IN (
      SELECT sequence FROM envelope WHERE expiring_ms < ? ORDER BY expiring_ms LIMIT ?)`),
    pruneTopics:
      prepare(`DELETE FROM topic WHERE (name < CAST('/xmtp/' AS BLOB) OR name >= CAST('/xmtp0' AS BLOB))
      AND NOT EXISTS (SELECT 1 FROM envelope WHERE envelope.topic = topic.id)`),
    count: prepare('SELECT count(*) AS count FROM envelope'),
    expired: prepare('SELECT 1 FROM envelope WHERE expiring_ms < ? LIMIT 1'),
  }
}

class SqliteLog implements EnvelopeLog {
  readonly id: Uint8Array
  readonly #database: Database
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #topics = new Map<string, number>()
  readonly #wakes = new Set<() => void>()
  readonly #tail: Tail
  #pending: Pending[] = []
  #head: number
  #count: number
  #failure: string | undefined
  #probedMs = 0
  #isClosed = false

  constructor(database: Database) {
    this.#database = database
    this.#sql = prepareStatements(database)
    const meta = rowOf<{ id: Uint8Array; head: number }>(this.#sql.meta.get())
    this.id = meta.id
    this.#head = meta.head
    this.#count = rowOf<{ count: number }>(this.#sql.count.get()).count
    this.#tail = openTail({
      after: this.#head,
      maxEnvelopes: maxTailEnvelopes,
      maxBytes: maxTailBytes,
    })
  }

  append(envelopes: readonly CheckedEnvelope[]): Promise<readonly Appended[]> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new XmtpError('node.closing', 'The store is closed.'))
        return
      }
      this.#pending.push({ envelopes, resolve, reject })
      // Group commit: what arrives in this turn of the event loop shares one transaction and one fsync.
      if (this.#pending.length === 1) setImmediate(() => this.#flush())
    })
  }

  async query(query: LogQuery): Promise<LogPage> {
    const descending = query.direction === 'descending'
    const legacy = legacyDigest(query)
    const plain = descending ? this.#sql.placesDescending : this.#sql.placesAscending
    const byDigest = descending ? this.#sql.legacyDescending : this.#sql.legacyAscending
    const fetch = (topic: string, { above, below }: PositionBounds): readonly Place[] => {
      const id = this.#topicId(topic)
      if (id === undefined) return []
      return rowsOf<Place>(
        legacy === undefined
          ? plain.all(id, above, below, query.limit)
          : byDigest.all(id, above, below, query.limit, legacy),
      )
    }
    return this.#reading(async () => {
      const places = await mergeTopics<Place, PositionBounds>({
        topics: query.topics,
        limit: query.limit,
        bounds: positionBounds(query),
        fetch,
        compare: (a, b) => Buffer.compare(a.position, b.position) * (descending ? -1 : 1),
        narrow: ({ above, below }, { position }) =>
          descending ? { above: position, below } : { above, below: position },
      })
      const { envelopes, isCut } = this.#load(places, query.maxBytes)
      return { envelopes, isFull: places.length === query.limit || isCut }
    })
  }

  async read({ topics, after, until, limit }: LogRead): Promise<readonly LoggedEnvelope[]> {
    return this.#reading(async () => {
      if (topics === 'all') {
        const recent = this.#tail.read({ after, until, limit })
        if (recent !== undefined) return recent
        return takeWhileBytes(this.#sql.all.iterate(after, until, limit))
      }
      const places = await mergeTopics<Place, number>({
        topics,
        limit,
        bounds: until,
        fetch: (topic, last) => {
          const id = this.#topicId(topic)
          return id === undefined ? [] : rowsOf(this.#sql.sequences.all(id, after, last, limit))
        },
        compare: (a, b) => a.sequence - b.sequence,
        narrow: (_, { sequence }) => sequence - 1,
      })
      return this.#load(places, maxReadBytes).envelopes
    })
  }

  async head(): Promise<number> {
    return this.#head
  }

  onAppend(wake: () => void): Disposable {
    this.#wakes.add(wake)
    return { [Symbol.dispose]: () => this.#wakes.delete(wake) }
  }

  async prune(beforeMs: number, limit: number): Promise<number> {
    return this.#reading(async () => {
      if (this.#sql.expired.get(beforeMs) === undefined) return 0
      const removed = this.#transaction(() => {
        // The newest envelope may go; its sequence must not be used again.
        this.#sql.keepHead.run(this.#head)
        const { changes } = this.#sql.prune.run(beforeMs, limit)
        this.#sql.pruneTopics.run()
        return Number(changes)
      })
      this.#topics.clear()
      this.#tail.clear(this.#head)
      this.#count -= removed
      return removed
    })
  }

  async count(): Promise<number> {
    return this.#count
  }

  async health(): Promise<LogHealth> {
    if (this.#isClosed) return { ok: false, reason: 'The store is closed.' }
    if (this.#failure === undefined) return { ok: true }
    const nowMs = performance.now()
    if (nowMs - this.#probedMs > storeProbeMs) {
      this.#probedMs = nowMs
      try {
        this.#transaction(() => this.#sql.probe.run())
        this.#failure = undefined
        return { ok: true }
      } catch (error) {
        this.#failure = reasonOf(error)
      }
    }
    return { ok: false, reason: this.#failure ?? '' }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#flush()
    this.#isClosed = true
    this.#wakes.clear()
    release(this.#database)
    this.#database.close()
  }

  #flush(): void {
    const calls = this.#pending
    this.#pending = []
    if (calls.length === 0) return
    if (!this.#commit(calls) && calls.length > 1)
      // One call must not fail its neighbours: each alone.
      for (const call of calls) this.#commit([call])
  }

  /** One transaction for all the calls. Settles them, unless several failed together: @returns false then. */
  #commit(calls: readonly Pending[]): boolean {
    const before = this.#head
    const fresh: LoggedEnvelope[] = []
    const newTopics: string[] = []
    try {
      const results = this.#transaction(() =>
        calls.map(({ envelopes }) =>
          envelopes.map((envelope) => this.#insert(envelope, { fresh, newTopics })),
        ),
      )
      this.#failure = undefined
      this.#count += fresh.length
      this.#tail.push(fresh)
      for (const [index, { resolve }] of calls.entries()) resolve(results[index] ?? [])
    } catch (error) {
      this.#head = before
      for (const name of newTopics) this.#topics.delete(name)
      if (calls.length > 1) return false
      this.#failure = reasonOf(error)
      for (const { reject } of calls) reject(unavailable(error))
    }
    if (fresh.length > 0 && this.#head > before) for (const wake of this.#wakes) wake()
    return true
  }

  #insert(
    envelope: CheckedEnvelope,
    made: { readonly fresh: LoggedEnvelope[]; readonly newTopics: string[] },
  ): Appended {
    const { topic, timestampNs, payload, digest, receivedMs, expires } = envelope
    const topicId = this.#topicId(topic) ?? this.#insertTopic(topic, made.newTopics)
    const position = positionOf(timestampNs, digest)
    const sequence = this.#head + 1
    const { changes } = this.#sql.insert.run(
      sequence,
      topicId,
      position,
      expires ? receivedMs : null,
      payload,
    )
    if (Number(changes) === 0) {
      const there = rowOf<{ sequence: number }>(this.#sql.existing.get(topicId, position))
      return { sequence: there.sequence, isNew: false }
    }
    this.#head = sequence
    made.fresh.push({ sequence, topic, timestampNs, payload, digest })
    return { sequence, isNew: true }
  }

  #insertTopic(name: string, newTopics: string[]): number {
    const id = Number(this.#sql.insertTopic.run(Buffer.from(name)).lastInsertRowid)
    newTopics.push(name)
    this.#remember(name, id)
    return id
  }

  #topicId(name: string): number | undefined {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const row = this.#sql.topic.get(Buffer.from(name))
    if (row === undefined) return undefined
    const { id } = rowOf<{ id: number }>(row)
    this.#remember(name, id)
    return id
  }

  #remember(name: string, id: number): void {
    if (this.#topics.size >= maxCachedTopics) this.#topics.clear()
    this.#topics.set(name, id)
  }

  #load(
    places: readonly Place[],
    maxBytes: number,
  ): { envelopes: readonly LoggedEnvelope[]; isCut: boolean } {
    const envelopes: LoggedEnvelope[] = []
    let bytes = 0
    for (const { sequence } of places) {
      const row = this.#sql.row.get(sequence)
      // Pruned between finding and loading it.
      if (row === undefined) continue
      const envelope = logged(rowOf<Row>(row))
      bytes += envelope.payload.length
      if (envelopes.length > 0 && bytes > maxBytes) return { envelopes, isCut: true }
      envelopes.push(envelope)
    }
    return { envelopes, isCut: false }
  }

  #transaction<T>(step: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = step()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      // A full disk may have rolled back already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  async #reading<T>(step: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new XmtpError('node.closing', 'The store is closed.')
    try {
      return await step()
    } catch (error) {
      throw error instanceof XmtpError ? error : unavailable(error)
    }
  }
}

function takeWhileBytes(rows: Iterable<unknown>): readonly LoggedEnvelope[] {
  const envelopes: LoggedEnvelope[] = []
  let bytes = 0
  for (const row of rows) {
    const envelope = logged(rowOf<Row>(row))
    bytes += envelope.payload.length
    if (envelopes.length > 0 && bytes > maxReadBytes) break
    envelopes.push(envelope)
  }
  return envelopes
}

function logged({ sequence, name, position, payload }: Row): LoggedEnvelope {
  return {
    sequence,
    topic: Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString(),
    timestampNs: timeOfPosition(position),
    payload,
    digest: position.subarray(8),
  }
}

function unavailable(cause: unknown): XmtpError {
  return new XmtpError('node.store.unavailable', 'The store did not take the request.', { cause })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names what the statement selects
function rowOf<T>(row: unknown): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement in this file selects these columns
  return row as T
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names what the statement selects
function rowsOf<T>(rows: unknown[]): readonly T[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement in this file selects these columns
  return rows as T[]
}
