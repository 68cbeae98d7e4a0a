import {
  DeliveryStatus,
  GroupMessageKind,
  isMarkdown,
  isReaction,
  isReadReceipt,
  isText,
  ReactionAction,
  type DecodedMessage,
} from '@xmtp-ts/client'
import { nameOf, shortId, type Person } from '../people.ts'
import type { Report } from '../report.ts'
import { oneLine, printable } from '../terminal/printable.ts'
import type { Screen } from '../terminal/screen.ts'
import { clockTime, dayTitle, isSameDay } from '../terminal/time.ts'
import { padded, truncated, widthOf, wrapped } from '../terminal/width.ts'
import { isSpoken, replyOf, wordsOf } from './content.ts'
import { plain } from './plain.ts'

export type Known = ReadonlyMap<string, Person>

/** How a line begins besides time and id. */
export type MessageLabel = {
  readonly message: DecodedMessage
  readonly known: Known
  /** Of the conversation, where messages of several are shown. */
  readonly place?: string | undefined
  /** When the line above was written; if left out, today. A line of another day has the day above it. */
  readonly above?: Date | undefined
}

/** A message, as `history`, `send` and `stream` print it. */
export function messageReport(label: MessageLabel): Report {
  return {
    json: messageJson(label),
    // What it says of reading is for programs; people see the messages.
    text: (screen) => (isReadReceipt(label.message) ? '' : messageText(label, screen)),
  }
}

export function messageJson({ message, known }: MessageLabel): Readonly<Record<string, unknown>> {
  const { contentType: type, error, fallback, reactions } = message
  const { authorityId, typeId, versionMajor, versionMinor } = type
  const reply = replyOf(message)
  return {
    version: 'v3',
    id: message.id,
    conversation: message.conversationId,
    sender: known.get(message.senderInboxId)?.address ?? null,
    senderInboxId: message.senderInboxId,
    senderInstallationId: message.senderInstallationId,
    sentAt: message.sentAt.toISOString(),
    sentAtNs: message.sentAtNs.toString(),
    kind: message.kind === GroupMessageKind.Application ? 'message' : 'change',
    contentType: `${authorityId}/${typeId}:${versionMajor}.${versionMinor}`,
    text: textOf(message) ?? fallback ?? null,
    ...(isText(message) || isMarkdown(message) ? {} : { content: plain(message.content) ?? null }),
    ...(reply && { replyTo: reply.referenceId }),
    ...(reactions.length > 0 && { reactions: reactions.map((one) => reactionJson(one, known)) }),
    ...(message.expiresAt && { expiresAt: message.expiresAt.toISOString() }),
    ...(message.deliveryStatus !== DeliveryStatus.Published && {
      deliveryStatus: message.deliveryStatus === DeliveryStatus.Failed ? 'failed' : 'unpublished',
    }),
    ...(error && { error: error.code }),
  }
}

/** The line of a message for lists: who said what. */
export function messageSummary({ message, known }: MessageLabel): string {
  const name = (inboxId: string) => nameOf(known.get(inboxId), inboxId)
  const sender = name(message.senderInboxId)
  const words = wordsOf(message, name)
  return isSpoken(message) ? `${sender}: ${words}` : `${sender} ${words}`
}

/** Columns that texts get at least, however little is left of the terminal. */
const leastTextColumns = 20

function messageText(label: MessageLabel, screen: Screen): string {
  const { message, known, place, above = screen.now } = label
  const name = (inboxId: string) => nameOf(known.get(inboxId), inboxId)
  const sender = name(message.senderInboxId)
  const from =
    place === undefined ? sender : `${truncated(oneLine(place), placeColumns)} › ${sender}`
  const time = clockTime(message.sentAt)
  const front = `${screen.dim(`${time}  ${shortId(message.id)}`)}  `
  const frontColumns = widthOf(time) + shortIdColumns + 4
  const words = printable(wordsOf(message, name), 0)
  const said = isSpoken(message)
    ? { head: screen.bold(padded(from, nameColumns)), gap: '  ', words }
    : { head: screen.dim(`* ${from}`), gap: ' ', words }
  const headColumns = isSpoken(message) ? Math.max(nameColumns, widthOf(from)) : widthOf(from) + 2
  const indent = frontColumns + headColumns + said.gap.length
  const available = screen.columns ?? Number.POSITIVE_INFINITY
  const width = Math.max(leastTextColumns, available - indent)
  const margin = ' '.repeat(available - indent < leastTextColumns ? frontColumns : indent)
  const lines = [...quoteLines(label, screen, width), ...wrapped(words, width)]
  const text = [...lines, ...reactionLines(label, screen)].join(`\n${margin}`)
  const day = isSameDay(message.sentAt, above) ? '' : `${screen.dim(dayTitle(message.sentAt))}\n`
  return `${day}${front}${said.head}${said.gap}${text}`
}

const shortIdColumns = 8

/** Of a shortened address. */
const nameColumns = 11

/** Names of groups may be long. */
const placeColumns = 20

/** What a reply answers. */
function quoteLines({ message, known }: MessageLabel, screen: Screen, width: number) {
  const reply = replyOf(message)
  if (reply === undefined) return []
  const { inReplyTo, referenceId } = reply
  const quote =
    inReplyTo === null ? shortId(referenceId) : messageSummary({ message: inReplyTo, known })
  return [screen.dim(truncated(`↳ ${oneLine(quote)}`, Math.min(width, maxQuoteColumns)))]
}

const maxQuoteColumns = 100

function reactionLines({ message, known }: MessageLabel, screen: Screen): readonly string[] {
  const standing = standingReactions(message)
  if (standing.length === 0) return []
  const shown = standing.map(
    ({ content, senderInboxId }) =>
      `${oneLine(content?.content ?? '')} ${nameOf(known.get(senderInboxId), senderInboxId)}`,
  )
  return [screen.dim(shown.join('  '))]
}

/** Without those that were taken back. */
function standingReactions({ reactions }: DecodedMessage): DecodedMessage['reactions'] {
  const standing = new Map<string, DecodedMessage['reactions'][number]>()
  for (const reaction of reactions) {
    const key = `${reaction.senderInboxId} ${reaction.content?.content}`
    if (reaction.content?.action === ReactionAction.Removed) standing.delete(key)
    else standing.set(key, reaction)
  }
  return [...standing.values()]
}

function reactionJson(reaction: DecodedMessage['reactions'][number], known: Known) {
  const { content, senderInboxId } = reaction
  return {
    sender: known.get(senderInboxId)?.address ?? null,
    senderInboxId,
    action: content?.action === ReactionAction.Removed ? 'removed' : 'added',
    content: content?.content ?? null,
  }
}

function textOf(message: DecodedMessage): string | undefined {
  if (isText(message) || isMarkdown(message)) return message.content
  if (isReaction(message)) return message.content?.content
  const inner = replyOf(message)?.content
  return typeof inner === 'string' ? inner : undefined
}
