import {
  SubscribeResponse,
  SubscribeResponse_V1_Messages as Messages,
  type SubscribeResponse_V1,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { maxFrameBytes, maxFrameTopics } from '../../limits.ts'
import { embedded, messageOf } from '../wire.ts'
import type { LaneKind } from './mutation.ts'

/** The fields of SubscribeResponse, V1 and Messages that hold messages. */
const field = { v1: 1, messages: 1, group: 1, welcome: 2 } as const

/** Frames of messages of one kind, each of about 2 MiB at most. The stored messages go out as they are. */
export function messageFrames(
  kind: LaneKind,
  messages: readonly Uint8Array[],
  mutateId: bigint,
): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  let fields: Uint8Array[] = []
  let bytes = 0
  const close = (): void => {
    const tag = Messages.encode({ groupMessages: [], welcomeMessages: [], mutateId }).finish()
    frames.push(embedded(field.v1, embedded(field.messages, messageOf([...fields, tag]))))
    fields = []
    bytes = 0
  }
  for (const message of messages) {
    if (bytes > 0 && bytes + message.length > maxFrameBytes) close()
    fields.push(embedded(field[kind], message))
    bytes += message.length
  }
  if (fields.length > 0) close()
  return frames
}

/** The frames that say that topics have caught up. */
export function topicsLiveFrames(names: readonly Uint8Array[]): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let at = 0; at < names.length; at += maxFrameTopics) {
    const topics = names.slice(at, at + maxFrameTopics)
    frames.push(responseFrame({ $case: 'topicsLive', value: { topics } }))
  }
  return frames
}

export function responseFrame(response: NonNullable<SubscribeResponse_V1['response']>): Uint8Array {
  return SubscribeResponse.encode({ version: { $case: 'v1', value: { response } } }).finish()
}
