import type {
  PublicKeyBundle as WireKeyBundleV1,
  SignedPublicKeyBundle as WireKeyBundle,
} from '@xmtp-ts/proto/message_contents/keys'
import { addressOfPoint, type Address } from '../address.ts'
import type { Brand } from '../brand.ts'
import { bytesToHex, equalBytes } from '../bytes.ts'
import { recoverWallet, verifyDigest } from '../crypto/signature.ts'
import { XmtpError } from '../errors.ts'
import { platform } from '#platform'
import {
  encodeKeyV1,
  encodeSignedKey,
  equalKeys,
  isLegacyKey,
  parseKeyV1,
  parseSignedKey,
  type SignedKey,
} from './public-key.ts'
import { createIdentityText } from './sign-texts.ts'

/** The public keys of an account: the identity key its wallet signed, and a pre-key that the identity key signed. */
export type KeyBundle = {
  readonly identityKey: SignedKey
  readonly preKey: SignedKey
}

/** A bundle of which both signatures have been checked. `owner`: the wallet; compare it with the one you expect. */
export type VerifiedKeyBundle = Brand<KeyBundle & { readonly owner: Address }, 'VerifiedKeyBundle'>

/** @throws XmtpError `key.malformed` or `signature.malformed` */
export function parseKeyBundle(wire: WireKeyBundle | undefined): KeyBundle {
  if (wire === undefined) throw new XmtpError('key.malformed', 'A key bundle is missing.')
  return { identityKey: parseSignedKey(wire.identityKey), preKey: parseSignedKey(wire.preKey) }
}

/** @throws XmtpError `key.malformed` or `signature.malformed` */
export function parseKeyBundleV1(wire: WireKeyBundleV1 | undefined): KeyBundle {
  if (wire === undefined) throw new XmtpError('key.malformed', 'A V1 key bundle is missing.')
  return {
    identityKey: parseKeyV1(wire.identityKey, 'identityKey'),
    preKey: parseKeyV1(wire.preKey, 'preKey'),
  }
}

export function encodeKeyBundle({ identityKey, preKey }: KeyBundle): WireKeyBundle {
  return { identityKey: encodeSignedKey(identityKey), preKey: encodeSignedKey(preKey) }
}

/** @throws XmtpError `key.notLegacy` */
export function encodeKeyBundleV1({ identityKey, preKey }: KeyBundle): WireKeyBundleV1 {
  return { identityKey: encodeKeyV1(identityKey), preKey: encodeKeyV1(preKey) }
}

export function isLegacyBundle({ identityKey, preKey }: KeyBundle): boolean {
  return isLegacyKey(identityKey) && isLegacyKey(preKey)
}

/** V2 equality of both keys: points and signatures (v1-v2 §3.5). */
export function equalKeyBundles(a: KeyBundle, b: KeyBundle): boolean {
  return equalKeys(a.identityKey, b.identityKey) && equalKeys(a.preKey, b.preKey)
}

/** The wallet that signed an identity key (v1-v2 §3.3). @throws XmtpError `key.notWalletSigned` or `key.badSignature` */
export function ownerOfIdentityKey({ keyBytes, signature }: SignedKey): Address {
  if (signature.kind !== 'walletEcdsaCompact')
    throw new XmtpError('key.notWalletSigned', 'An identity key carries a signature of no wallet.')
  const wallet = recoverWallet(createIdentityText(keyBytes), signature)
  if (wallet === undefined)
    throw new XmtpError(
      'key.badSignature',
      'The wallet signature of an identity key leads nowhere.',
    )
  return addressOfPoint(wallet)
}

/** Checks both signatures (v1-v2 §3.3, §3.5). @throws XmtpError `key.notWalletSigned` or `key.badSignature` */
export function verifyKeyBundle(bundle: KeyBundle): VerifiedKeyBundle {
  const { identityKey, preKey } = bundle
  if (!verifyDigest(identityKey.point, platform.sha256(preKey.keyBytes), preKey.signature))
    throw new XmtpError('key.badSignature', 'A pre-key is not signed by its identity key.')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both signatures have just been checked
  return { ...bundle, owner: ownerOfIdentityKey(identityKey) } as VerifiedKeyBundle
}

/** How to verify a bundle: `verifyKeyBundle` itself, or one that remembers. */
export type KeyBundleVerifier = (bundle: KeyBundle) => VerifiedKeyBundle

/**
 * `verifyKeyBundle` that remembers the last `limit` bundles it found good: a history of 1,000 messages has two
 * senders, and one elliptic curve recovery costs more than opening the message.
 */
export function rememberingVerifier(limit: number): KeyBundleVerifier {
  const known = new Map<string, VerifiedKeyBundle>()
  return (bundle) => {
    const name = bytesToHex(bundle.preKey.signature.bytes)
    const before = known.get(name)
    if (before !== undefined && sameBytes(before, bundle)) return before
    const verified = verifyKeyBundle(bundle)
    if (known.size >= limit) known.delete(known.keys().next().value ?? name)
    known.set(name, verified)
    return verified
  }
}

/** Everything that `verifyKeyBundle` looks at is the same. */
function sameBytes(a: KeyBundle, b: KeyBundle): boolean {
  return (
    equalKeyBundles(a, b) &&
    equalBytes(a.identityKey.keyBytes, b.identityKey.keyBytes) &&
    equalBytes(a.preKey.keyBytes, b.preKey.keyBytes)
  )
}
