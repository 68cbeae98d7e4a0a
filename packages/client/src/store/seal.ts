import {
  aes256GcmOpen,
  aes256GcmSeal,
  bytesToHex,
  concatBytes,
  hkdfSha256,
  hmacSha256,
  XmtpError,
  type Random,
} from '@xmtp-ts/protocol'
import { isCode } from '../network/message-api.ts'
import type { StoredRecord } from './record-store.ts'

const nonceBytes = 12
const tagBytes = 16
const keyLengthBytes = 2

/** One for values and one for names, so that what is known of one says nothing of the other. */
export type SealKeys = { readonly values: Uint8Array; readonly names: Uint8Array }

/** @param key 32 bytes. @throws RangeError */
export function deriveSealKeys(key: Uint8Array): SealKeys {
  if (key.length !== 32) throw new RangeError(`A key has ${key.length} bytes, not 32.`)
  const derive = (use: string) =>
    hkdfSha256(key, {
      salt: new Uint8Array(),
      info: new TextEncoder().encode(`xmtp-ts sealed records ${use}`),
    })
  return { values: derive('values'), names: derive('names') }
}

/**
 * Where a record is kept: its table and ordered numbers as they are, every other segment as a keyed hash of the path up to
 * it, so that the same name in two places looks like two names.
 */
export function sealedKey({ names }: SealKeys, key: string): string {
  if (key.startsWith('!')) throw new RangeError(`${JSON.stringify(key.slice(0, 80))} is no key.`)
  return key
    .split('/')
    .map((segment, index, all) => {
      if (index === 0 || segment === '' || segment.startsWith('#')) return segment
      const path = new TextEncoder().encode(all.slice(0, index + 1).join('/'))
      return bytesToHex(hmacSha256(names, path).subarray(0, 16))
    })
    .join('/')
}

/** `nonce ‖ AES-256-GCM(length of key (2 bytes) ‖ key ‖ value)`, bound to the place `at`. */
export function seal(
  { values }: SealKeys,
  record: StoredRecord & { readonly at: string; readonly random: Random },
): Uint8Array {
  const name = new TextEncoder().encode(record.key)
  const length = Uint8Array.of(name.length >> 8, name.length & 0xff)
  const nonce = record.random(nonceBytes)
  const aad = new TextEncoder().encode(record.at)
  const plaintext = concatBytes(length, name, record.value)
  return concatBytes(nonce, aes256GcmSeal(plaintext, { key: values, nonce, aad }))
}

/** @returns the record as it was before it was sealed. @throws XmtpError `client.store.damaged` */
export function open({ values }: SealKeys, { key: at, value }: StoredRecord): StoredRecord {
  if (value.length < nonceBytes + tagBytes + keyLengthBytes)
    throw new XmtpError('client.store.damaged', `A record has ${value.length} bytes.`)
  const nonce = value.subarray(0, nonceBytes)
  try {
    const plaintext = aes256GcmOpen(value.subarray(nonceBytes), {
      key: values,
      nonce,
      aad: new TextEncoder().encode(at),
    })
    const [high = 0, low = 0] = plaintext
    const behindKey = keyLengthBytes + (high << 8) + low
    return {
      key: new TextDecoder().decode(plaintext.subarray(keyLengthBytes, behindKey)),
      value: plaintext.slice(behindKey),
    }
  } catch (cause) {
    if (!isCode(cause, 'ciphertext.undecryptable')) throw cause
    throw new XmtpError('client.store.damaged', 'A record was changed or moved.', { cause })
  }
}
