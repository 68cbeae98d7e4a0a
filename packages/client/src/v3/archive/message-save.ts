import {
  DeliveryStatusSave,
  GroupMessageKindSave,
  type GroupMessageSave,
} from '@xmtp-ts/proto/device_sync/message_backup'
import { DeliveryStatus, MessageKind, type Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesFromHex } from '@xmtp-ts/protocol'
import { contentFacts, decodeContent } from '../group/content-facts.ts'

const messageIdBytes = 32

/** An application message as archives have it (v3-mls §8.5). */
export function saveMessage(row: Message): GroupMessageSave {
  const type = decodeContent(row.content)?.type
  return {
    id: row.id,
    groupId: row.groupId,
    decryptedMessageBytes: row.content,
    sentAtNs: row.sentAtNs,
    kind: GroupMessageKindSave.GROUP_MESSAGE_KIND_SAVE_APPLICATION,
    senderInstallationId: row.senderInstallationId,
    senderInboxId: row.senderInboxId,
    deliveryStatus: DeliveryStatusSave.DELIVERY_STATUS_SAVE_PUBLISHED,
    versionMajor: type?.versionMajor ?? 0,
    versionMinor: type?.versionMinor ?? 0,
    authorityId: type?.authorityId ?? '',
    referenceId: bytesFromHex(row.referenceId),
    sequenceId: row.sequenceId,
    originatorId: undefined,
    contentType: type?.typeId ?? '',
  }
}

/**
 * The message that an archive has. What it says of itself is read from its content, not from the archive.
 * @returns undefined for what is no application message that was sent
 */
export function readMessageSave(save: GroupMessageSave, insertedAtNs: bigint): Message | undefined {
  const isMessage =
    save.kind === GroupMessageKindSave.GROUP_MESSAGE_KIND_SAVE_APPLICATION &&
    save.deliveryStatus === DeliveryStatusSave.DELIVERY_STATUS_SAVE_PUBLISHED &&
    save.id.length === messageIdBytes &&
    save.sentAtNs > 0n
  if (!isMessage) return undefined
  const sequenceId = save.sequenceId ?? 0n
  return {
    id: save.id,
    groupId: save.groupId,
    content: save.decryptedMessageBytes,
    kind: MessageKind.MESSAGE_KIND_APPLICATION,
    senderInboxId: save.senderInboxId,
    senderInstallationId: save.senderInstallationId,
    sentAtNs: save.sentAtNs,
    insertedAtNs,
    deliveryStatus: DeliveryStatus.DELIVERY_STATUS_PUBLISHED,
    sequenceId: sequenceId < 0n ? 0n : sequenceId,
    expiresAtNs: 0n,
    ...contentFacts(save.decryptedMessageBytes),
    deletedBy: '',
  }
}
