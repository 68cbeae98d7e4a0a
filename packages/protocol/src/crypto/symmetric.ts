import { XmtpError } from '../errors.ts'
import { platform } from '#platform'
import type { AesGcmOptions, HkdfOptions } from './platform.ts'

const tagBytes = 16
const keyBytes = 32
const nonceBytes = 12

/** @returns 32 bytes */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return platform.hmacSha256(key, data)
}

/** @returns 32 bytes (RFC 5869) */
export function hkdfSha256(secret: Uint8Array, options: HkdfOptions): Uint8Array {
  return platform.hkdfSha256(secret, options)
}

/**
 * AES-256-GCM. A nonce must not come twice under one key.
 * @returns the ciphertext and a tag of 16 bytes
 * @throws RangeError for a key that has not 32 bytes or a nonce that has not 12
 */
export function aes256GcmSeal(plaintext: Uint8Array, options: AesGcmOptions): Uint8Array {
  requireLengths(options)
  return platform.aes256GcmSeal(plaintext, options)
}

/**
 * @param sealed the ciphertext and its tag
 * @throws XmtpError `ciphertext.undecryptable` when the key, the additional data or a byte is another one; RangeError as above
 */
export function aes256GcmOpen(sealed: Uint8Array, options: AesGcmOptions): Uint8Array {
  requireLengths(options)
  const plaintext = sealed.length < tagBytes ? undefined : platform.aes256GcmOpen(sealed, options)
  if (plaintext === undefined)
    throw new XmtpError('ciphertext.undecryptable', `${sealed.length} bytes do not open.`)
  return plaintext
}

function requireLengths({ key, nonce }: AesGcmOptions): void {
  if (key.length !== keyBytes || nonce.length !== nonceBytes)
    throw new RangeError(`A key of ${key.length} bytes and a nonce of ${nonce.length}.`)
}
