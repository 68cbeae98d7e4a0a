import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { platformCompressor } from './compression.ts'

const { compress, decompress } = platformCompressor
const plain = new TextEncoder().encode('never twice '.repeat(1_000))

describe.each(['deflate', 'gzip'] as const)('%s', (format) => {
  it('inflates what it made', async () => {
    const small = await compress(plain, format)
    expect(small.length).toBeLessThan(plain.length / 10)
    expect(await decompress(small, { format, maxBytes: plain.length })).toEqual(plain)
  })

  it('stops at the limit', async () => {
    const bomb = (format === 'gzip' ? gzipSync : deflateSync)(Buffer.alloc(50_000_000))
    const inflating = decompress(bomb, { format, maxBytes: 1_000_000 })
    await expect(inflating).rejects.toMatchObject({ code: 'content.tooLong' })
  })

  it.each([
    ['nothing', new Uint8Array()],
    ['noise', Uint8Array.of(1, 2, 3)],
    ['half a stream', deflateSync(plain).subarray(0, 20)],
    ['a raw stream', deflateRawSync(plain)],
  ])('refuses %s', async (_what, bytes) => {
    const inflating = decompress(bytes, { format, maxBytes: 1_000_000 })
    await expect(inflating).rejects.toMatchObject({ code: 'content.badCompression' })
  })
})
