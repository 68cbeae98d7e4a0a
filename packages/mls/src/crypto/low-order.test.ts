import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isX25519PublicKey } from './low-order.ts'
import * as noble from './platform.noble.ts'
import * as node from './platform.node.ts'

const p = 2n ** 255n - 19n
/** Of order 8 on the curve. */
const eighths = [
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
]

function littleEndian(number: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) =>
    Number((number >> BigInt(8 * index)) & 0xffn),
  )
}

/** As a trial says it, on each platform. */
function trials(publicKey: Uint8Array): readonly boolean[] {
  const privateKey = new Uint8Array(32).fill(7)
  return [noble.nobleCurves.x25519, node.x25519].map(
    ({ shared }) => shared(privateKey, publicKey) !== undefined,
  )
}

describe('keys that nothing can be encrypted to', () => {
  const small = [0n, 1n, ...eighths, p - 1n, p, p + 1n]
  it('are those of low order, with the highest bit too', () => {
    for (const number of small.flatMap((each) => [each, each + 2n ** 255n])) {
      const key = littleEndian(number)
      expect([number, isX25519PublicKey(key), ...trials(key)]).toEqual([
        number,
        false,
        false,
        false,
      ])
    }
  })

  it('are none of their neighbours', () => {
    for (const number of [
      2n,
      p - 2n,
      p + 2n,
      p + 18n,
      ...eighths.flatMap((e) => [e - 1n, e + 1n]),
    ]) {
      const key = littleEndian(number)
      expect([number, isX25519PublicKey(key), ...trials(key)]).toEqual([number, true, true, true])
    }
  })

  it('are the same for a trial, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 30, maxLength: 34 }), (key) => {
        const answer = isX25519PublicKey(key)
        expect(trials(key)).toEqual([answer, answer])
      }),
      { numRuns: 50 },
    )
  })
})
