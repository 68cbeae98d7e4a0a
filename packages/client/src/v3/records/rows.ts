import { XmtpError } from '@xmtp-ts/protocol'
import {
  after,
  underPrefix,
  type RecordStore,
  type StoredRecord,
} from '../../store/record-store.ts'
import { scanPageRecords } from '../../limits.ts'

type RowCodec<T> = {
  encode(row: T): { finish(): Uint8Array }
  decode(bytes: Uint8Array): T
}

export function encodeRow<T>(codec: Pick<RowCodec<T>, 'encode'>, row: T): Uint8Array {
  return codec.encode(row).finish()
}

/** @throws XmtpError `client.store.damaged` */
export function decodeRow<T>(codec: Pick<RowCodec<T>, 'decode'>, bytes: Uint8Array): T {
  try {
    return codec.decode(bytes)
  } catch (cause) {
    throw new XmtpError('client.store.damaged', 'A stored record does not decode.', { cause })
  }
}

/** One row, if it is there. */
export async function getRow<T>(
  store: RecordStore,
  codec: Pick<RowCodec<T>, 'decode'>,
  key: string,
): Promise<T | undefined> {
  const [bytes] = await store.get([key])
  return bytes && decodeRow(codec, bytes)
}

/** All records under a prefix. */
export async function scanAll(
  store: RecordStore,
  prefix: string,
): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = []
  for await (const page of scanPages(store, prefix)) found.push(...page)
  return found
}

/** All records under a prefix, page by page, so that no answer is without bound. */
export async function* scanPages(
  store: RecordStore,
  prefix: string,
  limit = scanPageRecords,
): AsyncGenerator<readonly StoredRecord[]> {
  let { from, to } = underPrefix(prefix)
  for (;;) {
    const page = await store.scan({ from, to, order: 'ascending', limit })
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    if (page.length < limit) return
    from = after(last.key)
  }
}

/** A number as a value. */
export function encodeNumber(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}

/** @throws XmtpError `client.store.damaged` */
export function decodeNumber(bytes: Uint8Array | undefined): bigint {
  if (bytes === undefined) return 0n
  if (bytes.length !== 8)
    throw new XmtpError('client.store.damaged', `A stored number has ${bytes.length} bytes.`)
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0)
}
