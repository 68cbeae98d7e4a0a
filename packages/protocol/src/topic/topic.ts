import type { Address } from '../address.ts'
import type { Brand } from '../brand.ts'
import { utf8 } from '../bytes.ts'
import { XmtpError } from '../errors.ts'
import { maxContentTopicBytes } from '../limits.ts'

/** A content topic of V1 or V2 whose shape has been checked: `/xmtp/0/<name>/proto` (v1-v2 §7). */
export type ContentTopic = Brand<string, 'ContentTopic'>

/** What a topic is for, from the part of its name before the first `-`. */
export type TopicKind =
  | 'contact'
  | 'privateStore'
  | 'intro'
  | 'v1Conversation'
  | 'v1Ephemeral'
  | 'invite'
  | 'groupInvite'
  | 'v2Conversation'
  | 'v2Ephemeral'
  | 'userPreferences'
  | 'other'

const kindOfPrefix: Readonly<Record<string, TopicKind>> = {
  contact: 'contact',
  privatestore: 'privateStore',
  intro: 'intro',
  dm: 'v1Conversation',
  dmE: 'v1Ephemeral',
  invite: 'invite',
  groupInvite: 'groupInvite',
  m: 'v2Conversation',
  mE: 'v2Ephemeral',
  userpreferences: 'userPreferences',
}

const namespace = '/xmtp/0/'

const shape = /^\/xmtp\/0\/[\x21-\x7f]+\/proto$/

/** @throws XmtpError `topic.malformed` or `topic.tooLong` */
export function parseContentTopic(text: string): ContentTopic {
  if (text.length > maxContentTopicBytes || utf8(text).length > maxContentTopicBytes)
    throw new XmtpError('topic.tooLong', `A topic has ${text.length} characters.`)
  if (!shape.test(text))
    throw new XmtpError('topic.malformed', `Topic ${JSON.stringify(text)} does not parse.`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape has just been checked
  return text as ContentTopic
}

/** The kind of any string a client may name as a topic; nodes classify before they judge the shape. */
export function topicKind(topic: string): TopicKind {
  if (!topic.startsWith(namespace)) return 'other'
  const name = topic.slice(namespace.length)
  const dash = name.indexOf('-')
  const prefix = dash < 0 ? '' : name.slice(0, dash)
  return Object.hasOwn(kindOfPrefix, prefix) ? (kindOfPrefix[prefix] ?? 'other') : 'other'
}

/** Ephemeral topics are relayed to subscribers and never stored. */
export function isEphemeral(topic: string): boolean {
  const kind = topicKind(topic)
  return kind === 'v1Ephemeral' || kind === 'v2Ephemeral'
}

/**
 * The wallet that alone may publish to this topic, as written in it; undefined when anyone may (v1-v2 §17):
 * what stands after the first `-` of path segment 3, up to the next `-`, in contact and private store topics.
 */
export function topicOwner(topic: string): string | undefined {
  const kind = topicKind(topic)
  if (kind !== 'contact' && kind !== 'privateStore') return undefined
  const segment = topic.slice(namespace.length).split('/')[0] ?? ''
  return segment.split('-')[1] ?? ''
}

/** Public bundles of an account. */
export function contactTopic(account: Address): ContentTopic {
  return named(`contact-${account}`)
}

/** The encrypted private key bundle of an account. */
export function privateStoreTopic(account: Address): ContentTopic {
  return named(`privatestore-${account}/key_bundle`)
}

/** V1: copies of the first messages of each conversation. */
export function introTopic(account: Address): ContentTopic {
  return named(`intro-${account}`)
}

/** V2: invitations an account sent and received. */
export function inviteTopic(account: Address): ContentTopic {
  return named(`invite-${account}`)
}

/** V1: the conversation of a pair. Sorted by code unit, so the mixed case of the checksums matters. */
export function directMessageTopic(pair: readonly [Address, Address]): ContentTopic {
  return named(`dm-${pair.toSorted().join('-')}`)
}

/** V2: a conversation. The suffix is 64 hex digits today and opaque in general. */
export function conversationTopic(suffix: string): ContentTopic {
  return named(`m-${suffix}`)
}

/** Consent entries, under an identifier that only the account can compute (v1-v2 §14). */
export function preferencesTopic(identifier: string): ContentTopic {
  return named(`userpreferences-${identifier}`)
}

/** The ephemeral twin of a conversation topic: `E` after `dm` or `m`; undefined for topics that have none. */
export function ephemeralTopic(topic: ContentTopic): ContentTopic | undefined {
  const name = topic.slice(namespace.length)
  if (!name.startsWith('dm-') && !name.startsWith('m-')) return undefined
  return parseContentTopic(namespace + name.replace('-', 'E-'))
}

function named(name: string): ContentTopic {
  return parseContentTopic(`${namespace}${name}/proto`)
}
