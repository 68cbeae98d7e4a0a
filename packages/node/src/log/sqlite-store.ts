import { XmtpError } from '@xmtp-ts/protocol'
import { storeProbeMs } from '../limits.ts'
import type { LogHealth } from './log.ts'
import type { Database } from './sqlite-driver.ts'
import { release } from './sqlite-file.ts'
import { openTopicNumbers, type TopicNumbers } from './sqlite-topics.ts'

/** One change of the store. Several share a transaction, so that a step may run, be rolled back, and run again. */
export type Write<T> = {
  /** Inside the transaction. What it throws fails this write and no other. */
  readonly step: () => T
  /** The transaction was rolled back: puts back what `step` changed in memory. */
  readonly undo?: () => void
  /** The transaction is durable; the caller hears of it next. */
  readonly done?: (result: T) => void
}

/** A write whose result stays inside, so that writes of all types wait in one queue. */
type Pending = {
  readonly run: () => void
  /** Does nothing when the turn of this write had not come. */
  readonly undo: () => void
  readonly done: () => void
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * A SQLite file and the transactions on it, for all the logs that live in it. What they write in one turn of the
 * event loop shares one transaction and one fsync.
 */
export class SqliteStore {
  readonly database: Database
  readonly topics: TopicNumbers
  #pending: Pending[] = []
  #users = 0
  #failure: string | undefined
  #probedMs = 0
  #isClosed = false

  constructor(database: Database) {
    this.database = database
    this.topics = openTopicNumbers(database)
  }

  /** Durable, and visible to reads, when it resolves. @throws XmtpError `node.store.unavailable`, `node.closing` */
  write<T>({ step, undo, done }: Write<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new XmtpError('node.closing', 'The store is closed.'))
        return
      }
      let hasRun = false
      let result: { readonly value: T } | undefined
      const withResult = (use: ((value: T) => void) | undefined) => (): void => {
        if (result !== undefined) use?.(result.value)
      }
      this.#pending.push({
        run: () => {
          hasRun = true
          result = { value: step() }
        },
        undo: () => {
          if (hasRun) undo?.()
          hasRun = false
        },
        done: withResult(done),
        resolve: withResult(resolve),
        reject,
      })
      if (this.#pending.length === 1) setImmediate(() => this.#flush())
    })
  }

  /** At once, in a transaction of its own. Throws whatever the step or the database throws. */
  transaction<T>(step: () => T): T {
    this.database.exec('BEGIN IMMEDIATE')
    try {
      const result = step()
      this.database.exec('COMMIT')
      return result
    } catch (error) {
      // A full disk may have rolled back already.
      if (this.database.isTransaction) this.database.exec('ROLLBACK')
      this.topics.clear()
      throw error
    }
  }

  /** @throws XmtpError `node.closing`, or `node.store.unavailable` for what the database throws */
  async read<T>(step: () => T | Promise<T>): Promise<T> {
    if (this.#isClosed) throw new XmtpError('node.closing', 'The store is closed.')
    try {
      return await step()
    } catch (error) {
      throw error instanceof XmtpError ? error : unavailable(error)
    }
  }

  /** A failing store is tried again before it is reported as failing. */
  health(): LogHealth {
    if (this.#isClosed) return { ok: false, reason: 'The store is closed.' }
    if (this.#failure === undefined) return { ok: true }
    const nowMs = performance.now()
    if (nowMs - this.#probedMs > storeProbeMs) {
      this.#probedMs = nowMs
      try {
        this.transaction(() => this.database.exec('UPDATE log SET probe = probe + 1'))
        this.#failure = undefined
        return { ok: true }
      } catch (error) {
        this.#failure = reasonOf(error)
      }
    }
    return { ok: false, reason: this.#failure ?? '' }
  }

  /** One more user; the file is closed with the last one. */
  open(): void {
    this.#users += 1
  }

  close(): void {
    this.#users -= 1
    if (this.#users > 0 || this.#isClosed) return
    this.#flush()
    this.#isClosed = true
    release(this.database)
    this.database.close()
  }

  #flush(): void {
    const writes = this.#pending
    this.#pending = []
    if (writes.length === 0) return
    if (!this.#commit(writes) && writes.length > 1)
      // One write must not fail its neighbours: each alone.
      for (const write of writes) this.#commit([write])
  }

  /** One transaction for all. Settles them, unless several failed together: @returns false then. */
  #commit(writes: readonly Pending[]): boolean {
    try {
      this.transaction(() => {
        for (const { run } of writes) run()
      })
    } catch (error) {
      for (const { undo } of writes.toReversed()) undo()
      if (writes.length > 1) return false
      for (const { reject } of writes) reject(this.#failed(error))
      return true
    }
    this.#failure = undefined
    for (const { done } of writes) done()
    for (const { resolve } of writes) resolve()
    return true
  }

  /** An error with a code is the answer of a step, not a failing store. */
  #failed(error: unknown): XmtpError {
    if (error instanceof XmtpError) return error
    this.#failure = reasonOf(error)
    return unavailable(error)
  }
}

function unavailable(cause: unknown): XmtpError {
  return new XmtpError('node.store.unavailable', 'The store did not take the request.', { cause })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
