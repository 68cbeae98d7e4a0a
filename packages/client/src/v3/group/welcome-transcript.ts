import { DeliveryStatus, MessageKind, type Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesFromHex, v3 } from '@xmtp-ts/protocol'
import { encodeGroupUpdated } from '@xmtp-ts/protocol/group'
import { nowNs, type Core } from '../core.ts'
import type { OpenedGroup } from './open-group.ts'

/** The line that says who added us; written by each for themselves, and never compared (v3-mls §4.4, step 7). */
export function welcomeTranscript(core: Core, opened: OpenedGroup): Message {
  const { joined, adder, welcome, messageCursor } = opened
  const { groupId } = joined.state.context
  const content = encodeGroupUpdated({
    initiatedBy: adder.inboxId,
    added: [core.self.inboxId],
    removed: [],
    left: [],
    changedAttributes: [],
    addedAdmins: [],
    removedAdmins: [],
    addedSuperAdmins: [],
    removedSuperAdmins: [],
  })
  const idempotencyKey = `${welcome.createdNs}_welcome_added`
  return {
    id: bytesFromHex(v3.messageId(groupId, { content, idempotencyKey })) ?? new Uint8Array(),
    groupId,
    content,
    kind: MessageKind.MESSAGE_KIND_MEMBERSHIP_CHANGE,
    senderInboxId: adder.inboxId,
    senderInstallationId: adder.installationId,
    sentAtNs: welcome.createdNs,
    insertedAtNs: nowNs(core),
    deliveryStatus: DeliveryStatus.DELIVERY_STATUS_PUBLISHED,
    sequenceId: messageCursor,
    expiresAtNs: 0n,
    contentType: 'xmtp.org/group_updated',
    referenceId: '',
    deletedBy: '',
  }
}
