import { orderedSegment, underPrefix, type RecordStore } from '../../store/record-store.ts'

/** An entry of one of the ordered logs of the store. */
export type LogEntry = {
  readonly number: bigint
  readonly value: Uint8Array
}

/** The first entries from a number on. @param log its prefix, such as `delivered/` */
export async function readEntries(
  store: RecordStore,
  log: string,
  { from, limit }: { readonly from: bigint; readonly limit: number },
): Promise<readonly LogEntry[]> {
  const range = { from: entryKey(log, from), to: underPrefix(log).to, order: 'ascending' } as const
  const records = await store.scan({ ...range, limit })
  return records.map(({ key, value }) => ({ number: numberOf(log, key), value }))
}

/** The number of the entry that comes next, or a smaller one if the log is empty. */
export async function endOfLog(store: RecordStore, log: string): Promise<bigint> {
  const [last] = await store.scan({ ...underPrefix(log), order: 'descending', limit: 1 })
  return last === undefined ? 0n : numberOf(log, last.key) + 1n
}

export function entryKey(log: string, number: bigint): string {
  return log + orderedSegment(number)
}

export function numberOf(log: string, key: string): bigint {
  return BigInt(`0x${key.slice(log.length + 1)}`)
}
