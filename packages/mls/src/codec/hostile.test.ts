import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hex, ownCapture } from '../../test/vectors.ts'
import { MlsError } from '../errors.ts'
import { decodeMessage, standardWire } from '../message/wire.ts'
import { keyPackageCodec } from '../tree/key-package.ts'
import { decodeTree, encodeTree } from '../tree/tree-codec.ts'
import { decode, encode, opaque, vector } from './tls.ts'

const runs = Number(process.env['MLS_FUZZ_RUNS'] ?? 300)
const capture = ownCapture('curve25519')
const messages: Uint8Array[] = capture.messages.map((m: any) => hex(m.data))
const keyPackages: Uint8Array[] = capture.keyPackages.map((k: any) => hex(k.bytes))

/** What decodes is written back byte for byte; what does not throws an MlsError and nothing else. */
function roundTrip(read: (bytes: Uint8Array) => Uint8Array, bytes: Uint8Array): void {
  let written: Uint8Array
  try {
    written = read(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(MlsError)
    return
  }
  expect(written).toEqual(bytes)
}

const readers: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  message: (bytes) => encode(standardWire.message, decodeMessage(bytes)),
  keyPackage: (bytes) => encode(keyPackageCodec, decode(keyPackageCodec, bytes)),
  commit: (bytes) => encode(standardWire.commit, decode(standardWire.commit, bytes)),
  tree: (bytes) => encodeTree(decodeTree(bytes)),
}

describe('hostile input', () => {
  for (const [name, read] of Object.entries(readers))
    it(`decodes to the same bytes or throws: ${name}`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => roundTrip(read, bytes)),
        { numRuns: runs },
      )
    })

  it('changed anywhere still decodes to the same bytes or throws', () => {
    const samples = [
      ...messages.map((bytes) => [readers['message']!, bytes] as const),
      ...keyPackages.map((bytes) => [readers['keyPackage']!, bytes] as const),
    ]
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(255), fc.boolean(), (pick, where, value, cut) => {
        const [read, bytes] = samples[pick % samples.length]!
        const changed = bytes.slice()
        changed[where % changed.length] = value
        roundTrip(read, cut ? changed.subarray(0, where % changed.length) : changed)
      }),
      { numRuns: runs * 3 },
    )
  })

  it('does not allocate by what a length says, but by what is there', () => {
    // A vector that claims a gigabyte, in five bytes.
    const claim = Uint8Array.of(0xbf, 0xff, 0xff, 0xff, 0)
    expect(() => decode(opaque, claim)).toThrow(/truncated/)
    expect(() => decode(vector(opaque), claim)).toThrow(/truncated/)
    expect(() => decodeTree(claim)).toThrow(/truncated/)
  })

  it('costs time in proportion to its size', () => {
    // Empty items are the most structure for the fewest bytes; twice as many may not take four times as long.
    const cost = (count: number) => {
      const bytes = encode(opaque, new Uint8Array(count))
      const start = performance.now()
      decode(vector(opaque), bytes)
      return performance.now() - start
    }
    cost(200_000)
    const small = Math.max(cost(200_000), 2)
    expect(cost(800_000)).toBeLessThan(small * 16)
  })
})
