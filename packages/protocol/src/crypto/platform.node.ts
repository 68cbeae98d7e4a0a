import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { createRequire } from 'node:module'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes } from '../bytes.ts'
import type { Ed25519, P256, Platform, Secp256k1 } from './platform.ts'
import { ed25519 as nobleEd25519, secp256k1 as nobleSecp256k1 } from './platform.noble.ts'

/** What we use of the native binding of `secp256k1` 5. */
type NativeSecp256k1 = {
  privateKeyVerify: (privateKey: Uint8Array) => boolean
  publicKeyVerify: (point: Uint8Array) => boolean
  publicKeyCreate: (privateKey: Uint8Array, compressed: boolean) => Uint8Array
  publicKeyTweakMul: (point: Uint8Array, scalar: Uint8Array, compressed: boolean) => Uint8Array
  ecdsaSign: (
    digest: Uint8Array,
    privateKey: Uint8Array,
  ) => { signature: Uint8Array; recid: number }
  ecdsaVerify: (signature: Uint8Array, digest: Uint8Array, point: Uint8Array) => boolean
  ecdsaRecover: (
    signature: Uint8Array,
    recovery: number,
    digest: Uint8Array,
    compressed: boolean,
  ) => Uint8Array
}

/** Above this many bytes OpenSSL's SHA-256 is faster than noble's; below it, the call costs more than the hash. */
const nativeHashFromBytes = 256

/** The package falls back to `elliptic` by itself, which is slower and weaker than noble: load the binding only. */
function loadNative(): NativeSecp256k1 | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an untyped native module
    return createRequire(import.meta.url)('secp256k1/bindings.js') as NativeSecp256k1
  } catch {
    return undefined
  }
}

/** The binding throws for a point or signature that is none. */
function orUndefined<T>(step: () => T): T | undefined {
  try {
    return step()
  } catch {
    return undefined
  }
}

function nativeSecp256k1(native: NativeSecp256k1): Secp256k1 {
  return {
    isPrivateKey: (privateKey) => native.privateKeyVerify(privateKey),
    isPoint: (point) => point[0] === 4 && native.publicKeyVerify(point),
    publicPoint: (privateKey) => native.publicKeyCreate(privateKey, false),
    dh: (privateKey, point) =>
      orUndefined(() => native.publicKeyTweakMul(point, privateKey, false)),
    sign: (privateKey, digest) => {
      const { signature, recid } = native.ecdsaSign(digest, privateKey)
      return { bytes: signature, recovery: recid === 1 ? 1 : 0 }
    },
    verify: (point, digest, signature) =>
      orUndefined(() => native.ecdsaVerify(signature, digest, point)) ?? false,
    recover: (digest, { bytes, recovery }) =>
      orUndefined(() => native.ecdsaRecover(bytes, recovery, digest, false)),
  }
}

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}

function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return plain(createHmac('sha256', key).update(data).digest())
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/** JWK import is ten times faster than PKCS #8; OpenSSL computes the public half itself and ignores `x`. */
function ed25519PrivateKey(secret: Uint8Array): KeyObject {
  const key = { kty: 'OKP', crv: 'Ed25519', x: base64url(secret), d: base64url(secret) }
  return createPrivateKey({ key, format: 'jwk' })
}

/** OpenSSL before 3.2 has no Ed25519ph: those two are noble's, with the same equation as OpenSSL's plain check. */
const ed25519: Ed25519 = {
  ...nobleEd25519,
  // The object came from a JWK: exporting one that a generator made can hang Node 20 for good.
  publicKey: (secret) =>
    plain(Buffer.from(ed25519PrivateKey(secret).export({ format: 'jwk' }).x ?? '', 'base64url')),
  sign: (secret, message) => plain(sign(null, message, ed25519PrivateKey(secret))),
  verify: (publicKey, message, signature) => {
    if (publicKey.length !== 32 || signature.length !== 64) return false
    const key = { kty: 'OKP', crv: 'Ed25519', x: base64url(publicKey) }
    return verify(null, message, createPublicKey({ key, format: 'jwk' }), signature)
  },
}

/** The SubjectPublicKeyInfo (RFC 5480) that stands before a P-256 point of 33 or 65 bytes. */
const p256Prefix: Readonly<Record<number, Buffer>> = {
  33: Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
  65: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
}

const p256: P256 = {
  verify: (publicKey, message, signature) => {
    const prefix = p256Prefix[publicKey.length]
    // OpenSSL also reads the hybrid form (06, 07), which SEC1 libraries elsewhere refuse.
    const isPlain = publicKey.length === 33 || publicKey[0] === 4
    if (prefix === undefined || !isPlain || signature.length !== 64) return false
    const key = orUndefined(() =>
      createPublicKey({ key: Buffer.concat([prefix, publicKey]), format: 'der', type: 'spki' }),
    )
    return (
      key !== undefined && verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)
    )
  },
}

const tagBytes = 16

const native = loadNative()

export const platform: Platform = {
  sha256: (data) =>
    data.length < nativeHashFromBytes
      ? sha256(data)
      : plain(createHash('sha256').update(data).digest()),
  keccak256: keccak_256,
  hmacSha256,
  // Extract and one block of expand (RFC 5869): faster than hkdfSync for 32 bytes.
  hkdfSha256: (secret, { salt, info }) =>
    hmacSha256(hmacSha256(salt, secret), concatBytes(info, Uint8Array.of(1))),
  aes256GcmSeal: (plaintext, { key, nonce, aad }) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    cipher.setAAD(aad)
    return concatBytes(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
  },
  aes256GcmOpen: (payload, { key, nonce, aad }) => {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(aad)
    decipher.setAuthTag(payload.subarray(payload.length - tagBytes))
    const plaintext = decipher.update(payload.subarray(0, payload.length - tagBytes))
    // `final` throws when the tag does not match; nothing of the plaintext leaves before that.
    return orUndefined(() => decipher.final()) === undefined ? undefined : plain(plaintext)
  },
  secp256k1: native === undefined ? nobleSecp256k1 : nativeSecp256k1(native),
  ed25519,
  p256,
}
