import { actionsCodec } from './actions.ts'
import { attachmentCodec } from './attachment.ts'
import type { AnyCodec } from './codec.ts'
import { deleteMessageCodec } from './delete-message.ts'
import { groupUpdatedCodec } from './group-updated.ts'
import { intentCodec } from './intent.ts'
import { leaveRequestCodec } from './leave-request.ts'
import { markdownCodec } from './markdown.ts'
import { multiRemoteAttachmentCodec } from './multi-remote-attachment.ts'
import { reactionCodec } from './reaction.ts'
import { readReceiptCodec } from './read-receipt.ts'
import { remoteAttachmentCodec } from './remote-attachment.ts'
import { replyCodec } from './reply.ts'
import { textCodec } from './text.ts'
import { transactionReferenceCodec } from './transaction-reference.ts'
import { walletSendCallsCodec } from './wallet-send-calls.ts'

/** The codecs of every type that libxmtp knows (v3-mls §6.3). Those of an app come behind them in a registry. */
export const builtInCodecs: readonly AnyCodec[] = [
  textCodec,
  markdownCodec,
  reactionCodec,
  replyCodec,
  readReceiptCodec,
  attachmentCodec,
  remoteAttachmentCodec,
  multiRemoteAttachmentCodec,
  transactionReferenceCodec,
  walletSendCallsCodec,
  actionsCodec,
  intentCodec,
  groupUpdatedCodec,
  leaveRequestCodec,
  deleteMessageCodec,
]
