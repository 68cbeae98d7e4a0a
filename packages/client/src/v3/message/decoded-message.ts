import type { ContentTypeId } from '@xmtp-ts/content'
import type { XmtpError } from '@xmtp-ts/protocol'
import {
  DeliveryStatus as RowStatus,
  MessageKind,
  type Message,
} from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { nsToMs } from '../../environment.ts'
import type { Reaction } from './built-in-codecs.ts'
import { DeliveryStatus, GroupMessageKind } from './enums.ts'

/** What a client's codecs made of a message. */
export type DecodedContent = {
  readonly contentType: ContentTypeId
  readonly content: unknown
  readonly fallback: string | undefined
  /** Why there is no content. */
  readonly error: XmtpError | undefined
}

/** What others said about a message. */
export type Relations = {
  readonly reactions: readonly DecodedMessage<Reaction>[]
  readonly numReplies: number
}

/** A reply together with what it answers. */
export type EnrichedReply<Content = unknown, Original = unknown> = {
  readonly referenceId: string
  readonly content: Content
  readonly contentType: ContentTypeId | undefined
  /** One level deep: the answered message of an answered message is left out. */
  readonly inReplyTo: DecodedMessage<Original> | null
}

/** What stands where a message was deleted for everybody. */
export type DeletedMessage = {
  readonly deletedBy: 'Sender' | 'Admin'
  readonly adminInboxId?: string
}

/** A message as apps see it. */
export class DecodedMessage<Content = unknown> {
  /** hex, the same for everybody in the conversation */
  readonly id: string
  /** Undefined when no codec could read it; see `error` and `fallback`. */
  readonly content: Content | undefined
  readonly contentType: ContentTypeId
  /** Why there is no content. */
  readonly error: XmtpError | undefined
  /** What the sender wants shown where the content cannot be. */
  readonly fallback: string | undefined
  readonly conversationId: string
  readonly deliveryStatus: DeliveryStatus
  /** When it will be deleted here; undefined if it stays. */
  readonly expiresAtNs: bigint | undefined
  readonly expiresAt: Date | undefined
  readonly kind: GroupMessageKind
  readonly numReplies: number
  readonly reactions: readonly DecodedMessage<Reaction>[]
  readonly senderInboxId: string
  /** hex */
  readonly senderInstallationId: string
  /** When the network took it; our own time while it is not sent. */
  readonly sentAt: Date
  readonly sentAtNs: bigint
  readonly insertedAtNs: bigint

  constructor(row: Message, decoded: DecodedContent, relations: Relations) {
    this.id = bytesToHex(row.id)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type that the app's codecs promise
    this.content = decoded.content as Content | undefined
    this.contentType = decoded.contentType
    this.error = decoded.error
    this.fallback = decoded.fallback
    this.conversationId = bytesToHex(row.groupId)
    this.deliveryStatus = deliveryStatusOf(row)
    this.expiresAtNs = row.expiresAtNs === 0n ? undefined : row.expiresAtNs
    this.expiresAt = this.expiresAtNs === undefined ? undefined : dateOf(this.expiresAtNs)
    this.kind = kindOf(row)
    this.numReplies = relations.numReplies
    this.reactions = relations.reactions
    this.senderInboxId = row.senderInboxId
    this.senderInstallationId = bytesToHex(row.senderInstallationId)
    this.sentAtNs = row.sentAtNs
    this.sentAt = dateOf(row.sentAtNs)
    this.insertedAtNs = row.insertedAtNs
  }
}

export function dateOf(ns: bigint): Date {
  return new Date(nsToMs(ns))
}

export function deliveryStatusOf(row: Pick<Message, 'deliveryStatus'>): DeliveryStatus {
  const { Unpublished, Published, Failed } = DeliveryStatus
  if (row.deliveryStatus === RowStatus.DELIVERY_STATUS_PUBLISHED) return Published
  return row.deliveryStatus === RowStatus.DELIVERY_STATUS_FAILED ? Failed : Unpublished
}

export function kindOf({ kind }: Pick<Message, 'kind'>): GroupMessageKind {
  const { Application, MembershipChange } = GroupMessageKind
  return kind === MessageKind.MESSAGE_KIND_MEMBERSHIP_CHANGE ? MembershipChange : Application
}
