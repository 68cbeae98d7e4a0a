import { ascii, concat, empty } from '../bytes.ts'
import { encode, opaque, struct, vectorLength } from '../codec/tls.ts'
import { MlsError } from '../errors.ts'
import type { HpkeCiphertext, HpkeInfo, HpkeSuite } from '../hpke/hpke.ts'
import { openNext, prepareInfo, sealNext, setupReceiver, setupSenderWith } from '../hpke/hpke.ts'
import type { HpkeKeyPair, Random } from '../hpke/kem.ts'
import type { MaybePromise, SignatureScheme } from './platform.ts'

/** One cipher suite (RFC 9420 §5.1); suites.ts has those that are built in. */
export type CipherSuite = {
  readonly id: number
  readonly name: string
  readonly hpke: HpkeSuite
  readonly hash: (data: Uint8Array) => Uint8Array
  readonly mac: (key: Uint8Array, data: Uint8Array) => Uint8Array
  readonly signature: SignatureScheme
}

/** @throws MlsError `suite.unsupported` */
export function findSuite(suites: readonly CipherSuite[], id: number): CipherSuite {
  const suite = suites.find((candidate) => candidate.id === id)
  if (suite === undefined)
    throw new MlsError('suite.unsupported', `Cipher suite ${id} is not among those in use.`)
  return suite
}

/** Length of the suite's hash in bytes: Nh in the RFC. */
export function hashLength(suite: CipherSuite): number {
  return suite.hpke.kdf.hashLength
}

const prefixed = new Map<string, Uint8Array>()

/** The label with its "MLS 1.0 " and its length in front, as every labelled function wants it. */
function labelBytes(label: string): Uint8Array {
  const known = prefixed.get(label)
  if (known !== undefined) return known
  const made = encode(opaque, ascii(`MLS 1.0 ${label}`))
  // Labels are constants, except those of the exporter, which an application could make without end.
  if (prefixed.size < 128) prefixed.set(label, made)
  return made
}

type Labelled = { readonly label: Uint8Array; readonly content: Uint8Array }
const refHashInputCodec = struct<Labelled>({ label: opaque, content: opaque })

/** RefHash (RFC 9420 §5.2); the label is given whole. */
export function refHash(suite: CipherSuite, label: string, content: Uint8Array): Uint8Array {
  return suite.hash(encode(refHashInputCodec, { label: ascii(label), content }))
}

/** What is signed: the label and the content, each with its length (RFC 9420 §5.1.2). */
export function withLabel(label: string, content: Uint8Array): Uint8Array {
  const writer = { bytes: new Uint8Array(4), length: 0 }
  vectorLength.write(writer, content.length)
  return concat(labelBytes(label), writer.bytes.subarray(0, writer.length), content)
}

/** ExpandWithLabel (RFC 9420 §8). */
export function expandWithLabel(
  suite: CipherSuite,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const info = concat(Uint8Array.of(length >> 8, length & 0xff), withLabel(label, context))
  return suite.hpke.kdf.expand(secret, info, length)
}

/** DeriveSecret (RFC 9420 §8). */
export function deriveSecret(suite: CipherSuite, secret: Uint8Array, label: string): Uint8Array {
  return expandWithLabel(suite, secret, label, empty, hashLength(suite))
}

/** DeriveTreeSecret (RFC 9420 §9). */
export function deriveTreeSecret(
  suite: CipherSuite,
  secret: Uint8Array,
  label: string,
  generation: number,
  length: number,
): Uint8Array {
  const context = Uint8Array.of(generation >>> 24, generation >>> 16, generation >>> 8, generation)
  return expandWithLabel(suite, secret, label, context, length)
}

/** SignWithLabel (RFC 9420 §5.1.2). */
export function signWithLabel(
  suite: CipherSuite,
  privateKey: Uint8Array,
  label: string,
  content: Uint8Array,
): MaybePromise<Uint8Array> {
  return suite.signature.sign(privateKey, withLabel(label, content))
}

/** VerifyWithLabel (RFC 9420 §5.1.2). */
export function verifyWithLabel(
  suite: CipherSuite,
  publicKey: Uint8Array,
  label: string,
  content: Uint8Array,
  signature: Uint8Array,
): MaybePromise<boolean> {
  return suite.signature.verify(publicKey, withLabel(label, content), signature)
}

/** The info of EncryptWithLabel, ready for any number of recipients (RFC 9420 §5.1.3). */
export function encryptionInfo(suite: CipherSuite, label: string, context: Uint8Array): HpkeInfo {
  return prepareInfo(suite.hpke, withLabel(label, context))
}

/**
 * EncryptWithLabel (RFC 9420 §5.1.3).
 *
 * @throws MlsError `crypto.badKey`
 */
export async function encryptTo(
  info: HpkeInfo,
  publicKey: Uint8Array,
  plaintext: Uint8Array,
  random: Random,
): Promise<HpkeCiphertext> {
  const sender = await setupSenderWith(info, publicKey, random)
  return { kemOutput: sender.kemOutput, ciphertext: sealNext(sender.context, empty, plaintext) }
}

/**
 * DecryptWithLabel (RFC 9420 §5.1.3).
 *
 * @throws MlsError `crypto.badKey`, `hpke.openFailed`
 */
export async function decryptWithLabel(
  suite: CipherSuite,
  keys: HpkeKeyPair,
  label: string,
  context: Uint8Array,
  sealed: HpkeCiphertext,
): Promise<Uint8Array> {
  const info = withLabel(label, context)
  const receiver = await setupReceiver(suite.hpke, sealed.kemOutput, keys, info)
  return openNext(receiver, empty, sealed.ciphertext)
}
