import { gcm } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519 as nobleEd, x25519 as nobleX } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { sha256 as nobleSha256, sha512 } from '@noble/hashes/sha2.js'
import { randomBytes as nobleRandomBytes } from '@noble/hashes/utils.js'
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
  const order = nobleEd.Point.Fn.ORDER
  const s = bytesToNumberLE(signature.subarray(32))
  if (s >= order) return false
  try {
    const key = nobleEd.Point.fromBytes(publicKey, true)
    const k = bytesToNumberLE(sha512(concat(encodedR, publicKey, message))) % order
    const r = nobleEd.Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k))
    return equal(r.toBytes(), encodedR)
  } catch {
    return false
  }
}

const nobleEd25519: SignatureScheme = {
  privateKeyLength: 32,
  publicKey: (privateKey) => nobleEd.getPublicKey(privateKey),
  sign: (privateKey, message) => nobleEd.sign(message, privateKey),
  verify: verifyCofactorless,
}

const nobleX25519: DiffieHellman = {
  publicKey: (privateKey) => nobleX.getPublicKey(privateKey),
  shared(privateKey, publicKey) {
    if (publicKey.length !== 32) return undefined
    try {
      return nobleX.getSharedSecret(privateKey, publicKey)
    } catch {
      return undefined
    }
  },
}

/** A source of random bytes. */
export const randomBytes = nobleRandomBytes
export const sha256: Platform['sha256'] = nobleSha256

const hmacBlock = 64

/** The hash of a message behind the key, which is filled up to one block and masked (RFC 2104 §2). */
function keyedSha256(key: Uint8Array, mask: number, message: Uint8Array): Uint8Array {
  const block = new Uint8Array(hmacBlock).fill(mask)
  for (let i = 0; i < key.length; i++) block[i] = (key[i] ?? 0) ^ mask
  const digest = nobleSha256.create().update(block).update(message).digest()
  block.fill(0)
  return digest
}

/** HMAC of whole messages; noble's, made for streams, weighs a hundredth of a bundle. */
export const hmacSha256: Platform['hmacSha256'] = (key, data) => {
  const short = key.length > hmacBlock ? sha256(key) : key
  return keyedSha256(short, 0x5c, keyedSha256(short, 0x36, data))
}

export const chacha20Poly1305: Aead = /* @__PURE__ */ aead(chacha20poly1305, 32)
export const aes128Gcm: Aead = /* @__PURE__ */ aead(gcm, 16)

/** The curves in JavaScript; also what Node's and the browser's are tested against. */
export const nobleCurves = { ed25519: nobleEd25519, x25519: nobleX25519 }

const curves = /* @__PURE__ */ preferWebCrypto(nobleCurves)

/** The browser's curves where it has them. */
export const ed25519: SignatureScheme = curves.ed25519
export const x25519: DiffieHellman = curves.x25519
