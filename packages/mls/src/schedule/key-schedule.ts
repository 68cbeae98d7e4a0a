import { concat, empty } from '../bytes.ts'
import { encode, opaque, struct, uint16 } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { deriveSecret, expandWithLabel, hashLength } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { HpkeKeyPair } from '../hpke/kem.ts'
import { limits } from '../limits.ts'
import type { PreSharedKeyId } from '../message/proposal.ts'
import { preSharedKeyIdCodec } from '../message/proposal.ts'
import type { AuthenticatedContent, Wire } from '../message/wire.ts'

/** The secrets of one epoch (RFC 9420 §8, table 4), without those that are used up at once. */
export type EpochSecrets = {
  readonly senderDataSecret: Uint8Array
  readonly exporterSecret: Uint8Array
  readonly externalSecret: Uint8Array
  readonly confirmationKey: Uint8Array
  readonly membershipKey: Uint8Array
  readonly resumptionPsk: Uint8Array
  readonly epochAuthenticator: Uint8Array
  readonly initSecret: Uint8Array
}

/** JoinerSecret from the init secret before and the commit (RFC 9420 §8). */
export function joinerSecretOf(
  suite: CipherSuite,
  initSecret: Uint8Array,
  commitSecret: Uint8Array,
  groupContext: Uint8Array,
): Uint8Array {
  const extracted = suite.hpke.kdf.extract(initSecret, commitSecret)
  return expandWithLabel(suite, extracted, 'joiner', groupContext, hashLength(suite))
}

/** The secret between joiner and epoch, from which welcome secrets come too (RFC 9420 §8). */
export function memberSecretOf(
  suite: CipherSuite,
  joinerSecret: Uint8Array,
  pskSecret: Uint8Array,
): Uint8Array {
  return suite.hpke.kdf.extract(joinerSecret, pskSecret)
}

/** The epoch secret (RFC 9420 §8). */
export function epochSecretOf(
  suite: CipherSuite,
  memberSecret: Uint8Array,
  groupContext: Uint8Array,
): Uint8Array {
  return expandWithLabel(suite, memberSecret, 'epoch', groupContext, hashLength(suite))
}

/** All secrets of an epoch, and the root of its secret tree (RFC 9420 §8, table 4). */
export function deriveEpoch(
  suite: CipherSuite,
  epochSecret: Uint8Array,
): { readonly secrets: EpochSecrets; readonly encryptionSecret: Uint8Array } {
  const derive = (label: string) => deriveSecret(suite, epochSecret, label)
  return {
    encryptionSecret: derive('encryption'),
    secrets: {
      senderDataSecret: derive('sender data'),
      exporterSecret: derive('exporter'),
      externalSecret: derive('external'),
      confirmationKey: derive('confirm'),
      membershipKey: derive('membership'),
      resumptionPsk: derive('resumption'),
      epochAuthenticator: derive('authentication'),
      initSecret: derive('init'),
    },
  }
}

/** Key and nonce of a welcome's GroupInfo (RFC 9420 §12.4.3.1). */
export function welcomeKeys(
  suite: CipherSuite,
  memberSecret: Uint8Array,
): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const secret = deriveSecret(suite, memberSecret, 'welcome')
  const { keyLength, nonceLength } = suite.hpke.aead
  return {
    key: expandWithLabel(suite, secret, 'key', empty, keyLength),
    nonce: expandWithLabel(suite, secret, 'nonce', empty, nonceLength),
  }
}

/** The key pair that external joiners encrypt to (RFC 9420 §8.3). */
export async function externalKeyPair(
  suite: CipherSuite,
  externalSecret: Uint8Array,
): Promise<HpkeKeyPair> {
  return suite.hpke.kem.deriveKeyPair(externalSecret)
}

/** MLS-Exporter (RFC 9420 §8.5). */
export function exportFrom(
  suite: CipherSuite,
  exporterSecret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const secret = deriveSecret(suite, exporterSecret, label)
  return expandWithLabel(suite, secret, 'exported', suite.hash(context), length)
}

/** A pre-shared key and its name. */
export type PreSharedKey = { readonly id: PreSharedKeyId; readonly secret: Uint8Array }

type PskLabel = { readonly id: PreSharedKeyId; readonly index: number; readonly count: number }
const pskLabelCodec = struct<PskLabel>({ id: preSharedKeyIdCodec, index: uint16, count: uint16 })

/**
 * All pre-shared keys of a commit in one secret (RFC 9420 §8.4); zeros if there are none.
 *
 * @throws MlsError `psk.tooMany`
 */
export function pskSecretOf(suite: CipherSuite, psks: readonly PreSharedKey[]): Uint8Array {
  if (psks.length > limits.psks)
    throw new MlsError('psk.tooMany', `${psks.length} pre-shared keys in one commit.`)
  const zeros = new Uint8Array(hashLength(suite))
  const { extract } = suite.hpke.kdf
  return psks.reduce<Uint8Array>((secret, psk, index) => {
    const label = encode(pskLabelCodec, { id: psk.id, index, count: psks.length })
    const extracted = extract(zeros, psk.secret)
    const input = expandWithLabel(suite, extracted, 'derived psk', label, hashLength(suite))
    return extract(input, secret)
  }, zeros)
}

/** Everything in a commit up to its confirmation tag (RFC 9420 §8.2). */
export function confirmedTranscriptHashOf(
  suite: CipherSuite,
  wire: Wire,
  interimTranscriptHash: Uint8Array,
  { wireFormat, content, auth }: AuthenticatedContent,
): Uint8Array {
  const framed = encode(wire.content, content)
  const format = Uint8Array.of(0, wireFormat)
  return suite.hash(concat(interimTranscriptHash, format, framed, encode(opaque, auth.signature)))
}

/** The confirmed transcript with the tag that confirmed it (RFC 9420 §8.2). */
export function interimTranscriptHashOf(
  suite: CipherSuite,
  confirmedTranscriptHash: Uint8Array,
  confirmationTag: Uint8Array,
): Uint8Array {
  return suite.hash(concat(confirmedTranscriptHash, encode(opaque, confirmationTag)))
}

/** The tag by which members of an epoch know that they agree (RFC 9420 §6.1). */
export function confirmationTagOf(
  suite: CipherSuite,
  confirmationKey: Uint8Array,
  confirmedTranscriptHash: Uint8Array,
): Uint8Array {
  return suite.mac(confirmationKey, confirmedTranscriptHash)
}
