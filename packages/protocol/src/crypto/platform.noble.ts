import { gcm } from '@noble/ciphers/aes.js'
import { ed25519 as edwards, ed25519ph } from '@noble/curves/ed25519.js'
import { p256 as nistCurve } from '@noble/curves/nist.js'
import { secp256k1 as curve } from '@noble/curves/secp256k1.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes, equalBytes, utf8 } from '../bytes.ts'
import type { Ed25519, P256, Platform, PrehashedMessage, Secp256k1 } from './platform.ts'

/** `undefined` instead of noble's exceptions: a bad point or signature is an answer here, not an accident. */
function orUndefined<T>(step: () => T): T | undefined {
  try {
    return step()
  } catch {
    return undefined
  }
}

export const secp256k1: Secp256k1 = {
  isPrivateKey: (privateKey) => curve.utils.isValidSecretKey(privateKey),
  isPoint: (point) => curve.utils.isValidPublicKey(point, false),
  publicPoint: (privateKey) => curve.getPublicKey(privateKey, false),
  dh: (privateKey, point) => orUndefined(() => curve.getSharedSecret(privateKey, point, false)),
  sign: (privateKey, digest) => {
    const signature = curve.sign(digest, privateKey, { prehash: false, format: 'recovered' })
    return { bytes: signature.slice(1), recovery: signature[0] === 1 ? 1 : 0 }
  },
  verify: (point, digest, signature) =>
    orUndefined(() => curve.verify(signature, digest, point, { prehash: false, lowS: true })) ??
    false,
  recover: (digest, { bytes, recovery }) =>
    orUndefined(() =>
      curve.Signature.fromBytes(bytes, 'compact')
        .addRecoveryBit(recovery)
        .recoverPublicKey(digest)
        .toBytes(false),
    ),
}

/** What stands before R, A and the prehash in the challenge of Ed25519ph (RFC 8032 §2, dom2). */
function prehashedInput({ message, context }: PrehashedMessage): {
  prefix: Uint8Array
  message: Uint8Array
} {
  const prefix = concatBytes(
    utf8('SigEd25519 no Ed25519 collisions'),
    Uint8Array.of(1, context.length),
    context,
  )
  return { prefix, message: sha512(message) }
}

function littleEndian(bytes: Uint8Array): bigint {
  let number = 0n
  for (let index = bytes.length - 1; index >= 0; index -= 1)
    number = (number << 8n) | BigInt(bytes[index] ?? 0)
  return number
}

/**
 * RFC 8032 §5.1.7 without the cofactor: R as sent equals [s]B - [k]A. The key is decoded as leniently as in OpenSSL
 * and in libxmtp, while noble's own `verify` multiplies by 8 and so accepts signatures that those refuse.
 */
function verifyEquation(
  publicKey: Uint8Array,
  signature: Uint8Array,
  { prefix, message }: { prefix: Uint8Array; message: Uint8Array },
): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  const key = orUndefined(() => edwards.Point.fromBytes(publicKey, true))
  const commitment = signature.subarray(0, 32)
  const response = littleEndian(signature.subarray(32))
  const order = edwards.Point.Fn.ORDER
  if (key === undefined || response >= order) return false
  const challenge = littleEndian(sha512(concatBytes(prefix, commitment, publicKey, message)))
  const expected = edwards.Point.BASE.multiplyUnsafe(response).subtract(
    key.multiplyUnsafe(challenge % order),
  )
  return equalBytes(expected.toBytes(), commitment)
}

export const ed25519: Ed25519 = {
  publicKey: (secret) => edwards.getPublicKey(secret),
  sign: (secret, message) => edwards.sign(message, secret),
  verify: (publicKey, message, signature) =>
    verifyEquation(publicKey, signature, { prefix: new Uint8Array(), message }),
  signPrehashed: (secret, { message, context }) => ed25519ph.sign(message, secret, { context }),
  verifyPrehashed: (publicKey, signature, options) =>
    verifyEquation(publicKey, signature, prehashedInput(options)),
}

const p256: P256 = {
  verify: (publicKey, message, signature) =>
    orUndefined(() => nistCurve.verify(signature, message, publicKey, { lowS: false })) ?? false,
}

export const platform: Platform = {
  sha256,
  keccak256: keccak_256,
  hmacSha256: (key, data) => hmac(sha256, key, data),
  hkdfSha256: (secret, { salt, info }) => hkdf(sha256, secret, salt, info, 32),
  aes256GcmSeal: (plaintext, { key, nonce, aad }) => gcm(key, nonce, aad).encrypt(plaintext),
  aes256GcmOpen: (payload, { key, nonce, aad }) =>
    orUndefined(() => gcm(key, nonce, aad).decrypt(payload)),
  secp256k1,
  ed25519,
  p256,
}
