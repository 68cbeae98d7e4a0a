import { DeleteMessage } from '@xmtp-ts/proto/mls/message_contents/content_types/delete_message'
import { Membership, Message, MessageKind } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { decodeMutableMetadata } from '@xmtp-ts/protocol/group'
import { scanAll, decodeRow, encodeRow, getRow } from '../records/rows.ts'
import { keys } from '../records/keys.ts'
import type { Core } from '../core.ts'
import { applySyncMessage } from '../device-sync/applied-sync.ts'
import { keptTypeOf } from './conversation-row.ts'
import { putRecord, setConversation, type GroupChange } from './group-change.ts'
import { decodeContent } from './content-facts.ts'

/** What may be deleted for everybody (v3-mls §6.5). */
const deletable: ReadonlySet<string> = new Set(
  [
    'text',
    'markdown',
    'reply',
    'attachment',
    'remoteStaticAttachment',
    'multiRemoteStaticAttachment',
    'transactionReference',
    'walletSendCalls',
  ].map((typeId) => `xmtp.org/${typeId}`),
)

/**
 * Does what the content of a message asks of everybody's client: leaving, deleting; in sync groups, what installations of
 * one inbox tell each other.
 * @returns the message as it is to be stored: one whose deletion came first is stored as deleted
 */
export async function applyContent(
  core: Core,
  change: GroupChange,
  row: Message,
): Promise<Message> {
  if (keptTypeOf(change.group.conversation) === 'sync') await applySyncMessage(core, change, row)
  else if (row.contentType === 'xmtp.org/leave_request') leave(core, change, row)
  else return applyDeletions(core, change, row)
  return row
}

/** Deletes what a message wants gone, or the message itself if somebody wanted it gone before it came. */
export async function applyDeletions(
  core: Core,
  change: GroupChange,
  row: Message,
): Promise<Message> {
  if (row.contentType === 'xmtp.org/deleteMessage') await remove(core, change, row)
  else if (deletable.has(row.contentType)) return afterDeletions(core, change, row)
  return row
}

/** A member wants to be removed; super admins do it (v3-mls §5.4). */
function leave(core: Core, change: GroupChange, { senderInboxId }: Message): void {
  const { conversation } = change.group
  if (keptTypeOf(conversation) !== 'group' || isSuperAdmin(change, senderInboxId)) return
  const leavingInboxIds = [...new Set([...conversation.leavingInboxIds, senderInboxId])]
  const isOurs = senderInboxId === core.self.inboxId
  setConversation(change, {
    leavingInboxIds,
    ...(isOurs && { membership: Membership.MEMBERSHIP_PENDING_REMOVE }),
  })
  change.signals.add('leaving')
  change.signals.add('conversations')
}

/** Known messages are emptied at once; of others it is noted who wants them gone, and as what. */
async function remove(core: Core, change: GroupChange, row: Message): Promise<void> {
  const encoded = decodeContent(row.content)
  if (encoded === undefined) return
  const targetId = readTarget(encoded.content)
  if (targetId === undefined) return
  const bySuperAdmin = isSuperAdmin(change, row.senderInboxId)
  const note = Uint8Array.of(bySuperAdmin ? 1 : 0)
  putRecord(change, keys.deletion(change.group.id, targetId, row.senderInboxId), note)
  const target = await findMessage(core, change, targetId)
  if (target === undefined || !mayDelete(target, row.senderInboxId, bySuperAdmin)) return
  const value = encodeRow(Message, emptied(target, row.senderInboxId))
  putRecord(change, keys.message(change.group.id, target.sentAtNs, targetId), value)
  change.append.push({ prefix: keys.deleted, value })
  change.signals.add('deleted')
}

async function afterDeletions(core: Core, change: GroupChange, row: Message): Promise<Message> {
  const prefix = keys.deletionsOf(change.group.id, bytesToHex(row.id))
  const notes = await scanAll(core.store, prefix)
  for (const { key, value } of notes) {
    const inboxId = key.slice(prefix.length)
    if (mayDelete(row, inboxId, value[0] === 1)) return emptied(row, inboxId)
  }
  return row
}

function mayDelete(target: Message, inboxId: string, isSuperAdmin: boolean): boolean {
  return (
    target.kind === MessageKind.MESSAGE_KIND_APPLICATION &&
    deletable.has(target.contentType) &&
    (target.senderInboxId === inboxId || isSuperAdmin)
  )
}

function emptied(row: Message, deletedBy: string): Message {
  return { ...row, content: new Uint8Array(), deletedBy }
}

function isSuperAdmin({ group }: GroupChange, inboxId: string): boolean {
  return decodeMutableMetadata(group.conversation.mutableMetadata).superAdmins.includes(inboxId)
}

async function findMessage(
  core: Core,
  change: GroupChange,
  id: string,
): Promise<Message | undefined> {
  const waiting = change.put.get(keys.messageKey(id))
  const [stored] = waiting === undefined ? await core.store.get([keys.messageKey(id)]) : [waiting]
  if (stored === undefined) return undefined
  const key = new TextDecoder().decode(stored)
  // A message of another group is none of this one's business.
  if (!key.startsWith(keys.messages(change.group.id))) return undefined
  const bytes = change.put.get(key)
  return bytes === undefined ? getRow(core.store, Message, key) : decodeRow(Message, bytes)
}

function readTarget(content: Uint8Array): string | undefined {
  try {
    const { messageId } = DeleteMessage.decode(content)
    return /^[0-9a-f]{64}$/.test(messageId) ? messageId : undefined
  } catch {
    // Nobody can say what it was to delete.
    return undefined
  }
}
