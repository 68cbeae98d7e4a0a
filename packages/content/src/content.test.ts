import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { XmtpError } from '@xmtp-ts/protocol'
import type { AnyCodec, ContentCodec } from './codec.ts'
import type { Compressor } from './compression.ts'
import { decodeContent, encodeContent, parseContent } from './content.ts'
import { createCodecRegistry } from './registry.ts'
import { textCodec, textType } from './text.ts'

/** A compressor that anyone can check by eye: it turns the bytes around. */
const reversing: Compressor = {
  compress: async (bytes) => bytes.toReversed(),
  decompress: async (bytes, { maxBytes }) => {
    if (bytes.length > maxBytes) throw new XmtpError('content.tooLong', 'Too long.')
    return bytes.toReversed()
  },
}

type Point = { readonly x: number }
const pointCodec: ContentCodec<Point> = {
  contentType: { authorityId: 'example.org', typeId: 'point', versionMajor: 2, versionMinor: 0 },
  encode: ({ x }) => ({
    type: pointCodec.contentType,
    parameters: {},
    content: Uint8Array.of(x),
  }),
  decode: ({ content }) => {
    if (content.length !== 1) throw new RangeError('A point has one byte.')
    return { x: content[0] ?? 0 }
  },
  fallback: ({ x }) => `A point at ${x}`,
  shouldPush: () => false,
}

const open = (bytes: Uint8Array, codecs: readonly AnyCodec[], maxBytes = 1_000) =>
  decodeContent(bytes, {
    registry: createCodecRegistry(codecs),
    compressor: reversing,
    maxBytes,
  })

const seal = <T>(content: T, codec: ContentCodec<T>, compression?: 'deflate' | 'gzip') =>
  encodeContent(content, {
    codec,
    registry: createCodecRegistry([codec]),
    compression,
    compressor: reversing,
  })

describe('content', () => {
  it('comes back as it was sent, any text, compressed or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom(undefined, 'deflate' as const, 'gzip' as const),
        async (text, compression) => {
          const { bytes } = await seal(text, textCodec, compression)
          const { type, content } = await open(bytes, [textCodec], 10_000)
          expect(type).toEqual(textType)
          expect(content).toEqual({ ok: true, value: text })
        },
      ),
      { seed: 1, numRuns: 100 },
    )
  })

  it('compresses what was asked for, and nothing below ten bytes', async () => {
    const long = parseContent((await seal('0123456789', textCodec, 'gzip')).bytes)
    expect(long.compression).toBe(1)
    expect(new TextDecoder().decode(long.content)).toBe('9876543210')
    const short = parseContent((await seal('012345678', textCodec, 'gzip')).bytes)
    expect(short.compression).toBeUndefined()
  })

  it('carries the fallback and the push wish of its codec', async () => {
    const sent = await seal({ x: 7 }, pointCodec)
    expect(sent.shouldPush).toBe(false)
    expect(parseContent(sent.bytes).fallback).toBe('A point at 7')
  })

  it('of an unknown type is delivered with its fallback', async () => {
    const { bytes } = await seal({ x: 7 }, pointCodec)
    const { type, fallback, content } = await open(bytes, [textCodec])
    expect(type.typeId).toBe('point')
    expect(fallback).toBe('A point at 7')
    expect(content).toMatchObject({ ok: false, error: { code: 'content.unknownType' } })
  })

  it('of a newer major version is unknown, of an older one is read', async () => {
    const { bytes } = await seal({ x: 7 }, pointCodec)
    const withMajor = (versionMajor: number): AnyCodec => ({
      ...pointCodec,
      contentType: { ...pointCodec.contentType, versionMajor },
    })
    expect((await open(bytes, [withMajor(1)])).content).toMatchObject({
      error: { code: 'content.unknownType' },
    })
    expect((await open(bytes, [withMajor(3)])).content).toEqual({ ok: true, value: { x: 7 } })
  })

  it('whose codec throws is delivered with its fallback', async () => {
    const broken = {
      ...pointCodec,
      encode: () => ({ ...pointCodec.encode({ x: 1 }, none), content: new Uint8Array(2) }),
    }
    const { bytes } = await seal({ x: 1 }, broken)
    expect(await open(bytes, [pointCodec])).toMatchObject({
      fallback: 'A point at 1',
      content: { ok: false, error: { code: 'content.undecodable' } },
    })
  })

  it('that inflates beyond the limit is an error, not a memory', async () => {
    const { bytes } = await seal('x'.repeat(50), textCodec, 'deflate')
    expect((await open(bytes, [textCodec], 49)).content).toMatchObject({
      error: { code: 'content.tooLong' },
    })
  })

  it('of any bytes is a value or content.malformed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        try {
          await open(bytes, [textCodec])
        } catch (error) {
          expect(error).toMatchObject({ code: 'content.malformed' })
        }
      }),
      { seed: 2, numRuns: 1_000 },
    )
  })
})

const none = createCodecRegistry([])

describe('text', () => {
  const text = (parameters: Record<string, string>) =>
    textCodec.decode({ type: textType, parameters, content: Uint8Array.of(0x68, 0x69) }, none)

  it('is read without an encoding, as old clients send it', () => {
    expect(text({})).toBe('hi')
  })

  it('in another encoding is refused', () => {
    expect(() => text({ encoding: 'UTF-16' })).toThrow(/UTF-16/)
  })
})
