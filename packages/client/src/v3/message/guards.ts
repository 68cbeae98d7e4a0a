import { ContentType, contentTypeOf } from './enums.ts'
import type { DecodedMessage, EnrichedReply, Reaction } from './decoded-message.ts'

type Guard<T> = (message: DecodedMessage) => message is DecodedMessage<T>

/** Whether a message is of one of XMTP's types, in any version. */
function guard<T = unknown>(type: ContentType): Guard<T> {
  return (message): message is DecodedMessage<T> =>
    message.contentType.authorityId !== '' &&
    contentTypeOf(`${message.contentType.authorityId}/${message.contentType.typeId}`) === type
}

export const isText: Guard<string> = guard<string>(ContentType.Text)
export const isMarkdown: Guard<string> = guard<string>(ContentType.Markdown)
export const isReaction: Guard<Reaction> = guard<Reaction>(ContentType.Reaction)
export const isReply: Guard<EnrichedReply> = guard<EnrichedReply>(ContentType.Reply)
export const isReadReceipt: Guard<unknown> = guard(ContentType.ReadReceipt)
export const isAttachment: Guard<unknown> = guard(ContentType.Attachment)
export const isRemoteAttachment: Guard<unknown> = guard(ContentType.RemoteAttachment)
export const isMultiRemoteAttachment: Guard<unknown> = guard(ContentType.MultiRemoteAttachment)
export const isTransactionReference: Guard<unknown> = guard(ContentType.TransactionReference)
export const isGroupUpdated: Guard<unknown> = guard(ContentType.GroupUpdated)
export const isLeaveRequest: Guard<unknown> = guard(ContentType.LeaveRequest)
export const isWalletSendCalls: Guard<unknown> = guard(ContentType.WalletSendCalls)
export const isIntent: Guard<unknown> = guard(ContentType.Intent)
export const isActions: Guard<unknown> = guard(ContentType.Actions)

export function isTextReply(
  message: DecodedMessage,
): message is DecodedMessage<EnrichedReply<string>> {
  return isReply(message) && typeof message.content?.content === 'string'
}
