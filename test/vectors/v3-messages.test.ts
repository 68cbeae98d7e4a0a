import { v3 } from '@xmtp-ts/protocol'
import { PlaintextCommitLogEntry } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { DeviceSyncContent } from '@xmtp-ts/proto/device_sync/content'
import { EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import { LeaveRequest } from '@xmtp-ts/proto/mls/message_contents/content_types/leave_request'
import { ReactionV2 } from '@xmtp-ts/proto/mls/message_contents/content_types/reaction'
import { GroupUpdated } from '@xmtp-ts/proto/mls/message_contents/transcript_messages'
import { describe, expect, it } from 'vitest'
import { bytes, hex, vectors } from './v3/vectors.ts'

type MessageVectors = {
  transcripts: { groupId: string; idempotencyKey: string; encodedContent: string; id: string }[]
  messages: {
    groupId: string
    createdNs: string
    senderHmac: string
    data: string
    rootKeys: string[]
  }[]
  contents: string[]
}

type EntryVector = {
  groupId: string
  entry: string
  signature: { bytes: string; public_key: string }
}

const { transcripts, messages, contents } = vectors<MessageVectors>('messages')
const entries = vectors<EntryVector[]>('commit-log')

describe('messages.json', () => {
  it.each(transcripts)('message $id', ({ groupId, idempotencyKey, encodedContent, id }) => {
    const plaintext = { content: bytes(encodedContent), idempotencyKey }
    expect(v3.messageId(bytes(groupId), plaintext)).toBe(id)
    expect(v3.parsePlaintext(v3.encodePlaintext(plaintext))).toEqual(plaintext)
  })

  it.each(messages)('the HMAC of $senderHmac is by exactly one inbox', (message) => {
    const nowMs = Number(BigInt(message.createdNs) / 1_000_000n)
    const senders = [...new Set(message.rootKeys)].filter((rootKey) => {
      const groupId = bytes(message.groupId)
      const key = v3.deriveHmacKey(v3.hmacPeriod(nowMs), { rootKey: bytes(rootKey), groupId })
      return hex(v3.senderHmac(key, bytes(message.data))) === message.senderHmac
    })
    expect(senders).toHaveLength(1)
  })

  it('the keys for push servers surround the current period', () => {
    const options = { rootKey: bytes(messages[0]!.rootKeys[0]!), groupId: bytes('00') }
    const keys = v3.hmacKeysForPush(2_592_000_000 * 20, options)
    expect(keys.map(({ period }) => period)).toEqual([19, 20, 21])
    expect(keys.map(({ key }) => key.length)).toEqual([42, 42, 42])
    expect(new Set(keys.map(({ key }) => hex(key))).size).toBe(3)
  })
})

describe('contents in protobuf', () => {
  const again = <T>(codec: {
    decode(input: Uint8Array): T
    encode(message: T): { finish(): Uint8Array }
  }) => ({ of: (content: Uint8Array) => hex(codec.encode(codec.decode(content)).finish()) })
  const codecs: Record<string, { of: (content: Uint8Array) => string }> = {
    group_updated: again(GroupUpdated),
    'application/x-protobuf': again(DeviceSyncContent),
    reaction: again(ReactionV2),
    leave_request: again(LeaveRequest),
  }

  it('are read whole: nothing is lost by writing them again', () => {
    const types = new Set<string>()
    for (const encoded of contents) {
      const { type, content } = EncodedContent.decode(bytes(encoded))
      types.add(type!.typeId)
      expect(codecs[type!.typeId]!.of(content)).toBe(hex(content))
    }
    expect([...types].toSorted()).toEqual(Object.keys(codecs).toSorted())
  })
})

describe('commit-log.json', () => {
  const read = ({ entry, signature }: EntryVector) => ({
    bytes: bytes(entry),
    signature: { bytes: bytes(signature.bytes), publicKey: bytes(signature.public_key) },
  })

  it.each(entries)('entry $entry', (vector) => {
    const entry = v3.verifyCommitLogEntry(read(vector), bytes(vector.groupId))
    expect(hex(PlaintextCommitLogEntry.encode(entry).finish())).toBe(vector.entry)
    expect(entry.commitResult).toBe(1)
    expect(entry.appliedEpochAuthenticator).toHaveLength(32)
  })

  it('an altered entry, key or signature is refused, and one of another group', () => {
    const vector = entries[0]!
    const groupId = bytes(vector.groupId)
    const signed = read(vector)
    const flip = (input: Uint8Array) => input.with(0, input[0]! ^ 1)
    const forged = [
      { ...signed, bytes: flip(signed.bytes) },
      { ...signed, signature: { ...signed.signature, bytes: flip(signed.signature.bytes) } },
      { ...signed, signature: { ...signed.signature, publicKey: flip(signed.signature.publicKey) } },
      { ...signed, signature: { bytes: new Uint8Array(), publicKey: new Uint8Array() } },
    ]
    for (const entry of forged)
      expect(() => v3.verifyCommitLogEntry(entry, groupId)).toThrow(/commitLog\.badSignature/)
    expect(() => v3.verifyCommitLogEntry(signed, flip(groupId))).toThrow(/commitLog\.malformed/)
  })

  it('our own entries verify', () => {
    const secret = new Uint8Array(32).fill(7)
    const entry = v3.verifyCommitLogEntry(read(entries[0]!), bytes(entries[0]!.groupId))
    const signed = v3.signCommitLogEntry(secret, entry)
    expect(v3.verifyCommitLogEntry(signed, entry.groupId)).toEqual(entry)
    expect(signed.signature.publicKey).toEqual(v3.installationKey(secret))
  })
})
