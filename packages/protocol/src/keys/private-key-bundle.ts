import {
  PrivateKeyBundle as WirePrivateKeyBundle,
  PrivateKeyBundleV1 as WirePrivateKeyBundleV1,
  type PrivateKey as WirePrivateKeyV1,
  type PrivateKeyBundleV2 as WirePrivateKeyBundleV2,
  type SignedPrivateKey as WireSignedPrivateKey,
} from '@xmtp-ts/proto/message_contents/keys'
import { equalBytes, type Random } from '../bytes.ts'
import { compactWalletSignature, publicPoint, signDigest } from '../crypto/signature.ts'
import { attempt, XmtpError } from '../errors.ts'
import { maxPreKeys } from '../limits.ts'
import { decodeWire } from '../wire.ts'
import { platform } from '#platform'
import type { KeyBundle } from './key-bundle.ts'
import {
  encodeKeyV1,
  encodeSignedKey,
  equalKeys,
  parseKeyV1,
  parseSignedKey,
  unsignedKey,
  type KeyPlace,
  type SignedKey,
  type UnsignedKey,
} from './public-key.ts'

/** One's own key. */
export type PrivateKey = {
  /** 32 bytes */
  readonly secret: Uint8Array
  /** Nanoseconds, whatever the unit in the public half is (v1-v2 §3.4). */
  readonly createdNs: bigint
  readonly publicKey: SignedKey
}

/** All keys of an account. Old pre-keys are kept: they open old invitations and messages. */
export type PrivateKeyBundle = {
  readonly identityKey: PrivateKey
  /** Newest first; the first is the current one. At least one. */
  readonly preKeys: readonly [PrivateKey, ...PrivateKey[]]
}

/** An identity key that waits for its wallet's signature over `createIdentityText(unsigned.keyBytes)`. */
export type UnsignedPrivateKey = { readonly secret: Uint8Array; readonly unsigned: UnsignedKey }

const nsPerMs = 1_000_000n

/** @param nowNs the clock; keys are dated in whole milliseconds, so that they have a V1 form */
export function createUnsignedKey(options: { nowNs: bigint; random: Random }): UnsignedPrivateKey {
  const secret = options.random(32)
  return { secret, unsigned: unsignedKey(publicPoint(secret), options.nowNs / nsPerMs) }
}

/** @param walletSignature 65 bytes r ‖ s ‖ v. @throws XmtpError `signature.malformed` */
export function signIdentityKey(
  { secret, unsigned }: UnsignedPrivateKey,
  walletSignature: Uint8Array,
): PrivateKey {
  const signature = {
    kind: 'walletEcdsaCompact',
    ...compactWalletSignature(walletSignature),
  } as const
  return {
    secret,
    createdNs: unsigned.created * nsPerMs,
    publicKey: { ...unsigned, signature },
  }
}

/** A new pre-key, signed by the identity key without asking anybody (v1-v2 §3.1). */
export function createPreKey(
  identityKey: PrivateKey,
  options: { nowNs: bigint; random: Random },
): PrivateKey {
  const { secret, unsigned } = createUnsignedKey(options)
  const signature = signDigest(identityKey.secret, platform.sha256(unsigned.keyBytes))
  return {
    secret,
    createdNs: unsigned.created * nsPerMs,
    publicKey: { ...unsigned, signature },
  }
}

/** The public keys to hand out: the identity key and the current pre-key. */
export function publicKeyBundle({ identityKey, preKeys }: PrivateKeyBundle): KeyBundle {
  return { identityKey: identityKey.publicKey, preKey: preKeys[0].publicKey }
}

/** One's own pre-key that the other side named (V2 equality). @throws XmtpError `key.unknown` */
export function findPreKey({ preKeys }: PrivateKeyBundle, named: SignedKey): PrivateKey {
  const found = preKeys.find(({ publicKey }) => equalKeys(publicKey, named))
  if (found === undefined) throw new XmtpError('key.unknown', 'A pre-key named here is not ours.')
  return found
}

/** `PrivateKeyBundle{v1}`, as shipped SDKs store it. @throws XmtpError `key.notLegacy` */
export function encodePrivateKeyBundle(bundle: PrivateKeyBundle): Uint8Array {
  const value: WirePrivateKeyBundleV1 = {
    identityKey: encodePrivateKeyV1(bundle.identityKey),
    preKeys: bundle.preKeys.map(encodePrivateKeyV1),
  }
  return WirePrivateKeyBundle.encode({ version: { $case: 'v1', value } }).finish()
}

/** `PrivateKeyBundle{v2}`: the only form of natively made V2 keys; never sent to the network. */
export function encodePrivateKeyBundleV2(bundle: PrivateKeyBundle): Uint8Array {
  const value: WirePrivateKeyBundleV2 = {
    identityKey: encodePrivateKeyV2(bundle.identityKey),
    preKeys: bundle.preKeys.map(encodePrivateKeyV2),
  }
  return WirePrivateKeyBundle.encode({ version: { $case: 'v2', value } }).finish()
}

/**
 * Reads `PrivateKeyBundle` of either version, and the bare V1 form of the oldest clients (v1-v2 §4). Each public
 * half must belong to its secret.
 * @throws XmtpError `keyBundle.malformed`
 */
export function decodePrivateKeyBundle(bytes: Uint8Array): PrivateKeyBundle {
  // A bare bundle decodes as a versioned one with hardly anything in it, so only the whole parse tells them apart.
  const versioned = attempt(() => {
    const { version } = decodeWire(WirePrivateKeyBundle, bytes, 'keyBundle.malformed')
    if (version === undefined) throw new XmtpError('keyBundle.malformed', 'No version is set.')
    return version.$case === 'v1' ? parseBundleV1(version.value) : parseBundleV2(version.value)
  })
  if (versioned.ok) return versioned.value
  const bare = attempt(() =>
    parseBundleV1(decodeWire(WirePrivateKeyBundleV1, bytes, 'keyBundle.malformed')),
  )
  if (bare.ok) return bare.value
  throw new XmtpError('keyBundle.malformed', 'A private key bundle does not parse.', {
    cause: versioned.error,
  })
}

function parseBundleV1({ identityKey, preKeys }: WirePrivateKeyBundleV1): PrivateKeyBundle {
  return {
    identityKey: parsePrivateKeyV1(identityKey, 'identityKey'),
    preKeys: parsePreKeys(preKeys, (key) => parsePrivateKeyV1(key, 'preKey')),
  }
}

function parseBundleV2({ identityKey, preKeys }: WirePrivateKeyBundleV2): PrivateKeyBundle {
  return {
    identityKey: parsePrivateKeyV2(identityKey),
    preKeys: parsePreKeys(preKeys, parsePrivateKeyV2),
  }
}

function parsePreKeys<Wire>(
  wire: readonly Wire[],
  parse: (key: Wire) => PrivateKey,
): PrivateKeyBundle['preKeys'] {
  const [current, ...older] = wire
  if (current === undefined || wire.length > maxPreKeys)
    throw new XmtpError('keyBundle.malformed', `A bundle has ${wire.length} pre-keys.`)
  return [parse(current), ...older.map(parse)]
}

function parsePrivateKeyV1(wire: WirePrivateKeyV1 | undefined, place: KeyPlace): PrivateKey {
  const publicKey = parseKeyV1(wire?.publicKey, place)
  const createdNs = (wire?.timestamp ?? 0n) * nsPerMs
  return { secret: parseSecret(wire?.union?.value.bytes, publicKey), createdNs, publicKey }
}

function parsePrivateKeyV2(wire: WireSignedPrivateKey | undefined): PrivateKey {
  const publicKey = parseSignedKey(wire?.publicKey)
  const createdNs = wire?.createdNs ?? 0n
  return { secret: parseSecret(wire?.union?.value.bytes, publicKey), createdNs, publicKey }
}

function parseSecret(secret: Uint8Array | undefined, { point }: SignedKey): Uint8Array {
  if (secret === undefined) throw new XmtpError('key.malformed', 'A private key is missing.')
  if (!equalBytes(publicPoint(secret), point))
    throw new XmtpError('key.malformed', 'A private key does not belong to its public key.')
  return secret
}

function encodePrivateKeyV1({ secret, createdNs, publicKey }: PrivateKey): WirePrivateKeyV1 {
  return {
    timestamp: createdNs / nsPerMs,
    union: { $case: 'secp256k1', value: { bytes: secret } },
    publicKey: encodeKeyV1(publicKey),
  }
}

function encodePrivateKeyV2({ secret, createdNs, publicKey }: PrivateKey): WireSignedPrivateKey {
  return {
    createdNs,
    union: { $case: 'secp256k1', value: { bytes: secret } },
    publicKey: encodeSignedKey(publicKey),
  }
}
