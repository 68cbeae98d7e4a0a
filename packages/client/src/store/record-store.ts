/**
 * One stored record. Keys are ASCII paths, `table/segment/…`; a segment that starts with `#` is an ordered number, other
 * segments are printable, without spaces, from `$` on. Keys from `!` are the stores' own.
 */
export type StoredRecord = { readonly key: string; readonly value: Uint8Array }

export type RecordRange = {
  /** Inclusive. */
  readonly from: string
  /** Exclusive. */
  readonly to: string
  readonly order: 'ascending' | 'descending'
  /** Records at most. */
  readonly limit: number
}

/**
 * A new record at the end of `prefix`: its key is `prefix` and the next ordered number (`orderedSegment`). Numbers of
 * records that were removed do not come again.
 */
export type AppendedRecord = { readonly prefix: string; readonly value: Uint8Array }

/** What must be so in the store for a batch to be written; undefined: that there is no such record. */
export type Expectation = { readonly key: string; readonly value: Uint8Array | undefined }

/** Removals come before puts, puts before what is appended. */
export type RecordBatch = {
  readonly expect?: readonly Expectation[]
  readonly put?: readonly StoredRecord[]
  readonly remove?: readonly string[]
  readonly append?: readonly AppendedRecord[]
}

/**
 * Where a client keeps what it must not lose: an ordered map from ASCII keys to bytes. Reads see whole batches only. Nothing
 * is held between two calls, so that IndexedDB, whose transactions end by themselves, serves as well as SQLite; who
 * reads, thinks and then writes says what it relied on in `expect`. Several processes may have the same store open.
 * `test/suites/record-store.ts` says the rest.
 */
export interface RecordStore extends AsyncDisposable {
  /** The values of `keys`, in their order, from one moment. */
  get(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>
  /** Records in a range, in order of their keys' bytes, from one moment. */
  scan(range: RecordRange): Promise<readonly StoredRecord[]>
  /**
   * Writes all of a batch or nothing of it. It outlives the process when this resolves.
   * @returns the keys of appended records in their order, or undefined when an expectation did not hold
   * @throws XmtpError `client.store.*`
   */
  write(batch: RecordBatch): Promise<readonly string[] | undefined>
}

/** A number below 2^64 as a segment whose order as text is its order as a number. */
export function orderedSegment(value: bigint): string {
  return `#${value.toString(16).padStart(16, '0')}`
}

/**
 * Behind a key and before the one after it, as the beginning or end of a range: no key has a space. A zero byte would do as
 * well, but bindings of SQLite end a text there.
 */
export function after(key: string): string {
  return `${key} `
}

/** All keys that start with `prefix`, which ends in `/`. */
export function underPrefix(prefix: string): Pick<RecordRange, 'from' | 'to'> {
  return { from: prefix, to: `${prefix.slice(0, -1)}0` }
}
