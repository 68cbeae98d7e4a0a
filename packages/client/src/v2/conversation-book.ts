import {
  attempt,
  inviteTopic,
  parseContentTopic,
  topicKind,
  v2,
  XmtpError,
  type Address,
  type Result,
} from '@xmtp-ts/protocol'
import { msToNs } from '../environment.ts'
import { maxConversations, overlapNs } from '../limits.ts'
import type { Envelope } from '../network/message-api.ts'
import type { Session } from './session.ts'

/** A conversation of two: who, where, and its key. */
export type ConversationRecord = Pick<
  v2.OpenedInvitation,
  'topic' | 'keyMaterial' | 'createdNs' | 'context' | 'consentProof'
> & { readonly peer: Address }

/** The account's V2 conversations, as its invitations tell them (v1-v2 §13.4). */
export type ConversationBook = {
  /** By the time of creation. */
  readonly all: () => readonly ConversationRecord[]
  readonly find: (
    peer: Address,
    conversationId: string | undefined,
  ) => ConversationRecord | undefined
  /** The first of a topic stays; a later one is ignored. @returns the one in the book */
  readonly add: (record: ConversationRecord) => ConversationRecord
  /** Takes an envelope of the invite topic; what is no invitation of ours is reported. @returns the one in the book */
  readonly receive: (envelope: Envelope) => ConversationRecord | undefined
  /** Reads the invitations that came since the last time. Calls at once share one reading. */
  readonly refresh: () => Promise<void>
}

export function createConversationBook(session: Session): ConversationBook {
  const byTopic = new Map<string, ConversationRecord>()
  const opened = new Map<string, ConversationRecord | undefined>()
  let readUntilNs: bigint | undefined
  let refreshing: Promise<void> | undefined

  const add = (record: ConversationRecord) => {
    const known = byTopic.get(record.topic)
    if (known !== undefined) return known
    if (byTopic.size < maxConversations) byTopic.set(record.topic, record)
    return record
  }

  const receive = (envelope: Envelope) => {
    // With the time: the same bytes at a wrong time are a forgery, which must not hide the genuine ones.
    const name = `${v2.messageId(envelope.message)} ${envelope.timestampNs}`
    if (opened.has(name)) return opened.get(name)
    const result = openRecord(session, envelope)
    if (!result.ok) {
      session.report({
        error: result.error,
        topic: envelope.topic,
        timestampNs: envelope.timestampNs,
      })
    }
    const record = result.ok ? add(result.value) : undefined
    if (opened.size < maxConversations) opened.set(name, record)
    return record
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
    all: () => [...byTopic.values()].toSorted((a, b) => compareNs(a.createdNs, b.createdNs)),
    find: (peer, conversationId) =>
      [...byTopic.values()].find(
        (one) => one.peer === peer && one.context?.conversationId === conversationId,
      ),
    add,
    receive,
    refresh: () =>
      (refreshing ??= read().finally(() => {
        refreshing = undefined
      })),
  }
}

function openRecord(session: Session, envelope: Envelope): Result<ConversationRecord> {
  return attempt(() => {
    const { topic, keyMaterial, createdNs, context, consentProof, peer } = v2.openInvitation(
      v2.parseSealedInvitation(envelope.message),
      { own: session.keys, timestampNs: envelope.timestampNs, verify: session.verify },
    )
    // Whoever invites names the topic; one that no node takes would make every subscription fail.
    if (topicKind(topic) !== 'v2Conversation' || !isPublishable(topic))
      throw new XmtpError('v2.invitation.malformed', 'An invitation names no conversation topic.')
    return { topic, keyMaterial, createdNs, context, consentProof, peer: peer.owner }
  })
}

function isPublishable(topic: string): boolean {
  return attempt(() => parseContentTopic(topic)).ok
}

function compareNs(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
