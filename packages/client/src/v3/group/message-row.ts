import { DeliveryStatus, MessageKind, type Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesFromHex, v3 } from '@xmtp-ts/protocol'
import { decodeMutableMetadata, disappearingSettings } from '@xmtp-ts/protocol/group'
import type { GroupMessage } from '../../network/mls-api.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { applyContent } from './applied-content.ts'
import { contentFacts } from './content-facts.ts'
import { deliver, putMessage, type GroupChange } from './group-change.ts'

/** Who sent it, by the leaf that MLS vouches for. */
export type Sender = { readonly inboxId: string; readonly installationId: Uint8Array }

/** An application message as it is stored. */
export function messageRow(
  core: Core,
  change: GroupChange,
  fields: {
    readonly plaintext: v3.Plaintext
    readonly sender: Sender
    readonly sentAtNs: bigint
    readonly sequenceId: bigint
    readonly deliveryStatus: DeliveryStatus
  },
): Message {
  const { plaintext, sender, sentAtNs, sequenceId, deliveryStatus } = fields
  const { conversation } = change.group
  const { groupId } = conversation
  return {
    id: bytesFromHex(v3.messageId(groupId, plaintext)) ?? new Uint8Array(),
    groupId,
    content: plaintext.content,
    kind: MessageKind.MESSAGE_KIND_APPLICATION,
    senderInboxId: sender.inboxId,
    senderInstallationId: sender.installationId,
    sentAtNs,
    insertedAtNs: nowNs(core),
    deliveryStatus,
    sequenceId,
    expiresAtNs: expiryOf(core, conversation.mutableMetadata),
    ...contentFacts(plaintext.content),
    deletedBy: '',
  }
}

/** Messages disappear some time after they were stored here (v3-mls §6.5). 0: they stay. */
function expiryOf(core: Core, mutableMetadata: Uint8Array): bigint {
  const settings = disappearingSettings(decodeMutableMetadata(mutableMetadata))
  return settings === undefined ? 0n : nowNs(core) + settings.inNs
}

/** Stores a message of somebody else and does what its content asks for. The first of an id stays. */
export async function storeApplicationMessage(
  core: Core,
  change: GroupChange,
  options: {
    readonly plaintext: v3.Plaintext
    readonly sender: Sender
    readonly message: GroupMessage
  },
): Promise<void> {
  const { plaintext, sender, message } = options
  const id = v3.messageId(message.groupId, plaintext)
  if (await isStored(core, change, id)) return
  const row = messageRow(core, change, {
    plaintext,
    sender,
    sentAtNs: message.createdNs,
    sequenceId: message.id,
    deliveryStatus: DeliveryStatus.DELIVERY_STATUS_PUBLISHED,
  })
  const applied = await applyContent(core, change, row)
  putMessage(change, applied)
  deliver(change, applied)
}

async function isStored(core: Core, change: GroupChange, id: string): Promise<boolean> {
  const key = keys.messageKey(id)
  if (change.put.has(key)) return true
  const [stored] = await core.store.get([key])
  return stored !== undefined
}
