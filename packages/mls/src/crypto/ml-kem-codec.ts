import { newPoly, type Poly } from './ml-kem-poly.ts'

const q = 3329

/** Bytes of a polynomial as it is, and with 10 bits for each number. */
export const sizesOf = { poly: 384, packed10: 320 } as const

/** ByteEncode12 (FIPS 203 §4.2.1) of numbers between -q and q. */
export function encodePoly(poly: Poly): Uint8Array {
  return pack(poly, 12, positive)
}

/** ByteDecode12; whether all numbers are below q is the caller's to ask. */
export function decodePoly(bytes: Uint8Array): Poly {
  return unpack(bytes, 12, (value) => value)
}

/** Compress and ByteEncode (FIPS 203 §4.2.1), `bits` for each number. */
export function packPoly(poly: Poly, bits: 1 | 4 | 10): Uint8Array {
  const scale = 2 ** bits
  const mask = scale - 1
  return pack(poly, bits, (value) => {
    // Rounds (2^bits / q) · value. Division would tell how large it is: 2^37 / q, rounded up, is exact enough for 22 bits.
    const scaled = positive(value) * scale + 1664
    return Math.floor((scaled * 41_285_358) / 137_438_953_472) & mask
  })
}

/** ByteDecode and Decompress. */
export function unpackPoly(bytes: Uint8Array, bits: 1 | 4 | 10): Poly {
  const half = 2 ** (bits - 1)
  return unpack(bytes, bits, (value) => (value * q + half) >> bits)
}

/** Without a branch: adds q to what is below 0. */
function positive(value: number): number {
  return value + ((value >> 31) & q)
}

function pack(poly: Poly, bits: number, each: (value: number) => number): Uint8Array {
  const bytes = new Uint8Array(32 * bits)
  let buffer = 0
  let filled = 0
  let at = 0
  for (let i = 0; i < 256; i++) {
    buffer |= each(poly[i] ?? 0) << filled
    for (filled += bits; filled >= 8; filled -= 8) {
      bytes[at++] = buffer & 0xff
      buffer >>= 8
    }
  }
  return bytes
}

function unpack(bytes: Uint8Array, bits: number, each: (value: number) => number): Poly {
  const poly = newPoly()
  const mask = 2 ** bits - 1
  let buffer = 0
  let filled = 0
  let at = 0
  for (let i = 0; i < 256; i++) {
    for (; filled < bits; filled += 8) buffer |= (bytes[at++] ?? 0) << filled
    poly[i] = each(buffer & mask)
    buffer >>= bits
    filled -= bits
  }
  return poly
}
