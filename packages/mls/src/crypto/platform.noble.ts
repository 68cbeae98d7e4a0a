import { gcm } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { randomBytes } from '@noble/hashes/utils.js'
import { concat, equal } from '../bytes.ts'
import type { Aead, DiffieHellman, Platform, SignatureScheme } from './platform.ts'
import { preferWebCrypto } from './web-crypto.ts'

type NobleAead = (
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
) => { encrypt: (data: Uint8Array) => Uint8Array; decrypt: (data: Uint8Array) => Uint8Array }

function aead(make: NobleAead, keyLength: number): Aead {
  return {
    keyLength,
    nonceLength: 12,
    tagLength: 16,
    seal: (key, nonce, aad, plaintext) => make(key, nonce, aad).encrypt(plaintext),
    open(key, nonce, aad, ciphertext) {
      try {
        return make(key, nonce, aad).decrypt(ciphertext)
      } catch {
        return undefined
      }
    },
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0)
  return value
}

/**
 * RFC 8032 §5.1.7 without the cofactor, as OpenSSL, BoringSSL and ed25519-dalek do it. Members must agree on
 * which signatures count, or a crafted one splits the group.
 */
function verifyCofactorless(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  const encodedR = signature.subarray(0, 32)
  const order = ed25519.Point.Fn.ORDER
  const s = littleEndian(signature.subarray(32))
  if (s >= order) return false
  try {
    const key = ed25519.Point.fromBytes(publicKey, true)
    const k = littleEndian(sha512(concat(encodedR, publicKey, message))) % order
    const r = ed25519.Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k))
    return equal(r.toBytes(), encodedR)
  } catch {
    return false
  }
}

const nobleEd25519: SignatureScheme = {
  privateKeyLength: 32,
  publicKey: (privateKey) => ed25519.getPublicKey(privateKey),
  sign: (privateKey, message) => ed25519.sign(message, privateKey),
  verify: verifyCofactorless,
}

const nobleX25519: DiffieHellman = {
  publicKey: (privateKey) => x25519.getPublicKey(privateKey),
  shared(privateKey, publicKey) {
    if (publicKey.length !== 32) return undefined
    try {
      return x25519.getSharedSecret(privateKey, publicKey)
    } catch {
      return undefined
    }
  },
}

/** Primitives in JavaScript; also what Node's and the browser's are tested against. */
export const noblePlatform: Platform = {
  randomBytes,
  sha256,
  hmacSha256: (key, data) => hmac(sha256, key, data),
  chacha20Poly1305: aead(chacha20poly1305, 32),
  aes128Gcm: aead(gcm, 16),
  ed25519: nobleEd25519,
  x25519: nobleX25519,
}

/** The primitives wherever there is no `node:crypto`: the browser's curves where it has them. */
export const platform: Platform = {
  ...noblePlatform,
  ...preferWebCrypto(noblePlatform),
}
