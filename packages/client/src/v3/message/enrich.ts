import { decodeContent } from '@xmtp-ts/content'
import type { Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { isMessageId } from '../group/reference.ts'
import { readContent } from './content.ts'
import { DecodedMessage, type DecodedContent, type EnrichedReply } from './decoded-message.ts'
import { typeIdOf } from './enums.ts'
import { noRelations, relationsOf } from './relations.ts'
import type { Session } from './session.ts'
import { findMessages } from './stored.ts'

/**
 * Messages as apps see them: content read, reactions attached, replies counted, and each reply with what it answers (one
 * level deep), as libxmtp 1.10 does it.
 * @param groupIds the conversation and its duplicates, hex
 */
export async function enrich<Content>(
  session: Session,
  groupIds: readonly string[],
  rows: readonly Message[],
): Promise<DecodedMessage<Content>[]> {
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => bytesToHex(id))
  const [relations, answered] = await Promise.all([
    relationsOf(session, groupIds, ids),
    readAnswered(session, groupIds, rows),
  ])
  return Promise.all(
    rows.map(async (row, index) => {
      const isDeleted = row.deletedBy !== ''
      const decoded =
        isReply(row) && !isDeleted
          ? await readReply(session, row, answered.get(row.referenceId) ?? null)
          : await readContent(session, row)
      const related = isDeleted ? undefined : relations.get(ids[index] ?? '')
      return new DecodedMessage<Content>(row, decoded, related ?? noRelations)
    }),
  )
}

function isReply({ contentType }: Message): boolean {
  return typeIdOf(contentType) === 'reply'
}

/** The messages that replies are about; those of other conversations are none of their business. */
async function readAnswered(
  session: Session,
  groupIds: readonly string[],
  rows: readonly Message[],
): Promise<ReadonlyMap<string, DecodedMessage>> {
  const ids = rows.filter(isReply).map(({ referenceId }) => referenceId)
  const found = await findMessages(session.core.store, [...new Set(ids.filter(isMessageId))])
  const messages = new Map<string, DecodedMessage>()
  for (const [id, row] of found) {
    if (!groupIds.includes(bytesToHex(row.groupId))) continue
    const isShownReply = isReply(row) && row.deletedBy === ''
    const decoded = isShownReply
      ? await readReply(session, row, null)
      : await readContent(session, row)
    messages.set(id, new DecodedMessage(row, decoded, noRelations))
  }
  return messages
}

/** A reply holds another EncodedContent, for which any codec of the app may serve. */
async function readReply(
  session: Session,
  row: Message,
  inReplyTo: DecodedMessage | null,
): Promise<DecodedContent> {
  const outer = await readContent(withInnerBytes(session), row)
  if (!(outer.content instanceof Uint8Array)) return outer
  const { codecs: registry, compressor, maxContentBytes: maxBytes } = session
  const inner = await decodeContent(outer.content, { registry, compressor, maxBytes }).catch(
    () => undefined,
  )
  const content: EnrichedReply = {
    referenceId: row.referenceId,
    content: inner?.content.ok === true ? inner.content.value : undefined,
    contentType: inner?.type,
    inReplyTo,
  }
  return { ...outer, content }
}

function withInnerBytes(session: Session): Session {
  return {
    ...session,
    codecs: {
      codecFor: (type) => ({
        contentType: type,
        encode: () => {
          throw new TypeError('This codec reads only.')
        },
        decode: ({ content }) => content,
        fallback: () => undefined,
        shouldPush: () => false,
      }),
    },
  }
}
