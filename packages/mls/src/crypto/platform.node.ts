import type {
  CipherChaCha20Poly1305,
  CipherGCM,
  DecipherChaCha20Poly1305,
  DecipherGCM,
  KeyObject,
} from 'node:crypto'
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  randomBytes as systemRandom,
  sign,
  verify,
} from 'node:crypto'
import { limits } from '../limits.ts'
import type { Aead, DiffieHellman, Platform, SignatureScheme } from './platform.ts'

type Curve = 'Ed25519' | 'X25519'

/** Buffers from Node's pool become plain arrays, so that results compare equal on every platform. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

function importPrivate(crv: Curve, privateKey: Uint8Array): KeyObject {
  // JWK import is ten times faster than PKCS #8; OpenSSL computes the public half itself and ignores `x`.
  return createPrivateKey({
    key: { kty: 'OKP', crv, x: base64url(privateKey), d: base64url(privateKey) },
    format: 'jwk',
  })
}

// A private key object lives exactly as long as the bytes it was made from.
const privateKeys: Readonly<Record<Curve, WeakMap<Uint8Array, KeyObject>>> = {
  Ed25519: new WeakMap(),
  X25519: new WeakMap(),
}

function privateKeyObject(crv: Curve, privateKey: Uint8Array): KeyObject {
  const known = privateKeys[crv].get(privateKey)
  if (known !== undefined) return known
  const made = importPrivate(crv, privateKey)
  privateKeys[crv].set(privateKey, made)
  return made
}

const publicKeys = new Map<string, KeyObject>()

function publicKeyObject(crv: Curve, publicKey: Uint8Array): KeyObject {
  const x = base64url(publicKey)
  const name = `${crv}${x}`
  const known = publicKeys.get(name)
  if (known !== undefined) return known
  const made = createPublicKey({ key: { kty: 'OKP', crv, x }, format: 'jwk' })
  if (publicKeys.size >= limits.keyObjects) publicKeys.clear()
  publicKeys.set(name, made)
  return made
}

function derivePublic(crv: Curve, privateKey: Uint8Array): Uint8Array {
  // The object came from a JWK: exporting one that a generator made can hang Node 20 for good.
  const { x } = privateKeyObject(crv, privateKey).export({ format: 'jwk' })
  return plain(Buffer.from(x ?? '', 'base64url'))
}

const tagLength = 16
const options = { authTagLength: tagLength }

type Ciphers = {
  readonly encrypt: (key: Uint8Array, nonce: Uint8Array) => CipherGCM | CipherChaCha20Poly1305
  readonly decrypt: (key: Uint8Array, nonce: Uint8Array) => DecipherGCM | DecipherChaCha20Poly1305
}

const chacha: Ciphers = {
  encrypt: (key, nonce) => createCipheriv('chacha20-poly1305', key, nonce, options),
  decrypt: (key, nonce) => createDecipheriv('chacha20-poly1305', key, nonce, options),
}

const aes: Ciphers = {
  encrypt: (key, nonce) => createCipheriv('aes-128-gcm', key, nonce, options),
  decrypt: (key, nonce) => createDecipheriv('aes-128-gcm', key, nonce, options),
}

function aead({ encrypt, decrypt }: Ciphers, keyLength: number): Aead {
  return {
    keyLength,
    nonceLength: 12,
    tagLength,
    seal(key, nonce, aad, plaintext) {
      const cipher = encrypt(key, nonce)
      cipher.setAAD(aad, { plaintextLength: plaintext.length })
      const sealed = new Uint8Array(plaintext.length + tagLength)
      sealed.set(cipher.update(plaintext))
      cipher.final()
      sealed.set(cipher.getAuthTag(), plaintext.length)
      return sealed
    },
    open(key, nonce, aad, ciphertext) {
      const length = ciphertext.length - tagLength
      if (length < 0) return undefined
      const decipher = decrypt(key, nonce)
      decipher.setAAD(aad, { plaintextLength: length })
      decipher.setAuthTag(ciphertext.subarray(length))
      const opened = plain(decipher.update(ciphertext.subarray(0, length)))
      try {
        decipher.final()
        return opened
      } catch {
        return undefined
      }
    },
  }
}

// One call to the system for many small wants: four bytes alone would cost as much as a hash.
const poolSize = 4096
let pool: Uint8Array = new Uint8Array(0)
let poolAt = 0

function pooledRandom(length: number): Uint8Array {
  if (length > poolSize / 8) return plain(systemRandom(length))
  if (poolAt + length > pool.length) {
    pool = plain(systemRandom(poolSize))
    poolAt = 0
  }
  const taken = pool.slice(poolAt, poolAt + length)
  pool.fill(0, poolAt, poolAt + length)
  poolAt += length
  return taken
}

// Primitives of Node's own OpenSSL; nothing here waits.
export { pooledRandom as randomBytes }
export const sha256: Platform['sha256'] = (data) => plain(hash('sha256', data, 'buffer'))
export const hmacSha256: Platform['hmacSha256'] = (key, data) =>
  plain(createHmac('sha256', key).update(data).digest())
export const chacha20Poly1305: Aead = aead(chacha, 32)
export const aes128Gcm: Aead = aead(aes, 16)

export const ed25519: SignatureScheme = {
  privateKeyLength: 32,
  publicKey: (privateKey) => derivePublic('Ed25519', privateKey),
  sign: (privateKey, message) =>
    plain(sign(null, message, privateKeyObject('Ed25519', privateKey))),
  verify(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false
    return verify(null, message, publicKeyObject('Ed25519', publicKey), signature)
  },
}

export const x25519: DiffieHellman = {
  publicKey: (privateKey) => derivePublic('X25519', privateKey),
  shared(privateKey, publicKey) {
    if (publicKey.length !== 32) return undefined
    try {
      return plain(
        diffieHellman({
          privateKey: privateKeyObject('X25519', privateKey),
          publicKey: createPublicKey({
            key: { kty: 'OKP', crv: 'X25519', x: base64url(publicKey) },
            format: 'jwk',
          }),
        }),
      )
    } catch {
      // OpenSSL refuses an all-zero result.
      return undefined
    }
  },
}
