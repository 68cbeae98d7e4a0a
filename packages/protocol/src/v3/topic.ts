import type { Brand } from '../brand.ts'
import { bytesFromHex, bytesToHex, concatBytes } from '../bytes.ts'
import { XmtpError } from '../errors.ts'
import { maxGroupIdBytes } from '../limits.ts'

/** A topic of V3 as push servers see it: `/xmtp/mls/1/g-<group id>/proto` or `/xmtp/mls/1/w-<installation key>/proto`. */
export type MlsTopic = Brand<string, 'MlsTopic'>

/** What a topic carries, and whose. */
export type TopicSubject = {
  readonly kind: 'group' | 'welcome'
  /** Of a group any length, 16 bytes from every known client; of welcomes an installation key of 32. */
  readonly id: Uint8Array
}

const shape = /^\/xmtp\/mls\/1\/([gw])-((?:[0-9a-f]{2})+)\/proto$/
const installationKeyBytes = 32

/** @throws XmtpError `v3.topic.malformed` */
export function mlsTopic(subject: TopicSubject): MlsTopic {
  requireLength(subject)
  const letter = subject.kind === 'group' ? 'g' : 'w'
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- built in the one shape there is
  return `/xmtp/mls/1/${letter}-${bytesToHex(subject.id)}/proto` as MlsTopic
}

/** @throws XmtpError `v3.topic.malformed` */
export function parseMlsTopic(text: string): TopicSubject {
  const [, letter, hex = ''] = shape.exec(text) ?? []
  const id = bytesFromHex(hex) ?? new Uint8Array()
  const subject = { kind: letter === 'g' ? 'group' : 'welcome', id } as const
  requireLength(subject)
  return subject
}

/** The kind byte of the topics in XIP-83, whose subscriptions name them in binary (node-api §9). */
const kindBytes = { group: 0, welcome: 1 } as const

/** @throws XmtpError `v3.topic.malformed` */
export function binaryTopic(subject: TopicSubject): Uint8Array {
  requireLength(subject)
  return concatBytes(Uint8Array.of(kindBytes[subject.kind]), subject.id)
}

/** Other kinds exist in the protocol, but are not served on streams. @throws XmtpError `v3.topic.malformed` */
export function parseBinaryTopic(bytes: Uint8Array): TopicSubject {
  const kind = bytes[0]
  if (kind !== kindBytes.group && kind !== kindBytes.welcome)
    throw new XmtpError('v3.topic.malformed', `A topic begins with ${kind ?? 'nothing'}.`)
  const subject = {
    kind: kind === kindBytes.group ? 'group' : 'welcome',
    id: bytes.subarray(1),
  } as const
  requireLength(subject)
  return subject
}

function requireLength({ kind, id }: TopicSubject): void {
  const isRight =
    kind === 'welcome'
      ? id.length === installationKeyBytes
      : id.length > 0 && id.length <= maxGroupIdBytes
  if (!isRight)
    throw new XmtpError('v3.topic.malformed', `A ${kind} topic names ${id.length} bytes.`)
}
