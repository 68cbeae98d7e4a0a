import {
  actionsType,
  attachmentCodec,
  attachmentType,
  createCodecRegistry,
  groupUpdatedType,
  intentCodec,
  intentType,
  leaveRequestType,
  markdownCodec,
  markdownType,
  multiRemoteAttachmentCodec,
  multiRemoteAttachmentType,
  reactionType,
  readReceiptCodec,
  readReceiptType,
  remoteAttachmentCodec,
  remoteAttachmentType,
  replyType,
  textCodec,
  textType,
  transactionReferenceCodec,
  transactionReferenceType,
  walletSendCallsCodec,
  walletSendCallsType,
  type ContentCodec,
  type ContentTypeId,
  type EncodedContent,
} from '@xmtp-ts/content'
import { numberedActionsCodec, numberedReactionCodec } from './built-in-codecs.ts'

const noCodecs = createCodecRegistry([])

/** Content as it goes into `conversation.send`, or into a reply. */
function encoderOf<T>(codec: ContentCodec<T>): (content: T) => EncodedContent {
  return (content) => {
    const encoded = codec.encode(content, noCodecs)
    const fallback = codec.fallback(content)
    return fallback === undefined ? encoded : { ...encoded, fallback }
  }
}

function typeOf(type: ContentTypeId): () => ContentTypeId {
  return () => ({ ...type })
}

export const encodeText = encoderOf(textCodec)
export const encodeMarkdown = encoderOf(markdownCodec)
export const encodeReaction = encoderOf(numberedReactionCodec)
export const encodeReadReceipt = encoderOf(readReceiptCodec)
export const encodeAttachment = encoderOf(attachmentCodec)
export const encodeRemoteAttachment = encoderOf(remoteAttachmentCodec)
export const encodeMultiRemoteAttachment = encoderOf(multiRemoteAttachmentCodec)
export const encodeTransactionReference = encoderOf(transactionReferenceCodec)
export const encodeWalletSendCalls = encoderOf(walletSendCallsCodec)
export const encodeActions = encoderOf(numberedActionsCodec)
export const encodeIntent = encoderOf(intentCodec)

export const contentTypeText = typeOf(textType)
export const contentTypeMarkdown = typeOf(markdownType)
export const contentTypeReaction = typeOf(reactionType)
export const contentTypeReply = typeOf(replyType)
export const contentTypeReadReceipt = typeOf(readReceiptType)
export const contentTypeAttachment = typeOf(attachmentType)
export const contentTypeRemoteAttachment = typeOf(remoteAttachmentType)
export const contentTypeMultiRemoteAttachment = typeOf(multiRemoteAttachmentType)
export const contentTypeTransactionReference = typeOf(transactionReferenceType)
export const contentTypeWalletSendCalls = typeOf(walletSendCallsType)
export const contentTypeActions = typeOf(actionsType)
export const contentTypeIntent = typeOf(intentType)
export const contentTypeGroupUpdated = typeOf(groupUpdatedType)
export const contentTypeLeaveRequest = typeOf(leaveRequestType)
