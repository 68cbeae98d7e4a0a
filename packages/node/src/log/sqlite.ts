// One file because the statements, the transactions that run them and the state they change belong together.
import { maxReadBytes, maxTailBytes, maxTailEnvelopes } from '../limits.ts'
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
import { rowOf, rowsOf, type Database, type Statement } from './sqlite-driver.ts'
import { openFile, type SqliteLogOptions } from './sqlite-file.ts'
import { SqliteStore } from './sqlite-store.ts'
import { openTail, type Tail } from './tail.ts'

/**
 * Opens the log in a SQLite file, made with its folder when missing. One process at a time.
 * @throws XmtpError `node.store.unusable`, `node.store.damaged`, `node.store.newer`, `node.store.locked`
 */
export async function openSqliteLog(
  path: string,
  options: SqliteLogOptions = {},
): Promise<EnvelopeLog> {
  return openFile(path, options, (database) => openLogIn(new SqliteStore(database)))
}

/** The log in an open store, which it closes with itself when nobody else uses it. */
export function openLogIn(store: SqliteStore): EnvelopeLog {
  return new SqliteLog(store)
}

/** The shape of the rows that the statements below select. */
type Row = {
  sequence: number
  name: Uint8Array
  position: Uint8Array
  payload: Uint8Array
}
type Place = { readonly sequence: number; readonly position: Uint8Array }

const selectRows = `SELECT sequence, name, position, payload
  FROM envelope JOIN topic ON topic.id = envelope.topic`
const selectPlaces = `SELECT sequence, position FROM envelope
  WHERE topic = ?1 AND position > ?2 AND position < ?3`

function prepareStatements(database: Database) {
  const prepare = (sql: string): Statement => database.prepare(sql)
  return {
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
  readonly #store: SqliteStore
  readonly #sql: ReturnType<typeof prepareStatements>
  readonly #wakes = new Set<() => void>()
  readonly #tail: Tail<LoggedEnvelope>
  #head: number
  #count: number
  #isClosed = false

  constructor(store: SqliteStore) {
    this.#store = store
    this.#sql = prepareStatements(store.database)
    const meta = rowOf<{ id: Uint8Array; head: number }>(this.#sql.meta.get())
    this.id = meta.id
    this.#head = meta.head
    this.#count = rowOf<{ count: number }>(this.#sql.count.get()).count
    this.#tail = openTail({
      after: this.#head,
      maxEnvelopes: maxTailEnvelopes,
      maxBytes: maxTailBytes,
    })
    store.open()
  }

  append(envelopes: readonly CheckedEnvelope[]): Promise<readonly Appended[]> {
    let before = 0
    let fresh: LoggedEnvelope[] = []
    return this.#store.write({
      step: () => {
        before = this.#head
        fresh = []
        return envelopes.map((envelope) => this.#insert(envelope, fresh))
      },
      undo: () => {
        this.#head = before
      },
      done: () => {
        this.#count += fresh.length
        this.#tail.push(fresh)
        if (fresh.length > 0) for (const wake of this.#wakes) wake()
      },
    })
  }

  async query(query: LogQuery): Promise<LogPage> {
    const descending = query.direction === 'descending'
    const legacy = legacyDigest(query)
    const plain = descending ? this.#sql.placesDescending : this.#sql.placesAscending
    const byDigest = descending ? this.#sql.legacyDescending : this.#sql.legacyAscending
    const fetch = (topic: string, { above, below }: PositionBounds): readonly Place[] => {
      const id = this.#store.topics.find(topic)
      if (id === undefined) return []
      return rowsOf<Place>(
        legacy === undefined
          ? plain.all(id, above, below, query.limit)
          : byDigest.all(id, above, below, query.limit, legacy),
      )
    }
    return this.#store.read(async () => {
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
    return this.#store.read(async () => {
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
          const id = this.#store.topics.find(topic)
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
    return this.#store.read(async () => {
      if (this.#sql.expired.get(beforeMs) === undefined) return 0
      const removed = this.#store.transaction(() => {
        // The newest envelope may go; its sequence must not be used again.
        this.#sql.keepHead.run(this.#head)
        const { changes } = this.#sql.prune.run(beforeMs, limit)
        this.#sql.pruneTopics.run()
        return Number(changes)
      })
      this.#store.topics.clear()
      this.#tail.clear(this.#head)
      this.#count -= removed
      return removed
    })
  }

  async count(): Promise<number> {
    return this.#count
  }

  async health(): Promise<LogHealth> {
    return this.#store.health()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#store.close()
    this.#wakes.clear()
  }

  #insert(envelope: CheckedEnvelope, fresh: LoggedEnvelope[]): Appended {
    const { topic, timestampNs, payload, digest, receivedMs, expires } = envelope
    const topicId = this.#store.topics.findOrAdd(topic)
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
    fresh.push({ sequence, topic, timestampNs, payload, digest })
    return { sequence, isNew: true }
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
