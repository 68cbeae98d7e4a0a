import { Delivered } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import type { DecodedMessage } from '../message/decoded-message.ts'
import { enrich } from '../message/enrich.ts'
import { findMessages, isExpired } from '../message/stored.ts'
import { keys } from '../records/keys.ts'
import { decodeRow } from '../records/rows.ts'
import type { LogSource } from '../stream/reader.ts'
import type { Host } from './host.ts'
import { readStitched, readView, type View } from './view.ts'

/** The messages of the conversations that `isWanted`, in the order in which this client came to know them. */
export function messageSource<Content>(
  host: Host,
  isWanted: (view: View) => boolean,
): LogSource<DecodedMessage<Content>> {
  const { core } = host
  return {
    log: keys.delivered,
    signal: 'delivered',
    async read(entry) {
      const { groupId, messageId } = decodeRow(Delivered, entry)
      const view = await readView(core, bytesToHex(groupId))
      if (view === undefined || !isWanted(view)) return undefined
      const id = bytesToHex(messageId)
      const row = (await findMessages(core.store, [id])).get(id)
      // Deleted in the meantime.
      if (row === undefined || isExpired(core, row)) return undefined
      const groupIds = (await readStitched(core, view)).map((one) => one.id)
      const [message] = await enrich<Content>(host, groupIds, [row])
      return message
    },
  }
}
