/** Numbers of `@xmtp/node-sdk`. */
export const DeliveryStatus = { Unpublished: 0, Published: 1, Failed: 2 } as const
export type DeliveryStatus = (typeof DeliveryStatus)[keyof typeof DeliveryStatus]

export const GroupMessageKind = { Application: 0, MembershipChange: 1 } as const
export type GroupMessageKind = (typeof GroupMessageKind)[keyof typeof GroupMessageKind]

export const SortDirection = { Ascending: 0, Descending: 1 } as const
export type SortDirection = (typeof SortDirection)[keyof typeof SortDirection]

export const MessageSortBy = { SentAt: 0, InsertedAt: 1 } as const
export type MessageSortBy = (typeof MessageSortBy)[keyof typeof MessageSortBy]

/** What lists of messages can be filtered by; `Custom` is everything that is not of XMTP itself. */
export const ContentType = {
  Actions: 0,
  Attachment: 1,
  Custom: 2,
  GroupMembershipChange: 3,
  GroupUpdated: 4,
  Intent: 5,
  LeaveRequest: 6,
  Markdown: 7,
  MultiRemoteAttachment: 8,
  Reaction: 9,
  ReadReceipt: 10,
  RemoteAttachment: 11,
  Reply: 12,
  Text: 13,
  TransactionReference: 14,
  WalletSendCalls: 15,
} as const
export type ContentType = (typeof ContentType)[keyof typeof ContentType]

const typeIds: ReadonlyMap<string, ContentType> = new Map([
  ['actions', ContentType.Actions],
  ['attachment', ContentType.Attachment],
  ['group_membership_change', ContentType.GroupMembershipChange],
  ['group_updated', ContentType.GroupUpdated],
  ['intent', ContentType.Intent],
  ['leave_request', ContentType.LeaveRequest],
  ['markdown', ContentType.Markdown],
  ['multiRemoteStaticAttachment', ContentType.MultiRemoteAttachment],
  ['reaction', ContentType.Reaction],
  ['readReceipt', ContentType.ReadReceipt],
  ['remoteStaticAttachment', ContentType.RemoteAttachment],
  ['reply', ContentType.Reply],
  ['text', ContentType.Text],
  ['transactionReference', ContentType.TransactionReference],
  ['walletSendCalls', ContentType.WalletSendCalls],
])

/** The type id of a stored `authority/type`: libxmtp goes by it alone, whoever the authority is. */
export function typeIdOf(contentType: string): string {
  return contentType.slice(contentType.indexOf('/') + 1)
}

export function contentTypeOf(contentType: string): ContentType {
  return typeIds.get(typeIdOf(contentType)) ?? ContentType.Custom
}
