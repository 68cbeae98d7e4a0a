/**
 * The port to the one order of everything that is stored. Adapters: `memory.ts`, `sqlite.ts`. All of them pass
 * `test/suites/envelope-log.ts`.
 */

/** An envelope that the checks of ingest have accepted. */
export type CheckedEnvelope = {
  /** 1 to 300 bytes of UTF-8. Any string, not only topics of the protocol. */
  readonly topic: string
  /** The sender's time, any uint64. */
  readonly timestampNs: bigint
  readonly payload: Uint8Array
  /** SHA-256 of topic ‖ payload, 32 bytes. */
  readonly digest: Uint8Array
  /** When the node received it. */
  readonly receivedMs: number
  /** Whether retention applies; what is under `/xmtp/` stays for ever. */
  readonly expires: boolean
}

/** An envelope in the log. */
export type LoggedEnvelope = {
  /** Its place in the order of commits, from 1, unique in the log, never used twice. A safe integer. */
  readonly sequence: number
  readonly topic: string
  readonly timestampNs: bigint
  readonly payload: Uint8Array
  readonly digest: Uint8Array
}

/** What became of an appended envelope. */
export type Appended = {
  readonly sequence: number
  /** False when the same envelope (topic, time, digest) was there before, in the log or earlier in the call. */
  readonly isNew: boolean
}

/** Where a page of a query goes on: behind this place, in the direction of the query (node-api §3.4). */
export type QueryCursor = {
  /** Absent in cursors of old clients, which compare the digest alone. */
  readonly timestampNs: bigint | undefined
  readonly digest: Uint8Array
}

export type LogQuery = {
  /** At least one; the pages of several are merged into one order. */
  readonly topics: readonly string[]
  /** Inclusive bounds of the sender's time; 0 is no bound. */
  readonly startNs: bigint
  readonly endNs: bigint
  readonly cursor: QueryCursor | undefined
  readonly direction: 'ascending' | 'descending'
  readonly limit: number
  /** Payload bytes after which the page ends early; its first envelope always comes. */
  readonly maxBytes: number
}

export type LogPage = {
  /** By (time, digest), digests as unsigned bytes. */
  readonly envelopes: readonly LoggedEnvelope[]
  /** Whether the page ended at `limit` or `maxBytes`, so that more may follow. */
  readonly isFull: boolean
}

export type LogRead = {
  /** Topics to read, or everything. */
  readonly topics: readonly string[] | 'all'
  /** Exclusive lower bound. */
  readonly after: number
  /** Inclusive upper bound. */
  readonly until: number
  readonly limit: number
}

export type LogHealth = { readonly ok: true } | { readonly ok: false; readonly reason: string }

export interface EnvelopeLog extends AsyncDisposable {
  /** 8 random bytes, made with the log and kept with it. */
  readonly id: Uint8Array
  /**
   * All or none of the call, durable when it resolves, in the order of the array. Appending an envelope that is
   * there already changes nothing. Visible to `query` and `read` when it resolves, and to nobody before it is
   * durable.
   * @throws XmtpError `node.store.unavailable` with nothing stored; later calls are tried afresh
   */
  append(envelopes: readonly CheckedEnvelope[]): Promise<readonly Appended[]>
  /** @throws XmtpError `node.store.unavailable` */
  query(query: LogQuery): Promise<LogPage>
  /**
   * In log order. May give fewer than `limit` to save memory, but none only when there is none.
   * @throws XmtpError `node.store.unavailable`
   */
  read(read: LogRead): Promise<readonly LoggedEnvelope[]>
  /** The sequence of the newest envelope ever appended; 0 in a fresh log. What is appended later is above it. */
  head(): Promise<number>
  /** Fires after an append commits; carries no data, so a missed call costs only latency. */
  onAppend(wake: () => void): Disposable
  /** Removes at most `limit` expiring envelopes received before `beforeMs`. @returns how many */
  prune(beforeMs: number, limit: number): Promise<number>
  /** Envelopes in the log, roughly. */
  count(): Promise<number>
  /** Whether appends can succeed. A failing store is tried again before it is reported as failing. */
  health(): Promise<LogHealth>
}
