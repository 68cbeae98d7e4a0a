import {
  UnsignedPublicKey,
  type PublicKey as WirePublicKeyV1,
  type SignedPublicKey as WireSignedPublicKey,
} from '@xmtp-ts/proto/message_contents/keys'
import { equalBytes } from '../bytes.ts'
import {
  encodeSignature,
  equalSignatures,
  parsePoint,
  parseSignature,
  type Point,
  type Signature,
} from '../crypto/signature.ts'
import { XmtpError } from '../errors.ts'
import { decodeWire } from '../wire.ts'

/** A key as its owner made it, before anyone signed it. */
export type UnsignedKey = {
  /** The encoded UnsignedPublicKey: what is signed. Kept as received, never rebuilt. */
  readonly keyBytes: Uint8Array
  readonly point: Point
  /** The time in `keyBytes`: milliseconds in keys that shipped SDKs made, else nanoseconds (v1-v2 §3.4). */
  readonly created: bigint
}

/**
 * An identity key or a pre-key with the signature that came with it, in V2 terms: a wallet signature is tagged as
 * one. V1 keys are read into this form without loss; nothing is verified yet.
 */
export type SignedKey = UnsignedKey & { readonly signature: Signature }

/** In V1 both keys may carry either tag (v1-v2 §3.2); their place in the bundle says which is right. */
export type KeyPlace = 'identityKey' | 'preKey'

/** Below this, the time of a key is milliseconds: the key has a V1 form (v1-v2 §3.4). */
const firstNanoseconds = 10n ** 18n

/** @throws XmtpError `key.malformed` or `signature.malformed` */
export function parseSignedKey(wire: WireSignedPublicKey | undefined): SignedKey {
  if (wire === undefined) throw new XmtpError('key.malformed', 'A key is missing.')
  return { ...parseUnsignedKey(wire.keyBytes), signature: parseSignature(wire.signature) }
}

/** @throws XmtpError `key.malformed` */
export function parseUnsignedKey(keyBytes: Uint8Array): UnsignedKey {
  const { createdNs, union } = decodeWire(UnsignedPublicKey, keyBytes, 'key.malformed')
  if (union === undefined) throw new XmtpError('key.malformed', 'A key has no point.')
  return { keyBytes, point: parsePoint(union.value.bytes), created: createdNs }
}

/** Reads a V1 key into its V2 form. @throws XmtpError `key.malformed` or `signature.malformed` */
export function parseKeyV1(wire: WirePublicKeyV1 | undefined, place: KeyPlace): SignedKey {
  if (wire?.union === undefined) throw new XmtpError('key.malformed', 'A V1 key has no point.')
  const { bytes, recovery } = parseSignature(wire.signature)
  const kind = place === 'identityKey' ? 'walletEcdsaCompact' : 'ecdsaCompact'
  return {
    ...unsignedKey(parsePoint(wire.union.value.bytes), wire.timestamp),
    signature: { kind, bytes, recovery },
  }
}

/** @param created milliseconds for a key that shall have a V1 form, else nanoseconds */
export function unsignedKey(point: Point, created: bigint): UnsignedKey {
  const keyBytes = UnsignedPublicKey.encode({
    createdNs: created,
    union: { $case: 'secp256k1Uncompressed', value: { bytes: point } },
  }).finish()
  return { keyBytes, point, created }
}

export function encodeSignedKey({ keyBytes, signature }: SignedKey): WireSignedPublicKey {
  return { keyBytes, signature: encodeSignature(signature) }
}

/** The V1 form; the wallet's tag becomes `ecdsa_compact` (v1-v2 §3.4). @throws XmtpError `key.notLegacy` */
export function encodeKeyV1(key: SignedKey): WirePublicKeyV1 {
  if (!isLegacyKey(key))
    throw new XmtpError('key.notLegacy', `A key is dated ${key.created}, in nanoseconds.`)
  return {
    timestamp: key.created,
    signature: encodeSignature({ ...key.signature, kind: 'ecdsaCompact' }),
    union: { $case: 'secp256k1Uncompressed', value: { bytes: key.point } },
  }
}

export function isLegacyKey({ created }: UnsignedKey): boolean {
  return created < firstNanoseconds
}

/** V2 equality: point and signature (v1-v2 §3.5). */
export function equalKeys(a: SignedKey, b: SignedKey): boolean {
  return equalBytes(a.point, b.point) && equalSignatures(a.signature, b.signature)
}
