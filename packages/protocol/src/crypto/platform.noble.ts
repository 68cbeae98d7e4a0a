import { gcm } from '@noble/ciphers/aes.js'
import { secp256k1 as curve } from '@noble/curves/secp256k1.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Platform, Secp256k1 } from './platform.ts'

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

export const platform: Platform = {
  sha256,
  keccak256: keccak_256,
  hmacSha256: (key, data) => hmac(sha256, key, data),
  hkdfSha256: (secret, { salt, info }) => hkdf(sha256, secret, salt, info, 32),
  aes256GcmSeal: (plaintext, { key, nonce, aad }) => gcm(key, nonce, aad).encrypt(plaintext),
  aes256GcmOpen: (payload, { key, nonce, aad }) =>
    orUndefined(() => gcm(key, nonce, aad).decrypt(payload)),
  secp256k1,
}
