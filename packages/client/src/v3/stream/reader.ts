import { bytesToHex, utf8, XmtpError } from '@xmtp-ts/protocol'
import { createBackoff } from '../../stream/backoff.ts'
import { logPollMs, maxReaderNameLength, streamPageEntries } from '../../limits.ts'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeNumber, encodeNumber } from '../records/rows.ts'
import { waitAtMost, type SignalName } from '../signals.ts'
import { endOfLog, readEntries, type LogEntry } from './log.ts'
import { trimLog, type OpenReaders } from './trim.ts'

/** An ordered log of the store, and what its entries mean to one stream. */
export type LogSource<T> = {
  /** Its prefix. */
  readonly log: string
  /** Raised when something was added. */
  readonly signal: SignalName
  /** The value of an entry; undefined if it is not for this stream. */
  readonly read: (entry: Uint8Array) => Promise<T | undefined>
}

export type Reader<T> = {
  readonly source: LogSource<T>
  /** The number of the first entry to read. */
  readonly start: bigint
  /** The record of a durable reader's position; undefined: nobody remembers how far this one came. */
  readonly place: string | undefined
}

/** @throws XmtpError `client.store.*`; RangeError for a name that is empty or too long */
export async function openReader<T>(
  { store }: Core,
  source: LogSource<T>,
  name: string | undefined,
): Promise<Reader<T>> {
  const end = await endOfLog(store, source.log)
  if (name === undefined) return { source, start: end, place: undefined }
  if (name === '' || name.length > maxReaderNameLength)
    throw new RangeError(`A reader's name has 1 to ${maxReaderNameLength} characters.`)
  const place = keys.reader(source.log, bytesToHex(utf8(name)))
  // Of two that begin under one name at the same time the first one says where.
  await store.write({
    expect: [{ key: place, value: undefined }],
    put: [{ key: place, value: encodeNumber(end) }],
  })
  const [position] = await store.get([place])
  return { source, start: decodeNumber(position), place }
}

type ReadOptions = {
  readonly signal: AbortSignal
  readonly onError: (error: Error) => void
  readonly open: OpenReaders
}

/**
 * The values behind a reader's position, then those that come, until `signal` aborts. How often the signal was raised is
 * read before the log is looked at, so that nothing is missed; the position moves when the value behind the
 * last one is asked for.
 */
export async function* readLog<T>(
  core: Core,
  { source, start, place }: Reader<T>,
  { signal, onError, open }: ReadOptions,
): AsyncGenerator<T, void> {
  const own = { log: source.log, position: start }
  let saved = start
  const save = async () => {
    if (place === undefined || saved === own.position) return
    const put = [{ key: place, value: encodeNumber(own.position) }]
    await untilFree(core, signal, () => core.store.write({ put }))
    saved = own.position
  }
  open.add(own)
  try {
    while (!signal.aborted) {
      const seen = core.signals.count(source.signal)
      const { log, position: from } = own
      const page = await untilFree(core, signal, () =>
        readEntries(core.store, log, { from, limit: streamPageEntries }),
      )
      for (const entry of page) {
        if (signal.aborted) return
        const value = await valueOf(core, entry, { source, signal, onError })
        if (value !== undefined) yield value
        own.position = entry.number + 1n
        if (value !== undefined) await save()
      }
      await save()
      if (page.length > 0)
        await untilFree(core, signal, () => trimLog(core.store, source.log, open))
      else await waitAtMost(core, source.signal, { seen, maxMs: logPollMs, signal })
    }
  } finally {
    open.delete(own)
  }
}

/** A store that is busy is asked again. */
async function untilFree<T>(core: Core, signal: AbortSignal, step: () => Promise<T>): Promise<T> {
  const backoff = createBackoff(core.environment)
  for (;;) {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof XmtpError && error.retry) || signal.aborted) throw error
      await core.environment.sleep(backoff.nextWaitMs(), signal)
    }
  }
}

/** One bad entry is told of and passed. */
async function valueOf<T>(
  core: Core,
  { value }: LogEntry,
  { source, signal, onError }: Pick<ReadOptions, 'signal' | 'onError'> & { source: LogSource<T> },
): Promise<T | undefined> {
  try {
    return await untilFree(core, signal, () => source.read(value))
  } catch (error) {
    onError(error instanceof Error ? error : new Error(String(error)))
    return undefined
  }
}
