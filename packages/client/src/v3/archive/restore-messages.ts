import type { GroupMessageSave } from '@xmtp-ts/proto/device_sync/message_backup'
import type { Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { decodeMutableMetadata, disappearingSettings } from '@xmtp-ts/protocol/group'
import { maxConflicts } from '../../limits.ts'
import { nowNs, type Core } from '../core.ts'
import { applyDeletions } from '../group/applied-content.ts'
import { keptTypeOf } from '../group/conversation-row.ts'
import {
  contended,
  openChange,
  putMessage,
  writeChange,
  type GroupChange,
} from '../group/group-change.ts'
import { keys } from '../records/keys.ts'
import { readMessageSave } from './message-save.ts'

/**
 * Stores messages of an archive that are not here, those of one conversation in one transaction. Streams do not tell of
 * them. What is of no conversation that is here is passed.
 * @throws XmtpError `client.store.*`
 */
export async function restoreMessages(
  core: Core,
  saves: readonly GroupMessageSave[],
): Promise<void> {
  const rows = saves.flatMap((save) => readMessageSave(save, nowNs(core)) ?? [])
  const byGroup = new Map<string, Message[]>()
  for (const row of rows) {
    const id = bytesToHex(row.groupId)
    byGroup.set(id, [...(byGroup.get(id) ?? []), row])
  }
  for (const [id, messages] of byGroup)
    await core.groups.turn(id, () => restoreInTurn(core, id, messages))
}

async function restoreInTurn(core: Core, id: string, rows: readonly Message[]): Promise<void> {
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const group = await core.groups.load(id)
    // What is said in a sync group moves keys and decisions: nobody says it but an installation itself.
    if (group === undefined || keptTypeOf(group.conversation) === 'sync') return
    const change = openChange(group)
    const stored = await core.store.get(rows.map((row) => keys.messageKey(bytesToHex(row.id))))
    for (const [index, row] of rows.entries())
      if (stored[index] === undefined) await restoreOne(core, change, row)
    if (change.put.size === 0 || (await writeChange(core, change)) !== undefined) return
  }
  throw contended()
}

async function restoreOne(core: Core, change: GroupChange, row: Message): Promise<void> {
  if (change.put.has(keys.messageKey(bytesToHex(row.id)))) return
  const expiresAtNs = expiryOf(change, row)
  if (expiresAtNs > 0n && expiresAtNs <= nowNs(core)) return
  putMessage(change, await applyDeletions(core, change, { ...row, expiresAtNs }))
}

/** Archives do not say when a message is to disappear: as much later than it was sent as the conversation says. */
function expiryOf({ group }: GroupChange, { sentAtNs }: Message): bigint {
  const settings = disappearingSettings(decodeMutableMetadata(group.conversation.mutableMetadata))
  if (settings === undefined || sentAtNs < settings.fromNs) return 0n
  return sentAtNs + settings.inNs
}
