import {
  ConsentState,
  Dm,
  Group,
  SortDirection,
  XmtpError,
  type DecodedMessage,
} from '@xmtp-ts/client'
import { parseAddress } from '@xmtp-ts/client/v2'
import { maxCandidates, maxSearchedMessages } from './limits.ts'
import { nameOf, recipientOf, shortId } from './people.ts'
import type { Session } from './session.ts'

export type AnyConversation = Group | Dm

/** Those that were denied too. */
export const everyConsentState: readonly ConsentState[] = [
  ConsentState.Unknown,
  ConsentState.Allowed,
  ConsentState.Denied,
]

/** Digits of an id that count as its beginning; fewer are a name. */
const leastPrefix = 4

/**
 * The conversation that is meant by an id or a unique beginning of one, the address or inbox id of a direct message's
 * peer, or the unique name of a group.
 * @throws XmtpError `cli.conversation.unknown`; `cli.conversation.ambiguous`, whose `details.candidates` are the
 * conversations that fit; `address.malformed`
 */
export async function findConversation(session: Session, name: string): Promise<AnyConversation> {
  const found = await matching(session, name)
  const [only, ...others] = found
  if (only === undefined)
    throw new XmtpError('cli.conversation.unknown', `There is no conversation ${quoted(name)}.`)
  if (others.length > 0) throw await ambiguous(session, name, found)
  return only
}

/** The same, of groups. @throws XmtpError as `findConversation` */
export async function findGroup(session: Session, name: string): Promise<Group> {
  const found = await findConversation(session, name)
  if (found instanceof Group) return found
  throw new XmtpError('cli.usage', `${quoted(name)} is a direct message, not a group.`)
}

/**
 * The same; for an address or an inbox id the direct message with them, begun if there is none.
 * @throws XmtpError as `findConversation`, and what beginning one throws
 */
export async function findOrBegin(session: Session, name: string): Promise<AnyConversation> {
  const { conversations } = session.client
  if (!isPerson(name)) return findConversation(session, name)
  const exact = await conversations.getConversationById(name.toLowerCase())
  return exact ?? conversations.createDm(recipientOf(name))
}

/**
 * The message of a conversation that is meant by an id or a unique beginning of one.
 * @throws XmtpError `cli.message.unknown`, `cli.message.ambiguous`
 */
export async function findMessage(
  conversation: AnyConversation,
  { client }: Pick<Session, 'client'>,
  name: string,
): Promise<DecodedMessage> {
  const id = name.toLowerCase()
  const exact = await client.conversations.getMessageById(id)
  if (exact !== undefined && (await isIn(conversation, exact))) return exact
  const isPrefix = /^[0-9a-f]+$/.test(id) && id.length >= leastPrefix
  const newest = { direction: SortDirection.Descending, limit: maxSearchedMessages }
  const found = isPrefix
    ? (await conversation.messages(newest)).filter((message) => message.id.startsWith(id))
    : []
  const [only, ...others] = found
  if (only === undefined)
    throw new XmtpError('cli.message.unknown', `There is no message ${quoted(name)} there.`)
  if (others.length > 0)
    throw new XmtpError('cli.message.ambiguous', `Several messages begin with ${quoted(name)}.`, {
      details: { candidates: found.slice(0, maxCandidates).map((message) => ({ id: message.id })) },
    })
  return only
}

/** Duplicates of a direct message have ids of their own. */
async function isIn(
  conversation: AnyConversation,
  { conversationId }: DecodedMessage,
): Promise<boolean> {
  if (conversation.id === conversationId) return true
  const others = conversation instanceof Dm ? await conversation.duplicateDms() : []
  return others.some(({ id }) => id === conversationId)
}

/** Whether somebody is named, and no conversation. */
export function isPerson(name: string): boolean {
  return isAddress(name) || /^[0-9a-fA-F]{64}$/.test(name)
}

function isAddress(name: string): boolean {
  return /^0x[0-9a-fA-F]{40}$/.test(name)
}

async function matching(session: Session, name: string): Promise<readonly AnyConversation[]> {
  const { conversations } = session.client
  if (name.startsWith('0x')) return directWith(session, parseAddress(name))
  const id = name.toLowerCase()
  const exact = await conversations.getConversationById(id)
  if (exact !== undefined) return [exact]
  if (isPerson(name)) return directWith(session, id)
  const isPrefix = /^[0-9a-f]+$/.test(id) && id.length >= leastPrefix
  const all = await conversations.list({ consentStates: everyConsentState })
  const named = all.filter((one) => one instanceof Group && one.name === name)
  return [...new Set([...named, ...all.filter((one) => isPrefix && one.id.startsWith(id))])]
}

/** What is here is found without asking anybody, that of an archive too. */
async function directWith(
  { client, people }: Session,
  person: string,
): Promise<readonly AnyConversation[]> {
  const all = await client.conversations.listDms({ consentStates: everyConsentState })
  const known = await people.find(all.map(({ peerInboxId }) => peerInboxId))
  const found = all.find(
    ({ peerInboxId }) =>
      peerInboxId === person || known.get(peerInboxId)?.accounts.includes(person) === true,
  )
  return found === undefined ? [] : [found]
}

async function ambiguous(
  { people }: Session,
  name: string,
  found: readonly AnyConversation[],
): Promise<XmtpError> {
  const shown = found.slice(0, maxCandidates)
  const peers = shown.flatMap((one) => (one instanceof Dm ? [one.peerInboxId] : []))
  const known = await people.find(peers)
  const candidates = shown.map((one) =>
    one instanceof Dm
      ? { id: one.id, type: 'dm', name: nameOf(known.get(one.peerInboxId), one.peerInboxId) }
      : { id: one.id, type: 'group', name: one.name },
  )
  return new XmtpError(
    'cli.conversation.ambiguous',
    `${quoted(name)} may be any of ${found.length} conversations.`,
    { details: { candidates } },
  )
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}

/** How a conversation is called where there is no room for more. */
export function shortName(conversation: AnyConversation, peer: string): string {
  if (conversation instanceof Dm) return peer
  return conversation.name === '' ? `group ${shortId(conversation.id)}` : conversation.name
}
