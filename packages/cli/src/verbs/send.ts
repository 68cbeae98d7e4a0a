import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import {
  ReactionAction,
  ReactionSchema,
  XmtpError,
  type DecodedMessage,
  type EncodedContent,
} from '@xmtp-ts/client'
import { findMessage, findOrBegin, isPerson, type AnyConversation } from '../find.ts'
import { maxFileBytes } from '../limits.ts'
import { recipientOf } from '../people.ts'
import { openSynced, type Session, type SessionOptions } from '../session.ts'
import { labelled } from '../show/describe.ts'
import { messageReport } from '../show/message.ts'
import { textOf } from '../text-input.ts'
import type { Verb } from '../verb.ts'

export type SendOptions = SessionOptions & {
  readonly markdown?: boolean
  /** The id of a message. */
  readonly replyTo?: string
  /** The id of a message: the text is the reaction to it. */
  readonly reaction?: string
  /** Takes the reaction back. */
  readonly remove?: boolean
  readonly file?: string
}

/** Sends a text, a file, a reply or a reaction. For a person, begins the direct message if there is none. */
export const send: Verb<SendOptions, [conversation: string, text: string | undefined]> = async (
  options,
  context,
  name,
  text,
) => {
  if (isPerson(name)) recipientOf(name)
  const words = options.file === undefined ? await textOf(text, context.io) : text
  const content = options.reaction === undefined ? await contentOf(options, words) : undefined
  await using session = await openSynced(options, context)
  const conversation = await findOrBegin(session, name)
  await conversation.sync()
  const id = content
    ? await sendContent(session, conversation, { content, replyTo: options.replyTo })
    : await sendReaction(session, conversation, { ...options, emoji: words ?? '' })
  const sent = await sentMessage(session, conversation, id)
  for (const label of await labelled(session, sent))
    await context.reporter.result(messageReport(label))
}

async function sendContent(
  session: Session,
  conversation: AnyConversation,
  { content, replyTo }: { readonly content: EncodedContent; readonly replyTo: string | undefined },
): Promise<string> {
  if (replyTo === undefined) return conversation.send(content)
  const answered = await findMessage(conversation, session, replyTo)
  const { id: reference, senderInboxId: referenceInboxId } = answered
  return conversation.sendReply({ content, reference, referenceInboxId })
}

async function sendReaction(
  session: Session,
  conversation: AnyConversation,
  { reaction = '', remove, emoji }: SendOptions & { readonly emoji: string },
): Promise<string> {
  const { id, senderInboxId } = await findMessage(conversation, session, reaction)
  return conversation.sendReaction({
    reference: id,
    referenceInboxId: senderInboxId,
    action: remove === true ? ReactionAction.Removed : ReactionAction.Added,
    content: emoji,
    schema: ReactionSchema.Unicode,
  })
}

/** With the place and time that the network gave it. */
async function sentMessage(
  { client }: Session,
  conversation: AnyConversation,
  id: string,
): Promise<readonly DecodedMessage[]> {
  await conversation.lastMessage()
  const message = await client.conversations.getMessageById(id)
  return message === undefined ? [] : [message]
}

/** @throws XmtpError `cli.usage`, `cli.file.unreadable` */
async function contentOf(options: SendOptions, text: string | undefined): Promise<EncodedContent> {
  const { file, markdown } = options
  if (options.remove === true) throw new XmtpError('cli.usage', '--remove goes with --reaction.')
  if (file === undefined) return textContent(markdown === true ? 'markdown' : 'text', text ?? '')
  if (text !== undefined) throw new XmtpError('cli.usage', 'A file has no text: send it by itself.')
  return {
    type: typeOf('attachment'),
    parameters: { filename: basename(file), mimeType: mimeTypeOf(file) },
    fallback: `Can’t display ${basename(file)}. This app doesn’t support attachments.`,
    content: await readAttached(file),
  }
}

function textContent(typeId: 'text' | 'markdown', text: string): EncodedContent {
  return {
    type: typeOf(typeId),
    parameters: { encoding: 'UTF-8' },
    content: new TextEncoder().encode(text),
  }
}

function typeOf(typeId: string): EncodedContent['type'] {
  return { authorityId: 'xmtp.org', typeId, versionMajor: 1, versionMinor: 0 }
}

async function readAttached(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file)
    if (size > maxFileBytes)
      throw new XmtpError('bytes.tooLong', `${file} has ${size} of at most ${maxFileBytes} bytes.`)
    return new Uint8Array(await readFile(file))
  } catch (cause) {
    if (cause instanceof XmtpError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new XmtpError('cli.file.unreadable', `${file} cannot be read (${why}).`, { cause })
  }
}

const mimeTypes: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  gif: 'image/gif',
  html: 'text/html',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  md: 'text/markdown',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  webp: 'image/webp',
  zip: 'application/zip',
}

function mimeTypeOf(file: string): string {
  const ending = /\.([^.]+)$/.exec(file)?.[1]?.toLowerCase() ?? ''
  return mimeTypes[ending] ?? 'application/octet-stream'
}
