/**
 * The port to everything of V3 that is stored. Adapters: `v3-memory.ts`, `v3-sqlite.ts`. Both pass
 * `test/suites/v3-store.ts`.
 */
import type { Appended } from './log.ts'

/** Something to append, before it has a place and a time. */
export type V3Item = {
  /** Of a group, an installation's welcomes, a group's commit log or an inbox; at most 600 bytes. */
  readonly topic: string
  /** What is the same in the same topic is stored once. 32 bytes. */
  readonly digest: Uint8Array
  /** Whether retention applies to it; what is not said to expire is kept. */
  readonly expires?: boolean
  /** The bytes that are stored and served. */
  readonly encode: (place: V3Place) => Uint8Array
}

/** What the log gives an item: both grow strictly from item to item, through restarts and clocks set back. */
export type V3Place = {
  /** From 1, never used twice. */
  readonly sequence: number
  /** Whole microseconds. */
  readonly createdNs: bigint
}

export type V3Entry = {
  readonly sequence: number
  readonly topic: string
  readonly payload: Uint8Array
}

export type V3Page = {
  readonly topic: string
  /** Exclusive; 0 is no cursor. */
  readonly cursor: number
  readonly direction: 'ascending' | 'descending'
  readonly limit: number
}

export type V3PageResult = {
  readonly entries: readonly V3Entry[]
  /** Whether it ended at its limit or its bytes, so that more may follow. */
  readonly isFull: boolean
}

export type V3Read = {
  /** Each topic with the sequence behind which to read, or everything. */
  readonly topics: ReadonlyMap<string, number> | 'all'
  /** Exclusive lower bound for all of them. */
  readonly after: number
  /** Inclusive upper bound. */
  readonly until: number
  readonly limit: number
}

/** Entries of one kind in one order. */
export interface V3Log {
  /**
   * All or none, in the order of the array, durable and visible when it resolves. What is there already is not stored
   * again, and keeps its place.
   * @throws XmtpError `node.store.unavailable`, `node.closing`
   */
  append(items: readonly V3Item[], nowMs: number): Promise<readonly Appended[]>
  /** One topic, in order of sequence, from the cursor on; at least one entry when there is any. @throws XmtpError `node.store.unavailable` */
  page(page: V3Page): Promise<V3PageResult>
  /** Across topics, ascending. May give fewer than `limit`, but none only when there is none. */
  read(read: V3Read): Promise<readonly V3Entry[]>
  /** The newest entry of each topic, at the topic's place in the array. */
  newest(topics: readonly string[]): Promise<readonly (V3Entry | undefined)[]>
  /** The sequence of the newest entry; 0 in a fresh log. */
  head(): Promise<number>
  /** Fires after an append commits; carries no data, so a missed call costs only latency. */
  onAppend(wake: () => void): Disposable
  /**
   * Looks at the next `limit` entries from before `beforeMs`, and removes those that expire. Sequences are not used
   * again. @throws XmtpError `node.store.unavailable`
   */
  prune(beforeMs: number, limit: number): Promise<Pruned>
}

/** What one step of pruning did. */
export type Pruned = {
  readonly removed: number
  /** Whether nothing that is old enough is left. */
  readonly isLast: boolean
}

/** The newest key package of each installation. Fetching never uses one up: they are last-resort packages. */
export interface KeyPackageStore {
  /**
   * Durable when it resolves. A package that another one has replaced stays replaced, until nobody takes it any more:
   * everybody can fetch it and send it again, and its private keys may be gone.
   * @param times milliseconds since 1970: now, and when nobody takes the package any more
   */
  put(
    installationKey: Uint8Array,
    keyPackage: Uint8Array,
    times: { readonly nowMs: number; readonly expiresMs: number },
  ): Promise<void>
  /** At the key's place in the array. */
  get(installationKeys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>
  /** Removes at most `limit` packages that expired before `beforeMs`. */
  prune(beforeMs: number, limit: number): Promise<Pruned>
}

/** What a log of identity updates amounts to. */
export type StoredState = {
  /** The sequence of the update that led to it. */
  readonly sequence: number
  /** As `encodeAssociationState` of the protocol writes it. */
  readonly state: Uint8Array
  /** Bytes of all updates in the log, as it gives them out. */
  readonly logBytes: number
}

/** An update that has been checked against the state `after`. */
export type IdentityAppend = {
  readonly item: V3Item
  /** The sequence of the state that the checks began with; 0 for a new inbox. */
  readonly after: number
  readonly state: Uint8Array
  /** Wallets and passkeys, as `memberKey` of the protocol names them. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly inboxId: string
}

/** The logs of inboxes, their states, and whose inbox an identifier belongs to: all change together. */
export interface IdentityStore {
  readonly log: Pick<V3Log, 'page' | 'head'>
  /** Whether this very update is in the log of the topic. */
  has(topic: string, digest: Uint8Array): Promise<boolean>
  stateOf(topic: string): Promise<StoredState | undefined>
  /**
   * Durable and visible when it resolves.
   * @returns the sequence; undefined, with nothing stored, when the state is no longer the one that was checked
   */
  append(update: IdentityAppend, nowMs: number): Promise<number | undefined>
  /** The inbox that each identifier was added to last and has not been removed from, at its place in the array. */
  inboxesOf(identifiers: readonly string[]): Promise<readonly (string | undefined)[]>
}

export interface V3Store extends AsyncDisposable {
  readonly groupMessages: V3Log
  readonly welcomes: V3Log
  readonly commitLog: V3Log
  readonly keyPackages: KeyPackageStore
  readonly identity: IdentityStore
}
