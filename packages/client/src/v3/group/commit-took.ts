import { DeliveryStatus, MessageKind, type Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesFromHex, bytesToHex, v3 } from '@xmtp-ts/protocol'
import { decodeMembership } from '@xmtp-ts/protocol/group'
import type { GroupMessage } from '../../network/mls-api.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { encodeNumber } from '../records/rows.ts'
import {
  deliver,
  describeState,
  putMessage,
  putRecord,
  removePendingCommit,
  setConversation,
  setProgress,
  type GroupChange,
} from './group-change.ts'

/** What a commit that counts leaves behind besides its state. */
export type CommitOutcome = {
  /** EncodedContent of what it changed; undefined if a person would see nothing of it. */
  readonly transcript: Uint8Array | undefined
  readonly actor: Actor
  /** Installations that a super admin took out and put back. */
  readonly readded: readonly Uint8Array[]
  readonly removesSelf: boolean
}

type Actor = { readonly inboxId: string; readonly installationId: Uint8Array }

/** Notes the new state for lists, forgets a commit of our own that is over, and writes the transcript. */
export function commitTook(
  core: Core,
  change: GroupChange,
  outcome: CommitOutcome,
  message: Pick<GroupMessage, 'id' | 'createdNs' | 'groupId'>,
): void {
  const { transcript, actor, readded, removesSelf } = outcome
  if (removesSelf) setConversation(change, { active: false })
  else noteState(change)
  setProgress(change, { epochBegan: message.id })
  removePendingCommit(change)
  for (const key of readded)
    putRecord(
      change,
      keys.readdAnswered(change.group.id, bytesToHex(key)),
      encodeNumber(message.id),
    )
  if (transcript !== undefined) {
    const row = transcriptRow(core, { transcript, actor, message })
    putMessage(change, row)
    deliver(change, row)
  }
  change.signals.add('conversations')
}

function noteState(change: GroupChange): void {
  const state = describeState(change.group.mls)
  const { members } = decodeMembership(state.members)
  const asked = change.group.conversation.leavingInboxIds
  const leavingInboxIds = asked.filter((inboxId) => members.has(inboxId))
  setConversation(change, { ...state, leavingInboxIds })
  // Who has just become super admin lets those go who asked before.
  if (leavingInboxIds.length > 0) change.signals.add('leaving')
}

/** The record of a change as everybody in the group writes it for themselves (v3-mls §6.4). */
function transcriptRow(
  core: Core,
  {
    transcript,
    actor,
    message,
  }: {
    readonly transcript: Uint8Array
    readonly actor: Actor
    readonly message: Pick<GroupMessage, 'id' | 'createdNs' | 'groupId'>
  },
): Message {
  const { groupId, createdNs } = message
  const idempotencyKey = createdNs.toString()
  const id = v3.messageId(groupId, { content: transcript, idempotencyKey })
  return {
    id: bytesFromHex(id) ?? new Uint8Array(),
    groupId,
    content: transcript,
    kind: MessageKind.MESSAGE_KIND_MEMBERSHIP_CHANGE,
    senderInboxId: actor.inboxId,
    senderInstallationId: actor.installationId,
    sentAtNs: createdNs,
    insertedAtNs: nowNs(core),
    deliveryStatus: DeliveryStatus.DELIVERY_STATUS_PUBLISHED,
    sequenceId: message.id,
    expiresAtNs: 0n,
    contentType: 'xmtp.org/group_updated',
    referenceId: '',
    deletedBy: '',
  }
}
