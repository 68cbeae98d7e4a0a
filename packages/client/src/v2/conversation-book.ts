import {
  attempt,
  equalConstantTime,
  inviteTopic,
  parseContentTopic,
  topicKind,
  v2,
  XmtpError,
  type Address,
} from '@xmtp-ts/protocol'
import { msToNs } from '../environment.ts'
import { maxConversations, maxConversationsPerTopic, overlapNs } from '../limits.ts'
import type { Envelope } from '../network/message-api.ts'
import type { Session } from './session.ts'

/** A conversation of two: who, where, and its key. */
export type ConversationRecord = Pick<
  v2.OpenedInvitation,
  'topic' | 'keyMaterial' | 'createdNs' | 'context' | 'consentProof'
> & { readonly peer: Address }

/** A conversation as an invitation tells it. */
export type Claim = {
  readonly record: ConversationRecord
  /** Whether topic and key are those that this pair derives (v1-v2 §10.2): nobody else can name such a topic first. */
  readonly isDerived: () => boolean
}

/**
 * The account's V2 conversations, as its invitations tell them (v1-v2 §13.4). A conversation is a topic *and* a peer:
 * an invitation may name any topic, also one of two others, and its time is the writer's word. Were the first of a topic
 * the only one, as in shipped SDKs (§10.4), a backdated invitation could put a stranger's key in a friend's place.
 * A topic that one pair derives is that pair's alone; of one pair, the first invitation stays.
 */
export type ConversationBook = {
  /** By the time of creation. */
  readonly all: () => readonly ConversationRecord[]
  readonly find: (
    peer: Address,
    conversationId: string | undefined,
  ) => ConversationRecord | undefined
  /** Those of a topic: one, but for contested topics of random names. */
  readonly ofTopic: (topic: string) => readonly ConversationRecord[]
  /** @returns the pair's conversation in the book; undefined when the topic is another pair's */
  readonly add: (claim: Claim) => ConversationRecord | undefined
  /** Takes an envelope of the invite topic; what is no invitation of ours is reported. @returns the one in the book */
  readonly receive: (envelope: Envelope) => ConversationRecord | undefined
  /** Reads the invitations that came since the last time. Calls at once share one reading. */
  readonly refresh: () => Promise<void>
}

export function createConversationBook(session: Session): ConversationBook {
  const byTopic = new Map<string, readonly Claim[]>()
  const opened = new Map<string, ConversationRecord | undefined>()
  let readUntilNs: bigint | undefined
  let refreshing: Promise<void> | undefined

  const ofTopic = (topic: string) => (byTopic.get(topic) ?? []).map(({ record }) => record)
  const all = () => [...byTopic.values()].flat().map(({ record }) => record)
  const inBook = ({ topic, peer }: ConversationRecord) =>
    ofTopic(topic).find((record) => record.peer === peer)

  const add = (claim: Claim) => {
    const { record } = claim
    const claims = byTopic.get(record.topic)
    if (claims !== undefined) byTopic.set(record.topic, settle(claims, claim))
    else if (byTopic.size < maxConversations) byTopic.set(record.topic, [claim])
    else return record
    return inBook(record)
  }

  const take = (envelope: Envelope) => {
    const result = attempt(() => {
      const record = add(openClaim(session, envelope))
      if (record !== undefined) return record
      throw new XmtpError('v2.invitation.malformed', 'An invitation names a topic of others.')
    })
    if (result.ok) return result.value
    const { topic, timestampNs } = envelope
    session.report({ error: result.error, topic, timestampNs })
    return undefined
  }

  const receive = (envelope: Envelope) => {
    // With the time: the same bytes at a wrong time are a forgery, which must not hide the genuine ones.
    const name = `${v2.messageId(envelope.message)} ${envelope.timestampNs}`
    if (!opened.has(name)) {
      const record = take(envelope)
      if (opened.size < maxConversations) opened.set(name, record)
      return record
    }
    const known = opened.get(name)
    return known && inBook(known)
  }

  const read = async () => {
    const startedNs = msToNs(session.environment.nowMs())
    // Ordered by their senders' clocks: a late invitation may carry an early time.
    const startNs = readUntilNs === undefined ? undefined : readUntilNs - overlapNs
    const topics = [inviteTopic(session.account)]
    for await (const page of session.api.query({ topics, startNs, direction: 'ascending' }))
      for (const envelope of page) receive(envelope)
    readUntilNs = startedNs
  }

  return {
    all: () => all().toSorted((a, b) => compareNs(a.createdNs, b.createdNs)),
    find: (peer, conversationId) =>
      all().find((one) => one.peer === peer && one.context?.conversationId === conversationId),
    ofTopic,
    add,
    receive,
    refresh: () =>
      (refreshing ??= read().finally(() => {
        refreshing = undefined
      })),
  }
}

/** Who shares a topic once one more invitation names it. */
function settle(known: readonly Claim[], claim: Claim): readonly Claim[] {
  const { peer, keyMaterial } = claim.record
  const samePair = known.find(({ record }) => record.peer === peer)
  if (samePair && equalConstantTime(samePair.record.keyMaterial, keyMaterial)) return known
  if (known.some(({ isDerived }) => isDerived())) return known
  if (claim.isDerived()) return [claim]
  return samePair || known.length >= maxConversationsPerTopic ? known : [...known, claim]
}

function openClaim(session: Session, envelope: Envelope): Claim {
  const { keys: own, account: ownAddress, verify } = session
  const { topic, keyMaterial, createdNs, context, consentProof, peer } = v2.openInvitation(
    v2.parseSealedInvitation(envelope.message),
    { own, timestampNs: envelope.timestampNs, verify },
  )
  // Whoever invites names the topic; one that no node takes would make every subscription fail.
  if (topicKind(topic) !== 'v2Conversation' || !isPublishable(topic))
    throw new XmtpError('v2.invitation.malformed', 'An invitation names no conversation topic.')
  const record = { topic, keyMaterial, createdNs, context, consentProof, peer: peer.owner }
  return {
    record,
    isDerived() {
      const conversationId = context?.conversationId
      const derived = v2.deriveConversation({ own, ownAddress, peer, conversationId })
      return derived.topic === topic && equalConstantTime(derived.keyMaterial, keyMaterial)
    },
  }
}

function isPublishable(topic: string): boolean {
  return attempt(() => parseContentTopic(topic)).ok
}

function compareNs(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
