import * as fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { XmtpError } from '@xmtp-ts/protocol'
import { actionsCodec, type Actions } from './actions.ts'
import { decryptAttachment, encryptAttachment } from './attachment-encryption.ts'
import { attachmentCodec, type Attachment } from './attachment.ts'
import { builtInCodecs } from './built-in-codecs.ts'
import type { AnyCodec, EncodedContent } from './codec.ts'
import { decodeContent, encodeContent, parseContent } from './content.ts'
import { formatContentType } from './content-type.ts'
import { deleteMessageCodec } from './delete-message.ts'
import { groupUpdatedCodec, type GroupUpdated } from './group-updated.ts'
import { formatInstant, parseInstant } from './instant.ts'
import { intentCodec } from './intent.ts'
import { leaveRequestCodec } from './leave-request.ts'
import { markdownCodec, markdownType } from './markdown.ts'
import { multiRemoteAttachmentCodec } from './multi-remote-attachment.ts'
import { reactionCodec, reactionType, type Reaction } from './reaction.ts'
import { readReceiptCodec } from './read-receipt.ts'
import { createCodecRegistry } from './registry.ts'
import { remoteAttachmentCodec, type RemoteAttachment } from './remote-attachment.ts'
import { replyCodec, replyType, type Reply } from './reply.ts'
import { textCodec, textType } from './text.ts'
import { transactionReferenceCodec } from './transaction-reference.ts'
import { walletSendCallsCodec } from './wallet-send-calls.ts'

type Golden = {
  readonly contents: readonly {
    readonly codec: string
    readonly content: unknown
    readonly encoded: Omit<EncodedContent, 'content'> & { readonly content: string }
  }[]
  readonly encryptedAttachment: { readonly attachment: unknown; readonly encrypted: unknown }
}

const file = new URL('../../../test/vectors/v3/contents.json', import.meta.url)
const golden: Golden = JSON.parse(readFileSync(file, 'utf8'))

const codecsByName: Readonly<Record<string, AnyCodec>> = {
  text: textCodec,
  markdown: markdownCodec,
  reaction: reactionCodec,
  readReceipt: readReceiptCodec,
  attachment: attachmentCodec,
  remoteAttachment: remoteAttachmentCodec,
  multiRemoteAttachment: multiRemoteAttachmentCodec,
  transactionReference: transactionReferenceCodec,
  walletSendCalls: walletSendCallsCodec,
  actions: actionsCodec,
  intent: intentCodec,
}

const registry = createCodecRegistry(builtInCodecs)
const utf8 = (text: string) => new TextEncoder().encode(text)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const fromHex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const binary = new Set(['secret', 'salt', 'nonce', 'payload'])

/** Contents of the vectors have bytes as hex and times as decimals. */
function revive(value: unknown, codec: string): unknown {
  if (Array.isArray(value)) return value.map((item) => revive(item, codec))
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).map(([name, field]) => {
    if (binary.has(name) || (name === 'content' && codec === 'attachment'))
      return [name, fromHex(field)]
    return [name, name === 'expiresAtNs' ? BigInt(field) : revive(field, codec)]
  })
  return Object.fromEntries(fields)
}

/** JSON texts as values: `100000.0` and `100000` are the same. */
function comparable(codec: string, content: Uint8Array): unknown {
  const isJson = ['transactionReference', 'walletSendCalls', 'actions', 'intent'].includes(codec)
  return isJson ? JSON.parse(Buffer.from(content).toString()) : hex(content)
}

const noCompressor = {
  compress: () => Promise.reject(new Error('No compression here.')),
  decompress: () => Promise.reject(new Error('No compression here.')),
}

const seal = (content: unknown, codec: AnyCodec) =>
  encodeContent<unknown>(content, { codec, registry, compressor: noCompressor })
const open = (bytes: Uint8Array) =>
  decodeContent(bytes, { registry, compressor: noCompressor, maxBytes: 1_000 })

describe('what libxmtp writes', () => {
  const named = golden.contents.map((one, index) => [`${one.codec} ${index}`, one] as const)

  it.each(named)('is what is written here: %s', async (_, { codec: name, content, encoded }) => {
    const codec = codecsByName[name]!
    const sealed = await seal(revive(content, name), codec)
    const written = parseContent(sealed.bytes)
    expect(written.type).toEqual(encoded.type)
    expect(written.parameters).toEqual(encoded.parameters)
    expect(written.fallback).toEqual(encoded.fallback)
    expect(comparable(name, written.content)).toEqual(comparable(name, fromHex(encoded.content)))
  })

  it.each(named)('is read: %s', (_, { codec: name, content, encoded }) => {
    const codec = codecsByName[name]!
    const bytes = fromHex(encoded.content)
    const read: unknown = codec.decode({ ...encoded, content: bytes }, registry)
    const meant = revive(content, name)
    // Written to the millisecond.
    expect(cutToMs(read)).toEqual(cutToMs(meant))
  })

  it('is text as in the specification', async () => {
    const { bytes } = await seal('x', textCodec)
    expect(hex(bytes)).toBe(
      '0a120a08786d74702e6f7267120474657874180112110a08656e636f64696e6712055554462d38220178',
    )
  })

  it('is an attachment that opens', () => {
    const { attachment, encrypted } = golden.encryptedAttachment
    const remote = revive(encrypted, 'remote') as RemoteAttachment & { payload: Uint8Array }
    expect(decryptAttachment(remote.payload, remote)).toEqual(revive(attachment, 'attachment'))
  })
})

function cutToMs(value: unknown): unknown {
  const text = JSON.stringify(value, (_, field: unknown) =>
    typeof field === 'bigint'
      ? String(field / 1_000_000n)
      : field instanceof Uint8Array
        ? hex(field)
        : field,
  )
  return JSON.parse(text)
}

describe('pushes', () => {
  it('wake readers for what they would want to see', () => {
    const pushed = builtInCodecs.filter((codec) => codec.shouldPush({}))
    const silent = builtInCodecs.filter((codec) => !codec.shouldPush({}))
    expect(pushed.map(({ contentType }) => formatContentType(contentType))).toEqual([
      'xmtp.org/text:1.0',
      'xmtp.org/markdown:1.0',
      'xmtp.org/reply:1.0',
      'xmtp.org/attachment:1.0',
      'xmtp.org/remoteStaticAttachment:1.0',
      'xmtp.org/multiRemoteStaticAttachment:1.0',
      'xmtp.org/transactionReference:1.0',
      'xmtp.org/walletSendCalls:1.0',
      'coinbase.com/actions:1.0',
      'coinbase.com/intent:1.0',
    ])
    expect(silent.map(({ contentType }) => formatContentType(contentType))).toEqual([
      'xmtp.org/reaction:2.0',
      'xmtp.org/readReceipt:1.0',
      'xmtp.org/group_updated:1.0',
      'xmtp.org/leave_request:1.0',
      'xmtp.org/deleteMessage:1.0',
    ])
  })
})

describe('reactions', () => {
  const first = { ...reactionType, versionMajor: 1 }
  const read = (content: string, parameters: Record<string, string> = {}) =>
    reactionCodec.decode({ type: first, parameters, content: utf8(content) }, registry)

  it('of version 1 are read, as JSON and as they first were', () => {
    expect(
      read('{"action":"removed","reference":"ab","schema":"custom","content":"x","more":1}'),
    ).toEqual({ action: 'removed', reference: 'ab', schema: 'custom', content: 'x' })
    const parameters = { action: 'added', reference: 'ab', schema: 'unicode' }
    expect(read('👍', parameters)).toEqual({ ...parameters, content: '👍' })
    expect(read('{"action":"waved","reference":"ab","content":"x"}')).toMatchObject({
      action: 'unknown',
      schema: 'unknown',
    })
  })

  it.each([
    '{"reference":1,"content":"x"}',
    '{"reference":"ab"}',
    '{"__proto__":{"reference":"ab"}}',
  ])('of version 1 that lack something are none: %s', (json) => {
    expect(() => read(json)).toThrow(XmtpError)
  })

  it('with numbers of the future are read', () => {
    const content = Uint8Array.of(0x18, 9, 0x22, 1, 0x78, 0x28, 9)
    expect(reactionCodec.decode({ type: reactionType, parameters: {}, content }, registry)).toEqual(
      {
        reference: '',
        action: 'unknown',
        content: 'x',
        schema: 'unknown',
      },
    )
  })
})

describe('replies', () => {
  const about = { reference: 'ab', referenceInboxId: 'cd' }

  it('carry any content that has a codec, with its fallback', async () => {
    const reaction: Reaction = { reference: 'ef', action: 'added', content: '!', schema: 'custom' }
    const reply: Reply = { ...about, contentType: reactionType, content: reaction }
    const { bytes, fallback } = await seal(reply, replyCodec)
    expect(fallback).toBe('Replied to an earlier message')
    expect(await open(bytes)).toMatchObject({ content: { ok: true, value: reply } })
    const encoded = parseContent(bytes)
    expect(encoded.parameters).toEqual({ ...about, contentType: 'xmtp.org/reaction:2.0' })
    expect(parseContent(encoded.content).fallback).toBe('Reacted with "!" to an earlier message')
  })

  it('quote themselves when they are text', async () => {
    const reply: Reply = { reference: 'ab', contentType: textType, content: 'Yes' }
    const { bytes, fallback, shouldPush } = await seal(reply, replyCodec)
    expect([fallback, shouldPush]).toEqual(['Replied with "Yes" to an earlier message', true])
    expect(parseContent(bytes).parameters).not.toHaveProperty('referenceInboxId')
    const markdown: Reply = { reference: 'ab', contentType: markdownType, content: 'Yes' }
    expect(replyCodec.fallback(markdown)).toBe('Replied to an earlier message')
  })

  it('of a type without codec are unknown, and compressed ones unreadable', async () => {
    const { bytes } = await seal({ ...about, contentType: markdownType, content: '#' }, replyCodec)
    const encoded = parseContent(bytes)
    const small = createCodecRegistry([replyCodec])
    expect(() => replyCodec.decode(encoded, small)).toThrow('content.unknownType')
    const compressed = new Uint8Array([...encoded.content, 0x28, 0])
    expect(() => replyCodec.decode({ ...encoded, content: compressed }, registry)).toThrow(
      'content.undecodable',
    )
  })

  it('inside replies, as deep as a message is long, end in a value', async () => {
    let content = utf8('')
    for (let depth = 0; depth < 5_000; depth += 1) {
      const length = content.length
      const type = [10, 7, 0x0a, 1, 0x61, 0x12, 0, 0x18, 1]
      const size = [(length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14]
      content = new Uint8Array([...type, 0x22, ...size, ...content])
    }
    const nest = createCodecRegistry([
      { ...replyCodec, contentType: { ...replyType, authorityId: 'a', typeId: '' } },
    ])
    const opened = await decodeContent(content, {
      registry: nest,
      compressor: noCompressor,
      maxBytes: 9,
    })
    expect(opened.content.ok).toBe(false)
  })
})

describe('encrypted attachments', () => {
  let count = 0
  const random = (size: number) => new Uint8Array(size).fill((count += 1))
  const attachment: Attachment = {
    filename: 'a.png',
    mimeType: 'image/png',
    content: utf8('pixels'),
  }

  it('open with what the sender tells, which fits into a message', () => {
    const { payload, ...rest } = encryptAttachment(attachment, random)
    expect(rest.contentLength).toBe(payload.length)
    expect(Buffer.from(payload).includes('pixels')).toBe(false)
    const remote: RemoteAttachment = { ...rest, url: 'https://example.org/a', scheme: 'https://' }
    const encoded = remoteAttachmentCodec.encode(remote, registry)
    const received = remoteAttachmentCodec.decode(encoded, registry)
    expect(received).toEqual(remote)
    expect(decryptAttachment(payload, received)).toEqual(attachment)
  })

  it('are not opened when they are others, or the key is', () => {
    const { payload, ...remote } = encryptAttachment(attachment, random)
    const changed = payload.with(3, payload[3]! ^ 1)
    expect(() => decryptAttachment(changed, remote)).toThrow('content.badDigest')
    for (const wrong of [
      { secret: new Uint8Array(32) },
      { salt: new Uint8Array(31) },
      { nonce: new Uint8Array(13) },
      { nonce: new Uint8Array(12) },
    ])
      expect(() => decryptAttachment(payload, { ...remote, ...wrong })).toThrow(
        'content.undecodable',
      )
  })

  it('are written for https only', () => {
    const { payload: _, ...rest } = encryptAttachment(attachment, random)
    const remote: RemoteAttachment = { ...rest, url: 'http://example.org/a', scheme: 'http://' }
    expect(() => remoteAttachmentCodec.encode(remote, registry)).toThrow(RangeError)
    expect(() => multiRemoteAttachmentCodec.encode({ attachments: [remote] }, registry)).toThrow(
      RangeError,
    )
  })

  it('of old clients are read without a length', () => {
    const parameters = { salt: '00', nonce: '01', secret: '02', contentLength: 'NaN' }
    const encoded = {
      type: remoteAttachmentCodec.contentType,
      parameters,
      content: utf8('https://x'),
    }
    expect(remoteAttachmentCodec.decode(encoded, registry).contentLength).toBeUndefined()
    const bad = { ...encoded, parameters: { ...parameters, salt: 'zz' } }
    expect(() => remoteAttachmentCodec.decode(bad, registry)).toThrow('content.undecodable')
  })
})

describe('actions and intents', () => {
  const action = (id: string) => ({ id, label: id })
  const actions = (count: number): Actions => ({
    id: 'q',
    description: 'd',
    actions: Array.from({ length: count }, (_, index) => action(String(index))),
  })

  it('are written within the limits of libxmtp', () => {
    expect(() => actionsCodec.encode(actions(10), registry)).not.toThrow()
    for (const wrong of [
      actions(0),
      actions(11),
      { ...actions(0), actions: [action('a'), action('a')] },
    ])
      expect(() => actionsCodec.encode(wrong, registry)).toThrow(RangeError)
    const intent = (size: number) => ({ id: 'q', actionId: 'a', metadata: { x: 'y'.repeat(size) } })
    expect(() => intentCodec.encode(intent(10_240 - 8), registry)).not.toThrow()
    expect(() => intentCodec.encode(intent(10_240 - 7), registry)).toThrow(RangeError)
  })

  it('with underscores are read too', () => {
    const { type } = actionsCodec.encode(actions(1), registry)
    const json = `{"id":"q","description":"d","expires_at":"2023-11-14T23:13:20.5+01:00",
      "actions":[{"id":"a","label":"A","image_url":"u","style":null}]}`
    expect(actionsCodec.decode({ type, parameters: {}, content: utf8(json) }, registry)).toEqual({
      id: 'q',
      description: 'd',
      actions: [{ id: 'a', label: 'A', imageUrl: 'u' }],
      expiresAtNs: 1_700_000_000_500_000_000n,
    })
    const chosen = utf8('{"id":"q","action_id":"a"}')
    expect(intentCodec.decode({ type, parameters: {}, content: chosen }, registry)).toEqual({
      id: 'q',
      actionId: 'a',
    })
  })
})

it('network ids that are numbers become texts', () => {
  const content = utf8('{"networkId":8453,"reference":"0x1"}')
  const { contentType: type } = transactionReferenceCodec
  expect(transactionReferenceCodec.decode({ type, parameters: {}, content }, registry)).toEqual({
    networkId: '8453',
    reference: '0x1',
  })
})

describe('what groups write', () => {
  it('comes back', () => {
    const update: GroupUpdated = {
      initiatedByInboxId: 'a',
      addedInboxes: [{ inboxId: 'b' }],
      removedInboxes: [],
      leftInboxes: [{ inboxId: 'c' }],
      metadataFieldChanges: [{ fieldName: 'group_name', oldValue: undefined, newValue: '' }],
      addedAdminInboxes: [],
      removedAdminInboxes: [{ inboxId: 'd' }],
      addedSuperAdminInboxes: [{ inboxId: 'e' }],
      removedSuperAdminInboxes: [],
    }
    const encoded = groupUpdatedCodec.encode(update, registry)
    expect(groupUpdatedCodec.decode(encoded, registry)).toEqual(update)
    const note = Uint8Array.of(1, 2)
    for (const request of [{ authenticatedNote: note }, { authenticatedNote: undefined }])
      expect(
        leaveRequestCodec.decode(leaveRequestCodec.encode(request, registry), registry),
      ).toEqual(request)
    const deletion = { messageId: 'ab' }
    const deleted = deleteMessageCodec.encode(deletion, registry)
    expect(hex(deleted.content)).toBe('0a026162')
    expect(deleteMessageCodec.decode(deleted, registry)).toEqual(deletion)
  })
})

describe('times', () => {
  it('are those of the calendar', () => {
    const maxMs = Date.parse('9999-12-31T23:59:59.999Z')
    fc.assert(
      fc.property(fc.integer({ min: 0, max: maxMs }), (ms) => {
        const text = new Date(ms).toISOString()
        expect(formatInstant(BigInt(ms) * 1_000_000n + 999_999n)).toBe(text)
        expect(parseInstant(text)).toBe(BigInt(ms) * 1_000_000n)
      }),
      { seed: 1, numRuns: 2_000 },
    )
    expect(() => formatInstant(BigInt(maxMs + 1) * 1_000_000n)).toThrow(RangeError)
    expect(() => formatInstant(-1n)).toThrow(RangeError)
  })

  it.each([
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00Z'],
    ['2023-11-14t22:13:20.123456789z', '2023-11-14T22:13:20.123Z'],
    ['2023-11-15T03:43:20+05:30', '2023-11-14T22:13:20Z'],
    ['2023-11-14T14:13:20-08:00', '2023-11-14T22:13:20Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ])('%s is read', (text, same) => {
    expect(parseInstant(text) / 1_000_000n).toBe(BigInt(Date.parse(same)))
  })

  it.each([
    '',
    'yesterday',
    '2023-02-29T00:00:00Z',
    '2023-13-01T00:00:00Z',
    '2023-00-01T00:00:00Z',
    '2023-01-01T24:00:00Z',
    '2023-01-01T00:00:00',
    '2023-01-01',
    '2023-04-31T00:00:00Z',
    '12023-01-01T00:00:00Z',
    '2023-01-01T00:60:00Z',
  ])('%j is none', (text) => {
    expect(() => parseInstant(text)).toThrow('content.undecodable')
  })
})

it('any bytes are content or an error that is a value, for every codec', async () => {
  const json = fc.json().map(utf8)
  const parameters = fc.dictionary(
    fc.constantFrom('salt', 'nonce', 'secret', 'reference', 'action', 'encoding', 'contentLength'),
    fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('00', 'UTF-8')),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 200 }), json),
      parameters,
      fc.constantFrom(...builtInCodecs),
      fc.constantFrom(0, 1, 2),
      async (content, parameters, codec, versionMajor) => {
        const type = { ...codec.contentType, versionMajor }
        const passing: AnyCodec = {
          ...codec,
          encode: () => ({ type, parameters, content }),
          fallback: () => undefined,
          shouldPush: () => false,
        }
        const { bytes } = await seal({}, passing)
        const opened = await open(bytes)
        if (!opened.content.ok) expect(opened.content.error).toBeInstanceOf(XmtpError)
      },
    ),
    { seed: 1, numRuns: 1_500 },
  )
})
