import { XmtpError } from '@xmtp-ts/protocol'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AnyCodec, ContentCodec } from './codec.ts'
import { compositeCodec, compositeType, type Composite } from './composite.ts'
import { createCodecRegistry } from './registry.ts'
import { textCodec, textType } from './text.ts'

const numberCodec: ContentCodec<number> = {
  contentType: { authorityId: 'example.org', typeId: 'number', versionMajor: 1, versionMinor: 0 },
  encode: (number) => ({
    type: numberCodec.contentType,
    parameters: { base: '256' },
    content: Uint8Array.of(number),
  }),
  decode: ({ content, parameters }) => (parameters['base'] === '256' ? (content[0] ?? 0) : -1),
  fallback: String,
  shouldPush: () => true,
}

const registry = createCodecRegistry([textCodec, numberCodec, compositeCodec])
const text = (content: string): Composite => ({ type: textType, content })
const number = (content: number): Composite => ({ type: numberCodec.contentType, content })

describe('a composite', () => {
  it('comes back in its order and depth', () => {
    const composite = { parts: [text('a'), { parts: [number(7), { parts: [] }] }, text('b')] }
    const encoded = compositeCodec.encode(composite, registry)
    expect(encoded.type).toEqual(compositeType)
    expect(compositeCodec.decode(encoded, registry)).toEqual(composite)
  })

  it('of one content is wrapped', () => {
    const encoded = compositeCodec.encode(text('alone'), registry)
    expect(compositeCodec.decode(encoded, registry)).toEqual({ parts: [text('alone')] })
  })

  it('fails as a whole when a part has no codec', () => {
    const encoded = compositeCodec.encode({ parts: [text('a'), number(1)] }, registry)
    const poor = createCodecRegistry([textCodec])
    const code = 'content.unknownType'
    expect(() => compositeCodec.decode(encoded, poor)).toThrow(expect.objectContaining({ code }))
    expect(() => compositeCodec.encode(number(1), poor)).toThrow(expect.objectContaining({ code }))
  })

  it('whose part has no type, or no element, is refused', () => {
    for (const content of [Uint8Array.of(0x0a, 0), Uint8Array.of(0x0a, 2, 0x0a, 0)])
      expect(() =>
        compositeCodec.decode({ type: compositeType, parameters: {}, content }, registry),
      ).toThrow(XmtpError)
  })

  it('of any bytes decodes or throws an Error', () => {
    const codec: AnyCodec = compositeCodec
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (content) => {
        try {
          codec.decode({ type: compositeType, parameters: {}, content }, registry)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
      { seed: 16 },
    )
  })
})
