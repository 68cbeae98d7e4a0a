import { concat, empty } from '../bytes.ts'

/** HKDF over one hash (RFC 5869). */
export type Kdf = {
  /** The number in the HPKE suite id (RFC 9180 §7.2). */
  readonly id: number
  readonly hashLength: number
  readonly extract: (salt: Uint8Array, ikm: Uint8Array) => Uint8Array
  readonly expand: (prk: Uint8Array, info: Uint8Array, length: number) => Uint8Array
}

/** HKDF from an HMAC. */
export function hkdf(
  id: number,
  hashLength: number,
  hmac: (key: Uint8Array, data: Uint8Array) => Uint8Array,
): Kdf {
  return {
    id,
    hashLength,
    extract: (salt, ikm) => hmac(salt.length === 0 ? new Uint8Array(hashLength) : salt, ikm),
    expand(prk, info, length) {
      if (length > 255 * hashLength) throw new RangeError(`HKDF cannot give ${length} bytes.`)
      const first = hmac(prk, concat(info, Uint8Array.of(1)))
      if (length <= hashLength) return length === hashLength ? first : first.slice(0, length)
      const blocks = [first]
      for (let i = 2; (i - 1) * hashLength < length; i++)
        blocks.push(hmac(prk, concat(blocks.at(-1) ?? empty, info, Uint8Array.of(i))))
      return concat(...blocks).subarray(0, length)
    },
  }
}
