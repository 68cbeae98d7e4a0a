import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { XmtpError } from '@xmtp-ts/protocol'
import { maxIdleWalBytes, storeLockWaitMs, walCheckpointPages } from '../limits.ts'
import { openDatabase, sqliteResult, sqliteResultOf, type Database } from './sqlite-driver.ts'
import { migrate } from './sqlite-schema.ts'

const pageBytes = 8_192

export type SqliteLogOptions = {
  /** Bytes that the database may grow to; unbounded by default. Appends beyond it fail as on a full disk. */
  readonly maxFileBytes?: number
}

/**
 * Opens the file of a store, made with its folder when missing, at the schema of today and for this process alone.
 * @param use makes of it what the caller wants, and finds out thereby whether it can be read; closed when that fails
 * @throws XmtpError `node.store.unusable`, `node.store.damaged`, `node.store.newer`, `node.store.locked`
 */
export async function openFile<T>(
  path: string,
  options: SqliteLogOptions,
  use: (database: Database) => T,
): Promise<T> {
  let database: Database | undefined
  try {
    makeFolder(dirname(path))
    database = await openDatabase(path)
    configure(database, options)
    migrate(database)
    return use(database)
  } catch (error) {
    // Of a file that another process has there is nothing to let go of.
    if (database !== undefined && sqliteResultOf(error) !== sqliteResult.busy) release(database)
    database?.close()
    throw openingError(path, error)
  }
}

function configure(database: Database, { maxFileBytes }: SqliteLogOptions): void {
  database.exec(`
    PRAGMA busy_timeout = ${storeLockWaitMs};
    PRAGMA page_size = ${pageBytes};
    PRAGMA journal_mode = WAL;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = ${walCheckpointPages};
    PRAGMA journal_size_limit = ${maxIdleWalBytes};
  `)
  if (maxFileBytes !== undefined)
    database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxFileBytes / pageBytes))}`)
}

function openingError(path: string, cause: unknown): XmtpError {
  if (cause instanceof XmtpError) return cause
  const result = sqliteResultOf(cause)
  if (result === sqliteResult.busy)
    return new XmtpError('node.store.locked', `Another node uses the store ${path}.`, { cause })
  if (result === sqliteResult.corrupt)
    return new XmtpError('node.store.damaged', `The store ${path} cannot be read.`, { cause })
  // Of another program are files of another format, and those whose tables have other columns or names.
  if (result === sqliteResult.notADatabase || result === sqliteResult.error)
    return new XmtpError('node.store.unusable', `${path} is not a store of this program.`, {
      cause,
    })
  return new XmtpError('node.store.unusable', `The store ${path} cannot be opened for writing.`, {
    cause,
  })
}

/**
 * Merges the write-ahead log and lets go of the file. Closing alone does not: a binding may keep the connection
 * until its statements are collected as garbage. Only outside WAL mode can the exclusive lock be given back.
 */
export function release(database: Database): void {
  try {
    database.exec(`
      PRAGMA journal_mode = DELETE;
      PRAGMA locking_mode = NORMAL;
      SELECT head FROM log;
    `)
  } catch {
    // A failing disk: what was acknowledged is in the write-ahead log already.
  }
}

/** Not with `recursive`, which never returns under /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path)
}
