/**
 * Points of Curve25519 and of its twist whose order divides the cofactor, as u-coordinates below 2^255 in little-endian
 * hex: with them every private key has the same, all-zero result (RFC 7748 §6.1). Numbers of 2^255 - 19 and more count
 * as what is left of them.
 */
const lowOrder: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

/** Whether something can be encrypted to an X25519 key; the same answer as a trial, without its cost. */
export function isX25519PublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  // The highest bit does not count (RFC 7748 §5).
  const bytes = Array.from(publicKey, (byte, index) => (index === 31 ? byte & 0x7f : byte))
  return !lowOrder.has(bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(''))
}
