/** A polynomial of degree below 256 over the integers modulo 3329 (FIPS 203 §2.4): each operation changes its first one. */
export type Poly = Int16Array

const q = 3329
/** 1/q modulo 2^16, signed. */
const qInverse = -3327
/** 2^32 modulo q: brings a number into Montgomery's form. */
const montgomerySquared = 1353
/** 2^32 / 128 modulo q: ends the inverse transform in plain form after a product. */
const inverseScale = 1441

export const newPoly = (): Poly => new Int16Array(256)

/** `product` / 2^16 modulo q, between -q and q (Montgomery); for products below q·2^15. */
function montgomery(product: number): number {
  const low = (Math.imul(product, qInverse) << 16) >> 16
  return (product - Math.imul(low, q)) >> 16
}

/** The same number modulo q, near 0 (Barrett); for 16 bits. */
function barrett(value: number): number {
  return value - Math.imul((Math.imul(20_159, value) + 33_554_432) >> 26, q)
}

/** Powers of 17, the 256th root of unity, in the order of reversed bits (FIPS 203 appendix A), in Montgomery's form. */
const zetas = /* @__PURE__ */ makeZetas()

function makeZetas(): Int16Array {
  const powers = [1]
  for (let i = 1; i < 128; i++) powers.push(((powers[i - 1] ?? 0) * 17) % q)
  return Int16Array.from({ length: 128 }, (_, i) => {
    let reversed = 0
    for (let bit = 0; bit < 7; bit++) reversed |= ((i >> bit) & 1) << (6 - bit)
    return barrett(((powers[reversed] ?? 0) * 65_536) % q)
  })
}

const at = (poly: Int16Array, index: number) => poly[index] ?? 0

/** NTT (FIPS 203 §4.3, algorithm 9). */
export function toNtt(poly: Poly): Poly {
  let k = 1
  for (let length = 128; length >= 2; length >>= 1)
    for (let start = 0; start < 256; start += 2 * length) {
      const zeta = at(zetas, k++)
      for (let j = start; j < start + length; j++) {
        const t = montgomery(Math.imul(zeta, at(poly, j + length)))
        poly[j + length] = at(poly, j) - t
        poly[j] = at(poly, j) + t
      }
    }
  return reduce(poly)
}

/** The way back (algorithm 10), of a product of two that were transformed. */
export function fromNtt(poly: Poly): Poly {
  let k = 127
  for (let length = 2; length <= 128; length <<= 1)
    for (let start = 0; start < 256; start += 2 * length) {
      const zeta = at(zetas, k--)
      for (let j = start; j < start + length; j++) {
        const t = at(poly, j)
        poly[j] = barrett(t + at(poly, j + length))
        poly[j + length] = montgomery(Math.imul(zeta, at(poly, j + length) - t))
      }
    }
  for (let j = 0; j < 256; j++) poly[j] = montgomery(Math.imul(at(poly, j), inverseScale))
  return poly
}

/** Adds a product in the NTT domain (algorithms 11 and 12), divided by 2^16. At most three before `reduce`. */
export function addProduct(sum: Poly, a: Poly, b: Poly): void {
  for (let i = 0; i < 128; i++) {
    const half = at(zetas, 64 + (i >> 1))
    const zeta = (i & 1) === 0 ? half : -half
    const a0 = at(a, 2 * i)
    const a1 = at(a, 2 * i + 1)
    const b0 = at(b, 2 * i)
    const b1 = at(b, 2 * i + 1)
    const high = montgomery(Math.imul(a1, b1))
    sum[2 * i] = at(sum, 2 * i) + montgomery(Math.imul(a0, b0)) + montgomery(Math.imul(high, zeta))
    sum[2 * i + 1] =
      at(sum, 2 * i + 1) + montgomery(Math.imul(a0, b1)) + montgomery(Math.imul(a1, b0))
  }
}

/** Times 2^16: undoes the division of a product. */
export function toMontgomery(poly: Poly): Poly {
  for (let i = 0; i < 256; i++) poly[i] = montgomery(Math.imul(at(poly, i), montgomerySquared))
  return poly
}

export function add(poly: Poly, other: Poly): Poly {
  for (let i = 0; i < 256; i++) poly[i] = at(poly, i) + at(other, i)
  return poly
}

export function subtract(poly: Poly, other: Poly): Poly {
  for (let i = 0; i < 256; i++) poly[i] = at(poly, i) - at(other, i)
  return poly
}

/** The numbers near 0, between -q/2 and q/2. */
export function reduce(poly: Poly): Poly {
  for (let i = 0; i < 256; i++) poly[i] = barrett(at(poly, i))
  return poly
}
