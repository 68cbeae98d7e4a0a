import {
  isActions,
  isAttachment,
  isGroupUpdated,
  isIntent,
  isLeaveRequest,
  isMarkdown,
  isMultiRemoteAttachment,
  isReaction,
  isReadReceipt,
  isRemoteAttachment,
  isReply,
  isText,
  isTransactionReference,
  isWalletSendCalls,
  ReactionAction,
  type Attachment,
  type DecodedMessage,
} from '@xmtp-ts/client'
import { shortId } from '../people.ts'
import { inboxesOfUpdate, updateText, type NameOf } from './group-update.ts'

/** Whom the words for a message name, besides its sender. */
export function inboxesOf(message: DecodedMessage): readonly string[] {
  const reactors = message.reactions.map(({ senderInboxId }) => senderInboxId)
  const { content } = message
  const changed = isGroupUpdated(message) && content ? inboxesOfUpdate(message.content) : []
  const { inReplyTo } = replyOf(message) ?? {}
  return [...reactors, ...changed, ...(inReplyTo ? [inReplyTo.senderInboxId] : [])]
}

/** What a message says in words: its text, else what stands for it. Not made safe for a terminal. */
export function wordsOf(message: DecodedMessage, nameOf: NameOf): string {
  if (message.error !== undefined) return message.fallback ?? `[${message.error.code}]`
  if (isText(message) || isMarkdown(message)) return message.content ?? ''
  const reply = replyOf(message)
  if (reply !== undefined)
    return typeof reply.content === 'string' ? reply.content : bracketed(reply.contentType?.typeId)
  if (isReaction(message) && message.content) return reactionText(message.content)
  if (isGroupUpdated(message) && message.content) return updateText(message.content, nameOf)
  return fileText(message) ?? requestText(message) ?? message.fallback ?? typeText(message)
}

/** Whether a message is somebody's words, and not about what happens in the conversation. */
export function isSpoken(message: DecodedMessage): boolean {
  return !(
    isReaction(message) ||
    isGroupUpdated(message) ||
    isLeaveRequest(message) ||
    isReadReceipt(message)
  )
}

export function replyOf(message: DecodedMessage) {
  return isReply(message) ? message.content : undefined
}

function reactionText({
  action,
  content,
  reference,
}: {
  readonly action: ReactionAction
  readonly content: string
  readonly reference: string
}): string {
  return action === ReactionAction.Removed
    ? `took back ${content} from ${shortId(reference)}`
    : `reacted ${content} to ${shortId(reference)}`
}

function fileText(message: DecodedMessage): string | undefined {
  if (isAttachment(message) && message.content) return attachmentText(message.content)
  if (isRemoteAttachment(message) && message.content) {
    const { filename, contentLength, url } = message.content
    return bracketed(filename, contentLength && sizeText(contentLength), url)
  }
  if (isMultiRemoteAttachment(message) && message.content)
    return bracketed(`${message.content.attachments.length} files`)
  return undefined
}

function attachmentText({ filename, mimeType, content }: Attachment): string {
  return bracketed(filename, mimeType, sizeText(content.length))
}

/** What asks something of the other clients, or of a wallet. */
function requestText(message: DecodedMessage): string | undefined {
  if (isReadReceipt(message)) return 'has read this far'
  if (isLeaveRequest(message)) return 'asks to leave'
  if (isTransactionReference(message) && message.content)
    return bracketed(`transaction ${message.content.reference}`)
  if (isWalletSendCalls(message) && message.content)
    return bracketed(`asks a wallet for calls: ${message.content.calls.length}`)
  if (isActions(message) && message.content) {
    const { description, actions } = message.content
    return `${description} ${bracketed(...actions.map(({ label }) => label))}`
  }
  if (isIntent(message) && message.content) return bracketed(`chose ${message.content.actionId}`)
  return undefined
}

/** `[a, b]` */
function bracketed(...parts: readonly (string | undefined | 0)[]): string {
  return `[${parts.filter((part) => part !== undefined && part !== '' && part !== 0).join(', ')}]`
}

function typeText({ contentType }: DecodedMessage): string {
  return contentType.typeId === 'deletedMessage' ? '[deleted]' : bracketed(contentType.typeId)
}

function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
