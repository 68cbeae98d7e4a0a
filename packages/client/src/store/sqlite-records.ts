import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { XmtpError } from '@xmtp-ts/protocol'
import { maxScannedRecords, maxSharedWrites, storeLockRetryMs, storeLockWaitMs } from '../limits.ts'
import {
  applyBatch,
  checkBatch,
  checkRange,
  storeClosed,
  type OpenRecords,
} from './record-batch.ts'
import type { RecordBatch, RecordRange, RecordStore, StoredRecord } from './record-store.ts'
import { openDatabase, sqliteResult, sqliteResultOf, type Database } from './sqlite-driver.ts'

/** `XMTS`: whose file it is (sqlite.org/pragma.html#pragma_application_id). */
const applicationId = 0x58_4d_54_53

/** The layout that this program writes, as `user_version`. */
const layout = 1

/**
 * Opens the file of a store for Node, made with its folder when missing, readable by its owner only. Several processes
 * may have it open.
 * @param open SQLite's own way unless given
 * @throws XmtpError `client.store.newer`, `client.store.damaged`, `client.store.busy`, `client.store.full`,
 * `client.store.readOnly`, `client.store.unusable`
 */
export async function openSqliteRecords(
  path: string,
  open: (path: string) => Promise<Database> = openDatabase,
): Promise<RecordStore> {
  let database: Database | undefined
  try {
    makePrivate(path)
    const opened = await open(path)
    database = opened
    await unlocked(() => prepareLayout(opened))
    return new SqliteRecords(opened)
  } catch (error) {
    database?.close()
    throw storeError(error)
  }
}

/**
 * SQLite gives the files beside the database its mode. The file is made and closed in one go: closing any descriptor
 * of a file drops the locks of the whole process on it (sqlite.org/howtocorrupt.html §2.2).
 */
function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
  }
}

/** Whose file it is comes first: nothing is changed in one that is not ours. */
function prepareLayout(database: Database): void {
  database.exec(`PRAGMA busy_timeout = ${storeLockRetryMs}`)
  requireOurs(database)
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA secure_delete = ON;
  `)
  inTransaction(database, () => {
    requireOurs(database)
    if (numberOf(database, 'user_version') === layout) return
    database.exec(`
      CREATE TABLE record (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
      PRAGMA application_id = ${applicationId};
      PRAGMA user_version = ${layout};
    `)
  })
}

function requireOurs(database: Database): void {
  const version = numberOf(database, 'user_version')
  const owner = numberOf(database, 'application_id')
  const isEmpty = version === 0 && owner === 0 && numberOf(database, 'schema_version') === 0
  if (owner !== applicationId && !isEmpty)
    throw new XmtpError('client.store.damaged', 'The file is the database of something else.')
  if (version > layout)
    throw new XmtpError(
      'client.store.newer',
      `The store has layout ${version}; this program knows layouts up to ${layout}.`,
    )
}

function numberOf(database: Database, pragma: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0])
}

type Written = readonly string[] | undefined

/** A batch, and who waits for it. */
type Write = {
  readonly batch: RecordBatch
  readonly resolve: (written: Written) => void
  readonly reject: (error: unknown) => void
}

class SqliteRecords implements RecordStore {
  readonly #database: Database
  readonly #records: OpenRecords
  readonly #waiting: Write[] = []
  #writing: Promise<void> | undefined
  readonly #read: (keys: readonly string[]) => ReadonlyMap<string, Uint8Array>
  readonly #scan: (range: RecordRange) => readonly StoredRecord[]
  #isClosed = false

  constructor(database: Database) {
    this.#database = database
    this.#records = recordsOf(database)
    const read = database.prepare(
      'SELECT key, value FROM record WHERE key IN (SELECT value FROM json_each(?))',
    )
    this.#read = ([key, ...more]) => {
      if (key === undefined) return new Map()
      if (more.length > 0) return byKey(rows(read.all(JSON.stringify([key, ...more]))))
      const value = this.#records.get(key)
      return new Map(value === undefined ? [] : [[key, value]])
    }
    const inRange = 'SELECT key, value FROM record WHERE key >= ? AND key < ? ORDER BY key'
    const scans = {
      ascending: database.prepare(`${inRange} LIMIT ?`),
      descending: database.prepare(`${inRange} DESC LIMIT ?`),
    }
    this.#scan = ({ from, to, order, limit }) =>
      rows(scans[order].all(from, to, Math.min(limit, maxScannedRecords)))
  }

  async get(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const found = await this.#run(() => this.#read(keys))
    return keys.map((key) => found.get(key))
  }

  scan(range: RecordRange): Promise<readonly StoredRecord[]> {
    return this.#run(() => this.#scan(checkRange(range)))
  }

  async write(batch: RecordBatch): Promise<Written> {
    this.#requireOpen()
    checkBatch(batch)
    return new Promise<Written>((resolve, reject) => {
      this.#waiting.push({ batch, resolve, reject })
      this.#writing ??= this.#writeWaiting()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#writing
    try {
      // Closing alone leaves removed records in the write-ahead log: a binding keeps the connection until its statements
      // are collected as garbage.
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Another process reads: the last one to close does it.
    }
    this.#database.close()
  }

  /** What is asked for in one turn of the event loop shares a transaction: groups side by side cost one together. */
  async #writeWaiting(): Promise<void> {
    await setImmediate()
    while (this.#waiting.length > 0)
      await this.#writeTogether(this.#waiting.splice(0, maxSharedWrites))
    this.#writing = undefined
  }

  /** One that fails must not take the others with it: then each has a transaction of its own. */
  async #writeTogether(writes: readonly Write[]): Promise<void> {
    try {
      const apply = () => writes.map(({ batch }) => applyBatch(this.#records, batch))
      const written = await settled(() => inTransaction(this.#database, apply))
      for (const [index, { resolve }] of writes.entries()) resolve(written[index])
    } catch (error) {
      if (writes.length === 1) writes[0]?.reject(error)
      else for (const write of writes) await this.#writeTogether([write])
    }
  }

  #requireOpen(): void {
    if (this.#isClosed) throw storeClosed()
  }

  async #run<T>(step: () => T): Promise<T> {
    return settled(() => {
      this.#requireOpen()
      return step()
    })
  }
}

/** The result of a step, once no other process is in its way. @throws XmtpError `client.store.*`, RangeError */
async function settled<T>(step: () => T): Promise<T> {
  try {
    return await unlocked(step)
  } catch (error) {
    if (error instanceof RangeError) throw error
    throw storeError(error)
  }
}

function recordsOf(database: Database): OpenRecords {
  const get = database.prepare('SELECT key, value FROM record WHERE key = ?')
  const put = database.prepare(
    'INSERT INTO record (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  )
  const remove = database.prepare('DELETE FROM record WHERE key = ?')
  const last = database.prepare(
    'SELECT key, value FROM record WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT 1',
  )
  return {
    get: (key) => rows(get.all(key))[0]?.value,
    put: (key, value) => void put.run(key, value),
    remove: (key) => void remove.run(key),
    last: ({ from, to }) => rows(last.all(from, to))[0]?.key,
  }
}

function byKey(records: readonly StoredRecord[]): ReadonlyMap<string, Uint8Array> {
  return new Map(records.map(({ key, value }) => [key, value]))
}

function rows(selected: unknown[]): readonly StoredRecord[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every statement here selects key and value of a STRICT table
  return selected as StoredRecord[]
}

/** All of `step` or nothing; other processes wait meanwhile. */
function inTransaction<T>(database: Database, step: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = step()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Tries again while another process holds the lock, and lets this one's event loop run in between. */
async function unlocked<T>(step: () => T): Promise<T> {
  const untilMs = performance.now() + storeLockWaitMs
  for (;;) {
    try {
      return step()
    } catch (error) {
      if (sqliteResultOf(error) !== sqliteResult.busy || performance.now() > untilMs) throw error
      await setTimeout(storeLockRetryMs)
    }
  }
}

function storeError(cause: unknown): XmtpError {
  if (cause instanceof XmtpError) return cause
  const result = sqliteResultOf(cause)
  if (result === sqliteResult.busy)
    return new XmtpError('client.store.busy', 'Another process holds the store.', { cause })
  if (result === sqliteResult.corrupt || result === sqliteResult.notADatabase)
    return new XmtpError('client.store.damaged', 'The file is no whole database.', { cause })
  if (result === sqliteResult.full)
    return new XmtpError('client.store.full', 'The disk is full.', { cause })
  if (result === sqliteResult.readOnly)
    return new XmtpError('client.store.readOnly', 'The file cannot be written.', { cause })
  const why = cause instanceof Error ? cause.message : String(cause)
  return new XmtpError('client.store.unusable', `The store cannot be used (${why}).`, { cause })
}
