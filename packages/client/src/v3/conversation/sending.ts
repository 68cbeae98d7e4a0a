import type { ContentTypeId, EncodedContent } from '@xmtp-ts/content'
import type { MessageToSend } from '../group/send.ts'
import { encodeWith } from '../message/content.ts'
import type { Reaction } from '../message/decoded-message.ts'
import type { Session } from '../message/session.ts'

export type SendMessageOptions = {
  /** Whether push servers wake the others; true unless given. */
  readonly shouldPush?: boolean | undefined
  /** Only stores the message; `publishMessages` sends it. */
  readonly optimistic?: boolean | undefined
}

/** A reply as it is sent; its content is encoded already. */
export type Reply = {
  readonly content: EncodedContent
  /** Of the message that it answers, hex. */
  readonly reference: string
  readonly referenceInboxId?: string | undefined
}

function xmtpType(typeId: string, versionMajor = 1, authorityId = 'xmtp.org'): ContentTypeId {
  return { authorityId, typeId, versionMajor, versionMinor: 0 }
}

/** A method for each of XMTP's types; `isOptimistic` only stores the message, and `publishMessages` sends it. */
export abstract class Sending {
  protected abstract readonly codecs: Session

  protected abstract sendBytes(message: MessageToSend, isOptimistic: boolean): Promise<string>

  sendText(text: string, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('text'), text, isOptimistic)
  }

  sendMarkdown(markdown: string, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('markdown'), markdown, isOptimistic)
  }

  sendReaction(reaction: Reaction, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('reaction', 2), reaction, isOptimistic)
  }

  sendReadReceipt(isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('readReceipt'), {}, isOptimistic)
  }

  sendReply(reply: Reply, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('reply'), reply, isOptimistic)
  }

  sendTransactionReference(reference: unknown, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('transactionReference'), reference, isOptimistic)
  }

  sendWalletSendCalls(calls: unknown, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('walletSendCalls'), calls, isOptimistic)
  }

  sendActions(actions: unknown, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('actions', 1, 'coinbase.com'), actions, isOptimistic)
  }

  sendIntent(intent: unknown, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('intent', 1, 'coinbase.com'), intent, isOptimistic)
  }

  sendAttachment(attachment: unknown, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('attachment'), attachment, isOptimistic)
  }

  sendRemoteAttachment(attachment: unknown, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('remoteStaticAttachment'), attachment, isOptimistic)
  }

  sendMultiRemoteAttachment(attachments: unknown, isOptimistic = false): Promise<string> {
    return this.#sendAs(xmtpType('multiRemoteStaticAttachment'), attachments, isOptimistic)
  }

  async #sendAs(type: ContentTypeId, content: unknown, isOptimistic: boolean): Promise<string> {
    return this.sendBytes(await encodeWith(this.codecs, type, content), isOptimistic)
  }
}
