import { adoptCommit, firstBlankLeaf, type GroupState } from '@xmtp-ts/mls'
import { DeliveryStatus, Message, OwedWelcomes } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, XmtpError } from '@xmtp-ts/protocol'
import { maxEpochsBehind } from '../../limits.ts'
import type { GroupMessage } from '../../network/mls-api.ts'
import { logApplied } from '../commit-log/local.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow, getRow } from '../records/rows.ts'
import { applyContent } from './applied-content.ts'
import { commitTook } from './commit-took.ts'
import {
  deliver,
  putMessage,
  putPendingMessage,
  removePendingCommit,
  removePendingMessage,
  removeRecord,
  setConversation,
  setMls,
  type GroupChange,
} from './group-change.ts'
import type { OwnMessage } from './loaded-group.ts'
import { isPaused } from './pausing.ts'

/** Our commit came back from the network: the first of its epoch counts, others are made anew by who wants them. */
export function receiveOwnCommit(core: Core, change: GroupChange, message: GroupMessage): void {
  const { pendingCommit, mls } = change.group
  if (pendingCommit === undefined) return
  const { row, staged } = pendingCommit
  if (row.epoch !== mls.context.epoch) {
    removePendingCommit(change)
    throw new XmtpError('client.group.commitLate', `It was made in epoch ${row.epoch}.`)
  }
  const next = adoptCommit(mls, staged)
  setMls(change, next)
  logApplied(change, mls, {
    sequenceId: message.id,
    epoch: next.context.epoch,
    kind: row.kind,
    actor: core.self,
  })
  setConversation(change, { rotatedAtNs: nowNs(core) })
  if (row.welcome.length > 0) {
    const { welcome, keyPackages } = row
    const value = encodeRow(OwedWelcomes, { welcome, keyPackages, messageCursor: message.id })
    change.append.push({ prefix: keys.owedWelcomesOf(change.group.id), value })
  }
  change.group = { ...change.group, adoptedCommit: pendingCommit.hash }
  const outcome = {
    transcript: row.transcript.length === 0 ? undefined : row.transcript,
    actor: core.self,
    readded: row.readded,
    removesSelf: false,
  }
  commitTook(core, change, outcome, message)
}

/**
 * Our message came back: it has its place and time now. One that came too late for others to read it is sent again (v3-mls
 * §7.2, late.ts).
 */
export async function receiveOwnMessage(
  core: Core,
  change: GroupChange,
  own: OwnMessage,
  message: GroupMessage,
): Promise<void> {
  const { mls } = change.group
  if (own.row.epoch + maxEpochsBehind < mls.context.epoch || isLostOnOthers(mls, own.row.epoch)) {
    change.signals.add('late')
    putPendingMessage(change, { ...own, row: { ...own.row, payload: new Uint8Array() } })
    return
  }
  const id = bytesToHex(own.row.messageId)
  const oldKey = keys.message(change.group.id, own.row.sentAtNs, id)
  const stored = await storedMessage(core, change, oldKey)
  removePendingMessage(change, own)
  if (stored === undefined) return
  removeRecord(change, oldKey)
  const row = await applyContent(core, change, {
    ...stored,
    sentAtNs: message.createdNs,
    sequenceId: message.id,
    deliveryStatus: DeliveryStatus.DELIVERY_STATUS_PUBLISHED,
  })
  putMessage(change, row)
  deliver(change, row)
}

/**
 * libxmtp 1.10 does not read a message that comes after the end of its epoch if a place before the sender's in the tree was
 * empty: it takes the place for the position among the members (OpenMLS, `parse_message` in public_group/process.rs; mended
 * since).
 */
function isLostOnOthers({ pastEpochs }: GroupState, epoch: bigint): boolean {
  const past = pastEpochs.find((one) => one.epoch === epoch)
  return past !== undefined && firstBlankLeaf(past.tree) < past.ownLeaf
}

async function storedMessage(
  core: Core,
  change: GroupChange,
  key: string,
): Promise<Message | undefined> {
  const waiting = change.put.get(key)
  return waiting === undefined ? getRow(core.store, Message, key) : decodeRow(Message, waiting)
}

/** What a message of ours is when it could not be sent for good. */
export async function failMessage(core: Core, change: GroupChange, own: OwnMessage): Promise<void> {
  const id = bytesToHex(own.row.messageId)
  const key = keys.message(change.group.id, own.row.sentAtNs, id)
  const stored = await storedMessage(core, change, key)
  removePendingMessage(change, own)
  if (stored !== undefined)
    change.put.set(
      key,
      encodeRow(Message, {
        ...stored,
        deliveryStatus: DeliveryStatus.DELIVERY_STATUS_FAILED,
      }),
    )
}

/** We are removed: what of ours has not come back by now is read by nobody. What waits to be sent goes on waiting. */
export async function failSent(core: Core, change: GroupChange): Promise<void> {
  const sent = change.group.pendingMessages.filter(({ row }) => row.epoch > 0n)
  for (const own of sent) await failMessage(core, change, own)
}

/** @throws XmtpError `client.conversation.inactive`, `client.conversation.paused` */
export function requireWritable(core: Core, { group }: Pick<GroupChange, 'group'>): void {
  const { conversation, id } = group
  if (!conversation.active)
    throw new XmtpError('client.conversation.inactive', `We are no member of ${id}.`)
  if (isPaused(core, conversation))
    throw new XmtpError(
      'client.conversation.paused',
      `${id} asks for libxmtp ${conversation.pausedForVersion}.`,
    )
}
