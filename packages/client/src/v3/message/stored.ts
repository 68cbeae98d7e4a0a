import { Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import type { RecordStore } from '../../store/record-store.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow } from '../records/rows.ts'

/** The messages with these ids, hex, that are there, whatever their conversation. */
export async function findMessages(
  store: RecordStore,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Message>> {
  if (ids.length === 0) return new Map()
  const places = await store.get(ids.map((id) => keys.messageKey(id)))
  const text = new TextDecoder()
  return readMessages(
    store,
    places.flatMap((place) => (place === undefined ? [] : [text.decode(place)])),
  )
}

/** The messages at these keys that are there, by id. */
export async function readMessages(
  store: RecordStore,
  places: readonly string[],
): Promise<ReadonlyMap<string, Message>> {
  const found = new Map<string, Message>()
  if (places.length === 0) return found
  for (const value of await store.get(places)) {
    const row = value && decodeRow(Message, value)
    if (row !== undefined) found.set(bytesToHex(row.id), row)
  }
  return found
}

export function isExpired(core: Core, { expiresAtNs }: Pick<Message, 'expiresAtNs'>): boolean {
  return expiresAtNs > 0n && expiresAtNs <= nowNs(core)
}
