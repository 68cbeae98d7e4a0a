import { keptLogEntries, maxLogEntries, trimmedEntries } from '../../limits.ts'
import { underPrefix, type RecordStore } from '../../store/record-store.ts'
import { keys } from '../records/keys.ts'
import { decodeNumber, scanAll } from '../records/rows.ts'
import { endOfLog, entryKey } from './log.ts'

/** The readers of this client that are at work, and where. */
export type OpenReaders = Set<{ readonly log: string; readonly position: bigint }>

/**
 * Removes the oldest entries of a log, some at a time: those that all readers have passed, but for the newest 10,000;
 * and whatever is older than the newest million.
 */
export async function trimLog(store: RecordStore, log: string, open: OpenReaders): Promise<void> {
  const range = { ...underPrefix(log), order: 'ascending', limit: trimmedEntries } as const
  const end = await endOfLog(store, log)
  if (end <= BigInt(keptLogEntries)) return
  const named = await scanAll(store, keys.readersOf(log))
  const positions = [
    ...named.map(({ value }) => decodeNumber(value)),
    ...[...open].filter((reader) => reader.log === log).map(({ position }) => position),
  ]
  const passed = positions.reduce((least, one) => (one < least ? one : least), end)
  const bound = (kept: number) => end - BigInt(kept)
  const wanted = passed < bound(keptLogEntries) ? passed : bound(keptLogEntries)
  const until = wanted > bound(maxLogEntries) ? wanted : bound(maxLogEntries)
  const last = entryKey(log, until < 0n ? 0n : until)
  const old = await store.scan({ ...range, to: last < range.to ? last : range.to })
  // In whole portions, so that a busy log costs little for each message.
  if (old.length === trimmedEntries) await store.write({ remove: old.map(({ key }) => key) })
}
