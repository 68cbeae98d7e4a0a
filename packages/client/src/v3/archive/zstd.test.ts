import { bytesFromHex, concatBytes, equalBytes, utf8, XmtpError } from '@xmtp-ts/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { all, inPieces } from '../../../test/pieces.ts'
import { storeZstd, unzstd } from './zstd.ts'

const hex = (digits: string) => bytesFromHex(digits) ?? new Uint8Array()
const inflate = (bytes: Uint8Array, size?: number) => all(unzstd(inPieces(bytes, size)))

/** 320,000 bytes, as `zstd` 1.5 has compressed them: several blocks that refer to each other. */
const text = utf8('sealed element, '.repeat(20_000))
const blocks =
  'c40000807365616c656420656c656d656e742c200100daff279f4b4c000008730100fcff3910024d000008730100fc611d0801'

describe('Zstandard frames', () => {
  it.each([
    ['with size and checksum', `28b52ffda400e20400${blocks}fd73c517`],
    ['of a stream', `28b52ffd0058${blocks}`],
  ])('of the real compressor are read: %s', async (_, digits) => {
    for (const size of [1, 7, 1_000])
      expect(equalBytes(await inflate(hex(digits), size), text)).toBe(true)
  })

  it('are written as blocks that are stored as they are', async () => {
    const pieces = [utf8('one'), new Uint8Array(300_000).fill(7), utf8('two')]
    const frame = await all(storeZstd(inPieces(concatBytes(...pieces), 200_000)))
    expect(frame.subarray(0, 5)).toEqual(hex('28b52ffd00'))
    expect(equalBytes(await inflate(frame), concatBytes(...pieces))).toBe(true)
  })

  it('come back as they were, in whatever pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2_000 }),
        fc.integer({ min: 1, max: 50 }),
        async (bytes, size) => {
          expect(await inflate(await all(storeZstd(inPieces(bytes, size))), size)).toEqual(bytes)
        },
      ),
    )
  })

  it('that are cut, go on after their end, or are none, are refused', async () => {
    const frame = hex(`28b52ffda400e20400${blocks}fd73c517`)
    for (let length = 0; length < frame.length; length += 1)
      await expect(inflate(frame.subarray(0, length))).rejects.toMatchObject({
        code: 'client.archive.malformed',
      })
    await expect(inflate(concatBytes(frame, frame))).rejects.toMatchObject({
      code: 'client.archive.malformed',
    })
  })

  it('that ask for a window of 128 MiB are refused before it is made', async () => {
    await expect(inflate(hex(`28b52ffd0488${blocks}fd73c517`))).rejects.toMatchObject({
      code: 'client.archive.tooLarge',
    })
  })

  it('whose bytes are changed are refused or read, and nothing else', async () => {
    const frame = hex('28b52ffd04584d00001000000100272ac00290ea003a')
    await fc.assert(
      fc.asyncProperty(
        fc.nat(frame.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (place, change) => {
          const changed = Uint8Array.from(frame)
          changed[place] = (changed[place] ?? 0) ^ change
          const read = await inflate(changed).catch((error: unknown) => error)
          expect(read instanceof Uint8Array || read instanceof XmtpError).toBe(true)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('of repeated bytes give one block at a time', async () => {
    // 1,000 blocks of 128 KiB of zeros in 4,006 bytes.
    const repeated = new Uint8Array(1_000 * 4)
    for (let block = 0; block < 1_000; block += 1)
      repeated.set([block === 999 ? 0x03 : 0x02, 0, 0x10, 0], block * 4)
    let largest = 0
    let count = 0
    for await (const piece of unzstd(inPieces(concatBytes(hex('28b52ffd0038'), repeated)))) {
      largest = Math.max(largest, piece.length)
      count += piece.length
    }
    expect({ largest, count }).toEqual({ largest: 131_072, count: 131_072_000 })
  })
})
