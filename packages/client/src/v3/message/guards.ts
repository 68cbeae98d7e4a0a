import type {
  Attachment,
  GroupUpdated,
  Intent,
  LeaveRequest,
  MultiRemoteAttachment,
  ReadReceipt,
  RemoteAttachment,
  TransactionReference,
  WalletSendCalls,
} from '@xmtp-ts/content'
import { ContentType, contentTypeOf } from './enums.ts'
import type { Actions, Reaction } from './built-in-codecs.ts'
import type { DecodedMessage, EnrichedReply } from './decoded-message.ts'

type Guard<T> = (message: DecodedMessage) => message is DecodedMessage<T>

/** Whether a message is of one of XMTP's types, in any version. */
function guard<T>(type: ContentType): Guard<T> {
  return (message): message is DecodedMessage<T> =>
    message.contentType.authorityId !== '' &&
    contentTypeOf(`${message.contentType.authorityId}/${message.contentType.typeId}`) === type
}

export const isText: Guard<string> = guard<string>(ContentType.Text)
export const isMarkdown: Guard<string> = guard<string>(ContentType.Markdown)
export const isReaction: Guard<Reaction> = guard<Reaction>(ContentType.Reaction)
export const isReply: Guard<EnrichedReply> = guard<EnrichedReply>(ContentType.Reply)
export const isReadReceipt: Guard<ReadReceipt> = guard<ReadReceipt>(ContentType.ReadReceipt)
export const isAttachment: Guard<Attachment> = guard<Attachment>(ContentType.Attachment)
export const isRemoteAttachment: Guard<RemoteAttachment> = guard<RemoteAttachment>(
  ContentType.RemoteAttachment,
)
export const isMultiRemoteAttachment: Guard<MultiRemoteAttachment> = guard<MultiRemoteAttachment>(
  ContentType.MultiRemoteAttachment,
)
export const isTransactionReference: Guard<TransactionReference> = guard<TransactionReference>(
  ContentType.TransactionReference,
)
export const isGroupUpdated: Guard<GroupUpdated> = guard<GroupUpdated>(ContentType.GroupUpdated)
export const isLeaveRequest: Guard<LeaveRequest> = guard<LeaveRequest>(ContentType.LeaveRequest)
export const isWalletSendCalls: Guard<WalletSendCalls> = guard<WalletSendCalls>(
  ContentType.WalletSendCalls,
)
export const isIntent: Guard<Intent> = guard<Intent>(ContentType.Intent)
export const isActions: Guard<Actions> = guard<Actions>(ContentType.Actions)

export function isTextReply(
  message: DecodedMessage,
): message is DecodedMessage<EnrichedReply<string>> {
  return isReply(message) && typeof message.content?.content === 'string'
}
