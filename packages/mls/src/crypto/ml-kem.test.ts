import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packPoly, unpackPoly } from './ml-kem-codec.ts'
import { newPoly } from './ml-kem-poly.ts'
import { mlKem as noble } from './platform.noble.ts'
import { mlKem as native } from './platform.node.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

describe('ML-KEM-768, against noble', () => {
  it('makes the same keys, ciphertexts and secrets', () => {
    fc.assert(
      fc.property(bytes(64), bytes(32), (seed, message) => {
        const [own, other] = [native.keyOf(seed), noble.keyOf(seed)]
        expect(own.publicKey).toEqual(other.publicKey)
        const sealed = native.encapsulate(own.publicKey, message)!
        expect(sealed).toEqual(noble.encapsulate(own.publicKey, message))
        expect(own.decapsulate(sealed.ciphertext)).toEqual(sealed.sharedSecret)
        expect(other.decapsulate(sealed.ciphertext)).toEqual(sealed.sharedSecret)
      }),
      { numRuns: 100 },
    )
  })

  it('rejects what was changed with the same secret that nobody knows', () => {
    fc.assert(
      fc.property(bytes(64), bytes(32), fc.nat(1087), fc.integer({ min: 1, max: 255 }), (...of) => {
        const [seed, message, at, flip] = of
        const [own, other] = [native.keyOf(seed), noble.keyOf(seed)]
        const { ciphertext, sharedSecret } = native.encapsulate(own.publicKey, message)!
        ciphertext[at]! ^= flip
        const rejected = own.decapsulate(ciphertext)
        expect(rejected).toEqual(other.decapsulate(ciphertext))
        expect(rejected).not.toEqual(sharedSecret)
      }),
      { numRuns: 60 },
    )
  })

  it('reads any ciphertext alike', () => {
    fc.assert(
      fc.property(bytes(64), bytes(1088), (seed, ciphertext) => {
        const [own, other] = [native.keyOf(seed), noble.keyOf(seed)]
        expect(own.decapsulate(ciphertext)).toEqual(other.decapsulate(ciphertext))
      }),
      { numRuns: 30 },
    )
  })

  it('takes no key with a number that is not below 3329', () => {
    const { publicKey } = ml_kem768.keygen(new Uint8Array(64).fill(3))
    const message = new Uint8Array(32)
    for (const [at, value, isKey] of [
      [0, 3328, true],
      [0, 3329, false],
      [767, 4095, false],
    ] as const) {
      const changed = publicKey.slice()
      const first = Math.floor(at / 2) * 3
      if (at % 2 === 0) {
        changed[first] = value & 0xff
        changed[first + 1] = (changed[first + 1]! & 0xf0) | (value >> 8)
      } else {
        changed[first + 1] = (changed[first + 1]! & 0x0f) | ((value & 15) << 4)
        changed[first + 2] = value >> 4
      }
      const answers = [native, noble].map((kem) => kem.encapsulate(changed, message) !== undefined)
      expect([at, value, ...answers]).toEqual([at, value, isKey, isKey])
    }
  })

  it('compresses every number as FIPS 203 rounds it', () => {
    for (const bits of [1, 4, 10] as const)
      for (let start = 0; start < 3329; start += 256) {
        const poly = newPoly()
        for (let i = 0; i < 256; i++) poly[i] = Math.min(start + i, 3328)
        const read = unpackPoly(packPoly(poly, bits), bits)
        const expected = Array.from(poly, (value) => {
          const compressed = Math.floor((2 * value * 2 ** bits + 3329) / 6658) % 2 ** bits
          return Math.floor((2 * compressed * 3329 + 2 ** bits) / 2 ** (bits + 1))
        })
        expect(Array.from(read)).toEqual(expected)
      }
  })
})
