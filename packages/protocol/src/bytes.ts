import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js'

export { bytesToHex, concatBytes }

/** `n` bytes of cryptographic randomness. A parameter everywhere, so that vectors come out byte for byte. */
export type Random = (sizeBytes: number) => Uint8Array

/** @returns the bytes, or undefined when `hex` is not an even number of hex digits. */
export function bytesFromHex(hex: string): Uint8Array | undefined {
  return /^(?:[0-9a-fA-F]{2})*$/.test(hex) ? hexToBytes(hex) : undefined
}

/** UTF-8, without needing a platform's TextEncoder. Lone surrogates become U+FFFD. */
export function utf8(text: string): Uint8Array {
  const out: number[] = []
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0
    const scalar = codePoint >= 0xd800 && codePoint <= 0xdfff ? 0xfffd : codePoint
    if (scalar < 0x80) out.push(scalar)
    else if (scalar < 0x800) out.push(0xc0 | (scalar >> 6), 0x80 | (scalar & 63))
    else if (scalar < 0x1_0000)
      out.push(0xe0 | (scalar >> 12), 0x80 | ((scalar >> 6) & 63), 0x80 | (scalar & 63))
    else
      out.push(
        0xf0 | (scalar >> 18),
        0x80 | ((scalar >> 12) & 63),
        0x80 | ((scalar >> 6) & 63),
        0x80 | (scalar & 63),
      )
  }
  return Uint8Array.from(out)
}

/** Equality of public values; stops at the first difference. For secrets: `equalConstantTime`. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false
  return true
}

/** Equality whose time depends on the lengths alone. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let index = 0; index < a.length; index += 1) difference |= (a[index] ?? 0) ^ (b[index] ?? 0)
  return difference === 0
}

/** Orders like unsigned big-endian numbers of equal length: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
