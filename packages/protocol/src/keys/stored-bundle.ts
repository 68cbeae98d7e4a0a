import {
  EncryptedPrivateKeyBundle as WireStoredBundle,
  EncryptedPrivateKeyBundleV1 as WireStoredBundleV1,
} from '@xmtp-ts/proto/message_contents/ciphertext'
import type { Random } from '../bytes.ts'
import {
  decrypt,
  encodeCiphertext,
  encrypt,
  parseCiphertext,
  type Ciphertext,
} from '../crypto/ciphertext.ts'
import { attempt, XmtpError } from '../errors.ts'
import { decodeWire } from '../wire.ts'
import {
  decodePrivateKeyBundle,
  encodePrivateKeyBundle,
  type PrivateKeyBundle,
} from './private-key-bundle.ts'

/** What lies in the private store topic: a private key bundle under a signature of the wallet (v1-v2 §4). */
export type StoredKeyBundle = {
  /** 32 bytes; the wallet signs `enableIdentityText` of them, and that signature is the key. */
  readonly walletPreKey: Uint8Array
  readonly ciphertext: Ciphertext
}

const walletPreKeyBytes = 32
const walletSignatureBytes = 65

export function createWalletPreKey(random: Random): Uint8Array {
  return random(walletPreKeyBytes)
}

/**
 * @param options.walletSignature the 65 bytes exactly as the wallet returned them
 * @returns the payload for the private store topic. @throws XmtpError `key.notLegacy`
 */
export function encryptKeyBundle(
  bundle: PrivateKeyBundle,
  options: { walletPreKey: Uint8Array; walletSignature: Uint8Array; random: Random },
): Uint8Array {
  const ciphertext = encrypt(encodePrivateKeyBundle(bundle), {
    secret: options.walletSignature,
    random: options.random,
  })
  const value = {
    walletPreKey: options.walletPreKey,
    ciphertext: encodeCiphertext(ciphertext),
  }
  return WireStoredBundle.encode({ version: { $case: 'v1', value } }).finish()
}

/** Reads the current form and the unversioned one of old clients. @throws XmtpError `keyBundle.malformed` */
export function parseStoredKeyBundle(bytes: Uint8Array): StoredKeyBundle {
  const versioned = attempt(() =>
    parseV1(decodeWire(WireStoredBundle, bytes, 'keyBundle.malformed').version?.value),
  )
  if (versioned.ok) return versioned.value
  const bare = attempt(() => parseV1(decodeWire(WireStoredBundleV1, bytes, 'keyBundle.malformed')))
  if (bare.ok) return bare.value
  throw new XmtpError('keyBundle.malformed', 'A stored key bundle does not parse.', {
    cause: versioned.error,
  })
}

/**
 * @param walletSignature over `enableIdentityText(stored.walletPreKey)`, as the wallet returned it. Wallets differ in
 * their last byte, 0/1 or 27/28, so the other spelling is tried too.
 * @throws XmtpError `keyBundle.undecryptable`: never a reason to make new keys; or `keyBundle.malformed`
 */
export function decryptKeyBundle(
  { ciphertext }: StoredKeyBundle,
  walletSignature: Uint8Array,
): PrivateKeyBundle {
  for (const secret of spellings(walletSignature)) {
    const plaintext = attempt(() => decrypt(ciphertext, { secret }))
    if (plaintext.ok) return decodePrivateKeyBundle(plaintext.value)
  }
  throw new XmtpError(
    'keyBundle.undecryptable',
    'The stored key bundle does not open with this wallet signature.',
  )
}

/** Whether a payload is in the form that `encryptKeyBundle` writes; older ones are to be written anew once. */
export function isCurrentStoredForm(bytes: Uint8Array): boolean {
  return attempt(() =>
    parseV1(decodeWire(WireStoredBundle, bytes, 'keyBundle.malformed').version?.value),
  ).ok
}

function spellings(signature: Uint8Array): readonly Uint8Array[] {
  const v = signature.at(-1)
  if (signature.length !== walletSignatureBytes || v === undefined) return [signature]
  const other = signature.slice()
  other[walletSignatureBytes - 1] = v < 27 ? v + 27 : v - 27
  return [signature, other]
}

function parseV1(wire: WireStoredBundleV1 | undefined): StoredKeyBundle {
  if (wire?.walletPreKey.length !== walletPreKeyBytes)
    throw new XmtpError('keyBundle.malformed', 'A stored key bundle has no wallet pre-key.')
  return { walletPreKey: wire.walletPreKey, ciphertext: parseCiphertext(wire.ciphertext) }
}
