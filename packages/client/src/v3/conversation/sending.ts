import {
  actionsType,
  attachmentType,
  intentType,
  markdownType,
  multiRemoteAttachmentType,
  reactionType,
  readReceiptType,
  remoteAttachmentType,
  textType,
  transactionReferenceType,
  walletSendCallsType,
  type Attachment,
  type ContentTypeId,
  type Intent,
  type MultiRemoteAttachment,
  type RemoteAttachment,
  type TransactionReference,
  type WalletSendCalls,
} from '@xmtp-ts/content'
import type { MessageToSend } from '../group/send.ts'
import type { Actions, Reaction } from '../message/built-in-codecs.ts'
import { encodeReply, encodeWith, type Reply } from '../message/content.ts'
import type { Session } from '../message/session.ts'

export type SendMessageOptions = {
  /** Whether push servers wake the others; true unless given. */
  readonly shouldPush?: boolean | undefined
  /** Only stores the message; `publishMessages` sends it. */
  readonly optimistic?: boolean | undefined
}

/** A method for each of XMTP's types; `isOptimistic` only stores the message, and `publishMessages` sends it. */
export abstract class Sending {
  protected abstract readonly codecs: Session

  protected abstract sendBytes(message: MessageToSend, isOptimistic: boolean): Promise<string>

  sendText(text: string, isOptimistic = false): Promise<string> {
    return this.#sendAs(textType, text, isOptimistic)
  }

  sendMarkdown(markdown: string, isOptimistic = false): Promise<string> {
    return this.#sendAs(markdownType, markdown, isOptimistic)
  }

  sendReaction(reaction: Reaction, isOptimistic = false): Promise<string> {
    return this.#sendAs(reactionType, reaction, isOptimistic)
  }

  sendReadReceipt(isOptimistic = false): Promise<string> {
    return this.#sendAs(readReceiptType, {}, isOptimistic)
  }

  async sendReply(reply: Reply, isOptimistic = false): Promise<string> {
    return this.sendBytes(await encodeReply(this.codecs, reply), isOptimistic)
  }

  sendTransactionReference(reference: TransactionReference, isOptimistic = false): Promise<string> {
    return this.#sendAs(transactionReferenceType, reference, isOptimistic)
  }

  sendWalletSendCalls(calls: WalletSendCalls, isOptimistic = false): Promise<string> {
    return this.#sendAs(walletSendCallsType, calls, isOptimistic)
  }

  sendActions(actions: Actions, isOptimistic = false): Promise<string> {
    return this.#sendAs(actionsType, actions, isOptimistic)
  }

  sendIntent(intent: Intent, isOptimistic = false): Promise<string> {
    return this.#sendAs(intentType, intent, isOptimistic)
  }

  sendAttachment(attachment: Attachment, isOptimistic = false): Promise<string> {
    return this.#sendAs(attachmentType, attachment, isOptimistic)
  }

  sendRemoteAttachment(attachment: RemoteAttachment, isOptimistic = false): Promise<string> {
    return this.#sendAs(remoteAttachmentType, attachment, isOptimistic)
  }

  sendMultiRemoteAttachment(
    attachments: MultiRemoteAttachment,
    isOptimistic = false,
  ): Promise<string> {
    return this.#sendAs(multiRemoteAttachmentType, attachments, isOptimistic)
  }

  async #sendAs(type: ContentTypeId, content: unknown, isOptimistic: boolean): Promise<string> {
    return this.sendBytes(await encodeWith(this.codecs, type, content), isOptimistic)
  }
}
