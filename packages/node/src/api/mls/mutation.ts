import type { SubscribeRequest_V1_Mutate as Mutate } from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3, XmtpError } from '@xmtp-ts/protocol'
import { maxMutateTopics } from '../../limits.ts'
import { cursorOf } from './page.ts'

/** What the topics of a stream carry; the lanes have these names too. */
export type LaneKind = v3.TopicSubject['kind']

export type NamedTopic = {
  readonly kind: LaneKind
  /** Its name in the log. */
  readonly topic: v3.MlsTopic
  /** As the caller names it, in bytes of its own. */
  readonly name: Uint8Array
}

/** A change of the topics of a stream, read and checked as far as it can be without the stream. */
export type Mutation = {
  /** 0 only without additions. */
  readonly id: bigint
  readonly isHistoryOnly: boolean
  /** Each topic once, with the smallest of its cursors. */
  readonly adds: readonly (NamedTopic & { readonly cursor: number })[]
  readonly removes: readonly NamedTopic[]
}

/** @throws XmtpError `node.subscribe.malformed`, `node.subscribe.tooMuch`, `v3.topic.malformed` */
export function readMutation({ adds, removes, historyOnly, mutateId }: Mutate): Mutation {
  if (adds.length + removes.length > maxMutateTopics)
    throw new XmtpError('node.subscribe.tooMuch', `A change has over ${maxMutateTopics} topics.`, {
      details: { text: `cannot exceed ${maxMutateTopics} topics in single mutate` },
    })
  if (adds.length > 0 && mutateId === 0n)
    throw malformedChange('mutate_id must be nonzero when adds are present')
  const distinct = new Map<string, Mutation['adds'][number]>()
  for (const { topic: name, idCursor } of adds) {
    const named = namedTopic(name)
    const cursor = Math.min(cursorOf(idCursor), distinct.get(named.topic)?.cursor ?? Infinity)
    distinct.set(named.topic, { ...named, cursor })
  }
  return {
    id: mutateId,
    isHistoryOnly: historyOnly,
    adds: [...distinct.values()],
    removes: removes.map(namedTopic),
  }
}

/** @returns an error with the text of the other servers of XIP-83 */
export function malformedChange(text: string): XmtpError {
  return new XmtpError('node.subscribe.malformed', `${text}.`, { details: { text } })
}

/** A copy of the name: a view would keep the whole request. */
function namedTopic(bytes: Uint8Array): NamedTopic {
  const name = new Uint8Array(bytes)
  const subject = v3.parseBinaryTopic(name)
  return { kind: subject.kind, topic: v3.mlsTopic(subject), name }
}
