import { describe, expect, it } from 'vitest'
import { bytesFromHex, bytesToHex } from '../../bytes.ts'
import { lowSOfP256, parseDerSignature } from './ecdsa.ts'

const read = (der: string) => bytesToHex(parseDerSignature(bytesFromHex(der)!))
const padded = (digits: string) => digits.padStart(64, '0')

describe('ECDSA signatures in DER', () => {
  it('are two positive integers', () => {
    expect(read('3006020101020102')).toBe(padded('01') + padded('02'))
    expect(read('300702017f02020080')).toBe(padded('7f') + padded('80'))
    const long = `00${'ff'.repeat(32)}`
    expect(read(`30460221${long}0221${long}`)).toBe('ff'.repeat(64))
    expect(read('3006020100020100')).toBe(padded('') + padded(''))
  })

  it.each([
    ['nothing', ''],
    ['another tag', '3106020101020102'],
    ['a length too short', '3005020101020102'],
    ['a length too long', '3007020101020102'],
    ['a length in the long form', '308106020101020102'],
    ['one integer', '3003020101'],
    ['three integers', '3009020101020102020103'],
    ['bytes after the end', '300602010102010200'],
    ['an integer of no bytes', '30050200020102'],
    ['a negative integer', '3006020180020102'],
    ['a zero too many', '300702020001020102'],
    ['33 digits', `30260221${'01'.repeat(33)}020101`],
    ['34 bytes', `30270222${'00'.repeat(34)}020101`],
    ['an integer that runs over', '3006020105020902'],
    ['no integer', '3006040101020102'],
  ])('are refused with %s', (_name, der) => {
    expect(() => read(der)).toThrow(/signature\.malformed/)
  })
})

describe('the low s of P-256', () => {
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const low = (s: bigint) =>
    bytesToHex(lowSOfP256(bytesFromHex(`${'11'.repeat(32)}${padded(s.toString(16))}`)!)).slice(64)

  it('is the lower of s and the order less s', () => {
    const half = n >> 1n
    for (const s of [1n, half]) {
      expect(low(s)).toBe(padded(s.toString(16)))
      expect(low(n - s)).toBe(padded(s.toString(16)))
    }
  })

  it('is left alone where s is no scalar', () => {
    for (const s of [0n, n, 2n ** 256n - 1n]) expect(low(s)).toBe(padded(s.toString(16)))
  })
})
