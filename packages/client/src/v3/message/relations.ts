import { maxReferenceScans } from '../../limits.ts'
import { keys } from '../records/keys.ts'
import { scanAll } from '../records/rows.ts'
import { readContent } from './content.ts'
import type { Reaction } from './built-in-codecs.ts'
import { DecodedMessage, type Relations } from './decoded-message.ts'
import { typeIdOf } from './enums.ts'
import type { Session } from './session.ts'
import { isExpired, readMessages } from './stored.ts'

/** A message that is about another one, as the index has it. */
type Reference = { readonly aboutId: string; readonly contentType: string; readonly place: string }

export const noRelations: Relations = { reactions: [], numReplies: 0 }

/**
 * Reactions and numbers of replies by message, as libxmtp 1.10 attaches them to what it lists. Those of duplicates of a
 * direct message count together.
 * @param groupIds the conversation and its duplicates, hex
 */
export async function relationsOf(
  session: Session,
  groupIds: readonly string[],
  messageIds: readonly string[],
): Promise<ReadonlyMap<string, Relations>> {
  const references = await findReferences(session, groupIds, messageIds)
  const reactions = await readReactions(
    session,
    references.filter(({ contentType }) => typeIdOf(contentType) === 'reaction'),
  )
  const relations = new Map<string, Relations>()
  for (const id of messageIds) {
    const about = references.filter(({ aboutId }) => aboutId === id)
    const replies = about.filter(({ contentType }) => typeIdOf(contentType) === 'reply')
    relations.set(id, { reactions: reactions.get(id) ?? [], numReplies: replies.length })
  }
  return relations
}

async function findReferences(
  { core }: Session,
  groupIds: readonly string[],
  messageIds: readonly string[],
): Promise<readonly Reference[]> {
  const prefixes = groupIds.flatMap((groupId) =>
    messageIds.length > maxReferenceScans
      ? [keys.references(groupId)]
      : messageIds.map((id) => keys.referencesTo(groupId, id)),
  )
  const wanted = new Set(messageIds)
  const text = new TextDecoder()
  const scans = await Promise.all(prefixes.map((prefix) => scanAll(core.store, prefix)))
  return scans.flat().flatMap(({ key, value }) => {
    const [, , aboutId = ''] = key.split('/')
    if (!wanted.has(aboutId)) return []
    const words = text.decode(value)
    const end = words.lastIndexOf(' ')
    return [{ aboutId, contentType: words.slice(0, end), place: words.slice(end + 1) }]
  })
}

async function readReactions(
  session: Session,
  references: readonly Reference[],
): Promise<ReadonlyMap<string, readonly DecodedMessage<Reaction>[]>> {
  const rows = await readMessages(
    session.core.store,
    references.map(({ place }) => place),
  )
  const inOrder = [...rows.values()]
    .filter((row) => !isExpired(session.core, row))
    .toSorted((a, b) => Number(a.sentAtNs - b.sentAtNs))
  const found = new Map<string, DecodedMessage<Reaction>[]>()
  for (const row of inOrder) {
    const decoded = await readContent(session, row)
    // What claims to be a reaction and is none is attached to nothing.
    if (decoded.error !== undefined) continue
    const reaction = new DecodedMessage<Reaction>(row, decoded, noRelations)
    found.set(row.referenceId, [...(found.get(row.referenceId) ?? []), reaction])
  }
  return found
}
