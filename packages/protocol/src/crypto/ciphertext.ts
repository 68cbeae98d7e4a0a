import type { Ciphertext as WireCiphertext } from '@xmtp-ts/proto/message_contents/ciphertext'
import type { Random } from '../bytes.ts'
import { XmtpError } from '../errors.ts'
import { platform } from '#platform'

/** AES-256-GCM under a key that HKDF-SHA-256 derives with its own salt (v1-v2 §5). */
export type Ciphertext = {
  /** 32 bytes */
  readonly salt: Uint8Array
  /** 12 bytes */
  readonly nonce: Uint8Array
  /** ciphertext ‖ 16-byte tag */
  readonly payload: Uint8Array
}

const saltBytes = 32
const nonceBytes = 12
const tagBytes = 16
const empty = new Uint8Array()

export type EncryptOptions = {
  /** Any length; 32, 65 and 195 bytes occur. */
  readonly secret: Uint8Array
  /** Authenticated beside the plaintext; none and empty are the same. */
  readonly aad?: Uint8Array
  readonly random: Random
}

export function encrypt(
  plaintext: Uint8Array,
  { secret, aad = empty, random }: EncryptOptions,
): Ciphertext {
  const salt = random(saltBytes)
  const nonce = random(nonceBytes)
  const key = platform.hkdfSha256(secret, { salt, info: empty })
  return { salt, nonce, payload: platform.aes256GcmSeal(plaintext, { key, nonce, aad }) }
}

/** @throws XmtpError `ciphertext.undecryptable` */
export function decrypt(
  { salt, nonce, payload }: Ciphertext,
  { secret, aad = empty }: Omit<EncryptOptions, 'random'>,
): Uint8Array {
  const key = platform.hkdfSha256(secret, { salt, info: empty })
  const plaintext = platform.aes256GcmOpen(payload, { key, nonce, aad })
  if (plaintext === undefined)
    throw new XmtpError('ciphertext.undecryptable', `${payload.length} bytes do not open.`)
  return plaintext
}

/** @throws XmtpError `ciphertext.malformed` */
export function parseCiphertext(wire: WireCiphertext | undefined): Ciphertext {
  const value = wire?.union?.value
  if (value === undefined)
    throw new XmtpError('ciphertext.malformed', 'A ciphertext names no scheme.')
  const { hkdfSalt, gcmNonce, payload } = value
  if (hkdfSalt.length !== saltBytes || gcmNonce.length !== nonceBytes || payload.length < tagBytes)
    throw new XmtpError(
      'ciphertext.malformed',
      `A ciphertext has a salt of ${hkdfSalt.length}, a nonce of ${gcmNonce.length} and ${payload.length} bytes.`,
    )
  return { salt: hkdfSalt, nonce: gcmNonce, payload }
}

export function encodeCiphertext({ salt, nonce, payload }: Ciphertext): WireCiphertext {
  return {
    union: {
      $case: 'aes256GcmHkdfSha256',
      value: { hkdfSalt: salt, gcmNonce: nonce, payload },
    },
  }
}
