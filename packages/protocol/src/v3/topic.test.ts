import { describe, expect, it } from 'vitest'
import { directMessageId } from './direct-message.ts'
import { parseInboxId } from './identity/identifier.ts'
import { encodePlaintext, parsePlaintext } from './message.ts'
import { binaryTopic, mlsTopic, parseBinaryTopic, parseMlsTopic } from './topic.ts'

const group = { kind: 'group', id: Uint8Array.of(0xab, 1) } as const
const welcome = { kind: 'welcome', id: new Uint8Array(32).fill(2) } as const

describe('topics', () => {
  it('have a name for push servers', () => {
    expect(mlsTopic(group)).toBe('/xmtp/mls/1/g-ab01/proto')
    expect(mlsTopic(welcome)).toBe(`/xmtp/mls/1/w-${'02'.repeat(32)}/proto`)
    expect(parseMlsTopic('/xmtp/mls/1/g-ab01/proto')).toEqual(group)
  })

  it('have bytes for XIP-83', () => {
    expect([...binaryTopic(group)]).toEqual([0, 0xab, 1])
    expect(parseBinaryTopic(Uint8Array.of(1, ...welcome.id))).toEqual(welcome)
  })

  it.each([
    '',
    '/xmtp/mls/1/g-/proto',
    '/xmtp/mls/1/g-ABCD/proto',
    '/xmtp/mls/1/w-ab01/proto',
    '/xmtp/0/g-ab01/proto',
  ])('are not %j', (text) => {
    expect(() => parseMlsTopic(text)).toThrow(/v3\.topic\.malformed/)
  })

  it.each([[[]], [[0]], [[1, 2]], [[2, 1]], [[0, ...new Uint8Array(256)]]])(
    'are not the bytes %j',
    (bytes) => {
      expect(() => parseBinaryTopic(Uint8Array.from(bytes))).toThrow(/v3\.topic\.malformed/)
    },
  )
})

describe('direct messages', () => {
  it('have one local name on both sides', () => {
    const [a, b] = [parseInboxId('0a'.repeat(32)), parseInboxId('0b'.repeat(32))]
    expect(directMessageId(b, a)).toBe(`dm:${a}:${b}`)
    expect(directMessageId(a, b)).toBe(`dm:${a}:${b}`)
  })
})

describe('plaintext envelopes', () => {
  it('of version 2 are read and ignored', () => {
    expect(parsePlaintext(Uint8Array.of(0x12, 0))).toBeUndefined()
  })

  it('of no version are malformed', () => {
    expect(() => parsePlaintext(new Uint8Array())).toThrow(/v3\.message\.malformed/)
    const good = encodePlaintext({ content: Uint8Array.of(1), idempotencyKey: '1' })
    expect(() => parsePlaintext(good.slice(0, -1))).toThrow(/v3\.message\.malformed/)
  })
})
