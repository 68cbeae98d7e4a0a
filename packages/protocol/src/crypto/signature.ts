import type { Signature as WireSignature } from '@xmtp-ts/proto/message_contents/keys'
import type { Brand } from '../brand.ts'
import { equalBytes, utf8, concatBytes } from '../bytes.ts'
import { XmtpError } from '../errors.ts'
import { platform } from '#platform'
import type { RecoverableSignature } from './platform.ts'

/** An uncompressed secp256k1 point, 65 bytes `04 ‖ X ‖ Y`. On the curve, unless a digest proved nothing about it. */
export type Point = Brand<Uint8Array, 'Point'>

/** Who made a signature: a key of the protocol over a SHA-256, or a wallet over an EIP-191 text (v1-v2 §3.2). */
export type SignatureKind = 'ecdsaCompact' | 'walletEcdsaCompact'

/** A signature as the wire carries it, checked for shape only. */
export type Signature = RecoverableSignature & { readonly kind: SignatureKind }

const pointBytes = 65
const compactBytes = 64

/** @throws XmtpError `key.malformed` unless 65 bytes that begin with 04 */
export function parsePoint(bytes: Uint8Array): Point {
  if (bytes.length !== pointBytes || bytes[0] !== 4)
    throw new XmtpError(
      'key.malformed',
      `A public point has ${bytes.length} bytes, not 65 from 04.`,
    )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- length and prefix have just been checked
  return bytes as Point
}

/** @throws XmtpError `key.malformed` unless a private key of 32 bytes within the order of the curve */
export function publicPoint(privateKey: Uint8Array): Point {
  if (privateKey.length !== 32 || !platform.secp256k1.isPrivateKey(privateKey))
    throw new XmtpError('key.malformed', 'A private key is not 32 bytes within the order.')
  return parsePoint(platform.secp256k1.publicPoint(privateKey))
}

/** The whole product of a private key and a point, 65 bytes, unhashed (v1-v2 §1). @throws XmtpError `key.malformed` */
export function diffieHellman(privateKey: Uint8Array, point: Point): Uint8Array {
  const product = platform.secp256k1.dh(privateKey, point)
  if (product === undefined) throw new XmtpError('key.malformed', 'A point is not on the curve.')
  return product
}

/** @throws XmtpError `signature.malformed` */
export function parseSignature(wire: WireSignature | undefined): Signature {
  const union = wire?.union
  if (union === undefined) throw new XmtpError('signature.malformed', 'A signature is missing.')
  const { bytes, recovery } = union.value
  if (bytes.length !== compactBytes || (recovery !== 0 && recovery !== 1))
    throw new XmtpError(
      'signature.malformed',
      `A signature has ${bytes.length} bytes and recovery ${recovery}.`,
    )
  return { kind: union.$case, bytes, recovery }
}

export function encodeSignature({ kind, bytes, recovery }: Signature): WireSignature {
  return { union: { $case: kind, value: { bytes, recovery } } }
}

/** Deterministic and low-s, tagged `ecdsa_compact`. `digest` has 32 bytes. */
export function signDigest(privateKey: Uint8Array, digest: Uint8Array): Signature {
  return { kind: 'ecdsaCompact', ...platform.secp256k1.sign(privateKey, digest) }
}

/** Whether a protocol key made this signature. Wallet signatures and high-s are refused (v1-v2 §1). */
export function verifyDigest(point: Point, digest: Uint8Array, signature: Signature): boolean {
  return (
    signature.kind === 'ecdsaCompact' && platform.secp256k1.verify(point, digest, signature.bytes)
  )
}

/** The digest that wallets sign for a text: EIP-191 `personal_sign`. */
export function personalMessageDigest(text: string): Uint8Array {
  const body = utf8(text)
  const prefix = utf8(`\u0019Ethereum Signed Message:\n${body.length}`)
  return platform.keccak256(concatBytes(prefix, body))
}

/** The point of the wallet that signed `text`; undefined when the signature leads to none. High-s is accepted. */
export function recoverWallet(text: string, signature: RecoverableSignature): Point | undefined {
  const point = platform.secp256k1.recover(personalMessageDigest(text), signature)
  return point === undefined ? undefined : parsePoint(point)
}

/**
 * The compact form of what a wallet returns: 65 bytes r ‖ s ‖ v, where v is 0/1 or 27/28 (v1-v2 §1).
 * @throws XmtpError `signature.malformed`
 */
export function compactWalletSignature(bytes: Uint8Array): RecoverableSignature {
  const v = bytes[compactBytes]
  if (bytes.length !== compactBytes + 1 || v === undefined)
    throw new XmtpError(
      'signature.malformed',
      `A wallet signature has ${bytes.length} bytes, not 65: only externally owned accounts can sign here.`,
    )
  const raised = v < 27 ? v + 27 : v
  return { bytes: bytes.slice(0, compactBytes), recovery: raised % 2 === 0 ? 1 : 0 }
}

export function equalSignatures(a: Signature, b: Signature): boolean {
  return a.kind === b.kind && a.recovery === b.recovery && equalBytes(a.bytes, b.bytes)
}
