import { equalBytes, XmtpError } from '@xmtp-ts/protocol'
import { maxRecordBytes, maxRecordKeyBytes } from '../limits.ts'
import { orderedSegment, type RecordBatch, type RecordRange } from './record-store.ts'

/**
 * Where records of apps begin in the order of keys. What sorts before, keys from `!`, is the stores' own: `get` and
 * `write` take such keys, `scan` never shows them.
 */
export const firstKey = '#'

/** Behind every key there can be. */
export const behindLastKey = '\x7f'

/** `!floor/` and a prefix without its last `/` holds the highest ordered number that was removed under a prefix: 8 bytes, big-endian. */
export const floorKey = (prefix: string) => `!floor/${prefix.slice(0, -1)}`

/** Segments are not empty; an ordered number or text that sorts behind all of those. */
const keyShape =
  /^!?[\x24-\x2e\x30-\x7e]+(?:\/(?:#[0-9a-f]{16}|[\x24-\x2e\x30-\x7e][\x23-\x2e\x30-\x7e]*))*$/
const orderedShape = /^(.*\/)#([0-9a-f]{16})$/

/** The prefix and the number of a key whose last segment is an ordered number. */
export function splitOrdered(
  key: string,
): { readonly prefix: string; readonly number: bigint } | undefined {
  const [, prefix, hex] = orderedShape.exec(key) ?? []
  return prefix === undefined ? undefined : { prefix, number: BigInt(`0x${hex}`) }
}

export function encodeFloor(number: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, number)
  return bytes
}

/** 0 when nothing was removed. @throws XmtpError `client.store.damaged` */
export function decodeFloor(value: Uint8Array | undefined): bigint {
  if (value === undefined) return 0n
  if (value.length !== 8)
    throw new XmtpError('client.store.damaged', `A floor has ${value.length} bytes.`)
  return new DataView(value.buffer, value.byteOffset).getBigUint64(0)
}

/** @throws RangeError for a key that is none, XmtpError `bytes.tooLong` for a value that no store takes */
export function checkBatch({ expect = [], put = [], remove = [], append = [] }: RecordBatch): void {
  for (const { key } of expect) checkKey(key)
  for (const { key, value } of put) {
    checkKey(key)
    checkValue(value)
  }
  for (const key of remove) checkKey(key)
  for (const { prefix, value } of append) {
    if (!prefix.endsWith('/')) throw new RangeError(`${JSON.stringify(prefix)} is no prefix.`)
    checkKey(prefix.slice(0, -1))
    checkValue(value)
  }
}

/** @throws RangeError */
export function checkKey(key: string): void {
  if (key.length > maxRecordKeyBytes || !keyShape.test(key))
    throw new RangeError(`${JSON.stringify(key.slice(0, 80))} is no key.`)
}

function checkValue(value: Uint8Array): void {
  if (value.length > maxRecordBytes)
    throw new XmtpError(
      'bytes.tooLong',
      `A record has ${value.length} bytes; ${maxRecordBytes} are the limit.`,
    )
}

/** A range that leaves out what is the stores' own. @throws RangeError for a limit that is no positive integer */
export function checkRange(range: RecordRange): RecordRange {
  if (!Number.isSafeInteger(range.limit) || range.limit < 1)
    throw new RangeError(`${range.limit} is no limit.`)
  if (!/^[\x20-\x7f]*$/.test(range.from + range.to))
    throw new RangeError('A range goes between printable ASCII keys.')
  return range.from < firstKey ? { ...range, from: firstKey } : range
}

/** The records that a transaction sees and changes. */
export type OpenRecords = {
  get(key: string): Uint8Array | undefined
  put(key: string, value: Uint8Array): void
  remove(key: string): void
  /** The last key in a range. */
  last(range: { readonly from: string; readonly to: string }): string | undefined
}

/**
 * Applies a batch: expectations, then removals, puts and appends. The caller undoes what was changed when this throws.
 * @returns the keys of appended records, or undefined when an expectation does not hold; nothing has changed then
 * @throws RangeError when no ordered number is left
 */
export function applyBatch(
  records: OpenRecords,
  { expect = [], put = [], remove = [], append = [] }: RecordBatch,
): readonly string[] | undefined {
  for (const { key, value } of expect) if (!isSame(records.get(key), value)) return undefined
  for (const key of remove) removeRecord(records, key)
  for (const { key, value } of put) records.put(key, value)
  return append.map(({ prefix, value }) => {
    const last = records.last(orderedRange(prefix))
    const floor = decodeFloor(records.get(floorKey(prefix)))
    const number = numberBehind(highestNumber(prefix, { floor, last }))
    const key = `${prefix}${orderedSegment(number)}`
    records.put(key, value)
    return key
  })
}

/** Numbers are never given twice, so that whoever remembers one knows that what is new comes behind it. */
function removeRecord(records: OpenRecords, key: string): void {
  const ordered = splitOrdered(key)
  if (ordered !== undefined && records.get(key) !== undefined) {
    const floor = floorKey(ordered.prefix)
    if (ordered.number > decodeFloor(records.get(floor)))
      records.put(floor, encodeFloor(ordered.number))
  }
  records.remove(key)
}

/** Where the ordered records under a prefix are, and what is under them. */
export function orderedRange(prefix: string): Pick<RecordRange, 'from' | 'to'> {
  return { from: `${prefix}#`, to: `${prefix}$` }
}

/** The highest ordered number that there is or was under a prefix; 0 when there was none. */
export function highestNumber(
  prefix: string,
  { floor, last }: { readonly floor: bigint; readonly last: string | undefined },
): bigint {
  const there = last === undefined ? 0n : BigInt(`0x${last.slice(prefix.length + 1).slice(0, 16)}`)
  return there > floor ? there : floor
}

/** @throws RangeError when none is left */
export function numberBehind(number: bigint): bigint {
  if (number >= 0xffff_ffff_ffff_ffffn) throw new RangeError('No ordered number is left.')
  return number + 1n
}

export function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b)
}

export function storeClosed(): XmtpError {
  return new XmtpError('client.store.closed', 'The store was closed.')
}
