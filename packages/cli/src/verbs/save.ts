import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { isAttachment, XmtpError } from '@xmtp-ts/client'
import { findConversation, findMessage } from '../find.ts'
import { openSynced, type SessionOptions } from '../session.ts'
import { oneLine } from '../terminal/printable.ts'
import type { Verb } from '../verb.ts'

/** Writes the file of a message; never over one that is there. */
export const save: Verb<
  SessionOptions,
  [conversation: string, message: string, file: string | undefined]
> = async (options, { reporter, ...context }, name, id, wanted) => {
  await using session = await openSynced(options, { ...context, reporter })
  const conversation = await findConversation(session, name)
  const message = await findMessage(conversation, session, id)
  if (!isAttachment(message) || message.content === undefined)
    throw new XmtpError('cli.usage', `Message ${message.id} holds no file.`)
  const { filename, mimeType, content } = message.content
  const file = wanted ?? fileNameOf(filename ?? '', message.id)
  await writeNew(file, content)
  await reporter.result({
    json: { message: message.id, file, mimeType, sizeBytes: content.length },
    text: `Wrote ${oneLine(file)}, ${content.length} bytes.`,
  })
}

/** Characters that a name of a stranger may have; anything else could be a path, an option, or hide itself. */
const strange = /[^\p{L}\p{N} ._()+-]/gu

/** In the working directory, whatever the sender says; hidden files are not what anybody asked for. */
function fileNameOf(filename: string, id: string): string {
  const name = basename(filename.replaceAll('\\', '/'))
    .replaceAll(strange, '_')
    .replace(/^[.\s-]+/, '')
    .slice(-maxFileNameLength)
  return name.trim() === '' ? `${id.slice(0, 8)}.bin` : name
}

/** File systems take 255 bytes; letters have up to four. */
const maxFileNameLength = 60

/** @throws XmtpError `cli.file.unwritable` */
async function writeNew(file: string, content: Uint8Array): Promise<void> {
  try {
    const handle = await open(file, 'wx')
    try {
      await handle.writeFile(content)
    } finally {
      await handle.close()
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new XmtpError('cli.file.unwritable', `${file} cannot be made (${why}).`, { cause })
  }
}
