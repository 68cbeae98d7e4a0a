import { ReactionV2 } from '@xmtp-ts/proto/mls/message_contents/content_types/reaction'
import type { EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import type { Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import type { StoredRecord } from '../../store/record-store.ts'
import { keys } from '../records/keys.ts'

/**
 * The id of the message that a content is about, as hex; empty if it is about none. Replies and old reactions name it
 * in a parameter, reactions of version 2 in their protobuf, those of version 1 in their JSON (v3-mls §6.3).
 */
export function referenceOf({ type, parameters, content }: EncodedContent): string {
  const named = parameters['reference'] ?? ''
  const reference =
    type?.typeId !== 'reaction' || named !== ''
      ? named
      : type.versionMajor === 1
        ? inJson(content)
        : inProtobuf(content)
  return isMessageId(reference) ? reference : ''
}

/** Where a message is found by what it is about: its type and the key of its record, separated by a space. */
export function referenceRecord(
  groupId: string,
  { id, referenceId, contentType }: Message,
  place: string,
): StoredRecord | undefined {
  if (!isMessageId(referenceId)) return undefined
  return {
    key: keys.reference(groupId, referenceId, bytesToHex(id)),
    value: new TextEncoder().encode(`${contentType} ${place}`),
  }
}

export function isMessageId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

function inProtobuf(content: Uint8Array): string {
  try {
    return ReactionV2.decode(content).reference
  } catch {
    // Stored as it is, and attached to nothing.
    return ''
  }
}

function inJson(content: Uint8Array): string {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(content))
    if (typeof value !== 'object' || value === null || !('reference' in value)) return ''
    return typeof value.reference === 'string' ? value.reference : ''
  } catch {
    // Stored as it is, and attached to nothing.
    return ''
  }
}
