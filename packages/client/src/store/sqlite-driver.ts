/** What we use of a SQLite binding. `node:sqlite` and `@photostructure/sqlite` have the same face. */
export type Database = {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
  readonly isTransaction: boolean
}

export type Statement = {
  run(...values: readonly SqlValue[]): unknown
  get(...values: readonly SqlValue[]): unknown
  all(...values: readonly SqlValue[]): unknown[]
}

export type SqlValue = string | number | Uint8Array

/** SQLite's primary result codes that mean something to us (sqlite.org/rescode.html). */
export const sqliteResult = {
  busy: 5,
  readOnly: 8,
  corrupt: 11,
  full: 13,
  notADatabase: 26,
} as const

/** SQLITE_IOERR_SHORT_READ: the file ends before it should. */
const shortRead = 522

type Binding = { readonly DatabaseSync: new (path: string) => Database }

/** The binding inside Node from 22.13 on, which needs no package; before that the same API as a prebuilt one. */
function bindingName(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 13) ? 'node:sqlite' : '@photostructure/sqlite'
}

export async function openDatabase(path: string): Promise<Database> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both bindings have this face; Node 20's types lack node:sqlite
  const { DatabaseSync } = (await import(bindingName())) as Binding
  return new DatabaseSync(path)
}

/** SQLite's own texts of those results, for errors of `@photostructure/sqlite` while it reads rows: they have no code. */
const resultOfText: Readonly<Record<string, number>> = {
  'database is locked': sqliteResult.busy,
  'database disk image is malformed': sqliteResult.corrupt,
  'file is not a database': sqliteResult.notADatabase,
  'attempt to write a readonly database': sqliteResult.readOnly,
  'database or disk is full': sqliteResult.full,
}

/** The primary result code of an error of the binding; undefined for other errors. */
export function sqliteResultOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  // The low byte is the primary code, what is above it says more.
  if ('errcode' in error && typeof error.errcode === 'number')
    return error.errcode === shortRead ? sqliteResult.corrupt : error.errcode & 0xff
  return resultOfText[error.message]
}
