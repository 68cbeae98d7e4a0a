import { concat } from '../bytes.ts'
import { decodePoly, encodePoly, packPoly, sizesOf, unpackPoly } from './ml-kem-codec.ts'
import {
  add,
  addProduct,
  fromNtt,
  newPoly,
  reduce,
  subtract,
  toMontgomery,
  toNtt,
  type Poly,
} from './ml-kem-poly.ts'

/** What ML-KEM wants of SHA-3 (FIPS 203 §4.1). */
export type Sha3 = {
  readonly sha3_256: (data: Uint8Array) => Uint8Array
  readonly sha3_512: (data: Uint8Array) => Uint8Array
  readonly shake128: (data: Uint8Array, length: number) => Uint8Array
  readonly shake256: (data: Uint8Array, length: number) => Uint8Array
}

/** The private half of a key, made from its seed. */
export type MlKemKey = {
  /** 1184 bytes */
  readonly publicKey: Uint8Array
  /**
   * The shared secret of 32 bytes in a ciphertext of 1088 bytes; for one that nobody made for this key, another secret
   * that nobody knows (implicit rejection).
   */
  readonly decapsulate: (ciphertext: Uint8Array) => Uint8Array
}

/** ML-KEM-768 (FIPS 203). Lengths are the caller's to check. */
export type MlKem = {
  /** @param seed d and z, 32 bytes each */
  readonly keyOf: (seed: Uint8Array) => MlKemKey
  /**
   * @param message 32 random bytes
   * @returns undefined for bytes that are no public key (FIPS 203 §7.2)
   */
  readonly encapsulate: (
    publicKey: Uint8Array,
    message: Uint8Array,
  ) => { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array } | undefined
}

/** Rows and columns of the matrix, polynomials in a vector. */
const rank = 3
const ranks = [0, 1, 2] as const

type Vector = readonly Poly[]
type Matrix = readonly Vector[]

/** What a public key says: the vector in the NTT domain, the matrix, and the hash of its bytes. */
type PublicParts = { readonly t: Vector; readonly matrix: Matrix; readonly hash: Uint8Array }

/**
 * ML-KEM-768 for platforms whose SHA-3 is native. Secrets never choose a branch, an index or a divisor; what the engine does
 * below JavaScript is beyond its reach.
 */
export function mlKem768(sha3: Sha3): MlKem {
  const parse = (publicKey: Uint8Array): PublicParts | undefined => {
    const t = ranks.map((i) =>
      decodePoly(publicKey.subarray(i * sizesOf.poly, (i + 1) * sizesOf.poly)),
    )
    if (!t.every((poly) => poly.every((value) => value < 3329))) return undefined
    const matrix = matrixOf(sha3, publicKey.subarray(rank * sizesOf.poly))
    return { t, matrix, hash: sha3.sha3_256(publicKey) }
  }
  return {
    keyOf: (seed) => keyOf(sha3, seed),
    encapsulate(publicKey, message) {
      const parts = parse(publicKey)
      if (parts === undefined) return undefined
      const derived = sha3.sha3_512(concat(message, parts.hash))
      const ciphertext = encrypt(sha3, parts, message, derived.subarray(32))
      return { ciphertext, sharedSecret: derived.slice(0, 32) }
    },
  }
}

/** KeyGen (FIPS 203 §5.1, §6.1), and decapsulation with what it has worked out. */
function keyOf(sha3: Sha3, seed: Uint8Array): MlKemKey {
  const expanded = sha3.sha3_512(concat(seed.subarray(0, 32), Uint8Array.of(rank)))
  const [rho, sigma] = [expanded.slice(0, 32), expanded.subarray(32)]
  const rejection = seed.slice(32, 64)
  const matrix = matrixOf(sha3, rho)
  const s = ranks.map((i) => toNtt(noise(sha3, sigma, i)))
  const t = matrix.map((row, i) => {
    const sum = toMontgomery(productOf(row, s))
    return reduce(add(sum, toNtt(noise(sha3, sigma, rank + i))))
  })
  const publicKey = concat(...t.map(encodePoly), rho)
  const parts = { t, matrix, hash: sha3.sha3_256(publicKey) }
  return {
    publicKey,
    decapsulate(ciphertext) {
      const message = decrypt(s, ciphertext)
      const derived = sha3.sha3_512(concat(message, parts.hash))
      const other = sha3.shake256(concat(rejection, ciphertext), 32)
      const again = encrypt(sha3, parts, message, derived.subarray(32))
      return chosen(derived.subarray(0, 32), other, differenceOf(again, ciphertext))
    },
  }
}

/** K-PKE.Encrypt (FIPS 203 §5.2). */
function encrypt(
  sha3: Sha3,
  { t, matrix }: PublicParts,
  message: Uint8Array,
  coins: Uint8Array,
): Uint8Array {
  const y = ranks.map((i) => toNtt(noise(sha3, coins, i)))
  const u = ranks.map((i) => {
    const column = matrix.map((row) => polyAt(row, i))
    return reduce(add(fromNtt(productOf(column, y)), noise(sha3, coins, rank + i)))
  })
  const v = add(fromNtt(productOf(t, y)), noise(sha3, coins, 2 * rank))
  reduce(add(v, unpackPoly(message, 1)))
  return concat(...u.map((poly) => packPoly(poly, 10)), packPoly(v, 4))
}

/** K-PKE.Decrypt (FIPS 203 §5.3). */
function decrypt(s: Vector, ciphertext: Uint8Array): Uint8Array {
  const { packed10 } = sizesOf
  const u = ranks.map((i) =>
    toNtt(unpackPoly(ciphertext.subarray(i * packed10, (i + 1) * packed10), 10)),
  )
  const v = unpackPoly(ciphertext.subarray(rank * packed10), 4)
  return packPoly(reduce(subtract(v, fromNtt(productOf(s, u)))), 1)
}

function productOf(a: Vector, b: Vector): Poly {
  const sum = newPoly()
  for (const i of ranks) addProduct(sum, polyAt(a, i), polyAt(b, i))
  return reduce(sum)
}

function polyAt(vector: Vector, index: number): Poly {
  const poly = vector[index]
  if (poly === undefined) throw new RangeError(`A vector has ${rank} polynomials.`)
  return poly
}

/** The matrix that a public key names by its seed (FIPS 203 §5.1, lines 3 to 7). */
function matrixOf(sha3: Sha3, rho: Uint8Array): Matrix {
  return ranks.map((i) => ranks.map((j) => sampleNtt(sha3, concat(rho, Uint8Array.of(j, i)))))
}

/** SampleNTT (FIPS 203 §4.2.2): 504 bytes are enough in 99 of 100 cases. */
function sampleNtt(sha3: Sha3, seed: Uint8Array): Poly {
  for (let length = 504; ; length *= 2) {
    const poly = newPoly()
    const stream = sha3.shake128(seed, length)
    let count = 0
    for (let at = 0; at < length && count < 256; at += 3) {
      const middle = stream[at + 1] ?? 0
      const first = (stream[at] ?? 0) | ((middle & 15) << 8)
      const second = (middle >> 4) | ((stream[at + 2] ?? 0) << 4)
      if (first < 3329) poly[count++] = first
      if (second < 3329 && count < 256) poly[count++] = second
    }
    if (count === 256) return poly
  }
}

/** SamplePolyCBD with eta 2 (FIPS 203 §4.2.2): two bits less two bits. */
function noise(sha3: Sha3, seed: Uint8Array, nonce: number): Poly {
  const stream = sha3.shake256(concat(seed, Uint8Array.of(nonce)), 128)
  const poly = newPoly()
  for (let at = 0; at < 128; at++) {
    const byte = stream[at] ?? 0
    poly[2 * at] = (byte & 1) + ((byte >> 1) & 1) - ((byte >> 2) & 1) - ((byte >> 3) & 1)
    poly[2 * at + 1] = ((byte >> 4) & 1) + ((byte >> 5) & 1) - ((byte >> 6) & 1) - (byte >> 7)
  }
  return poly
}

/** 0 for equal bytes, something else otherwise, after looking at all of them. */
function differenceOf(a: Uint8Array, b: Uint8Array): number {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference
}

/** `right` if there is no difference, else `other`; without a branch. */
function chosen(right: Uint8Array, other: Uint8Array, difference: number): Uint8Array {
  const mask = (difference | -difference) >> 31
  return Uint8Array.from(right, (byte, i) => byte ^ (mask & (byte ^ (other[i] ?? 0))))
}
