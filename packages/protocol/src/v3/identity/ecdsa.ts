import { bytesFromHex, bytesToHex, concatBytes, equalBytes } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'
import { addressOfPoint } from '../../address.ts'
import { platform } from '#platform'
import { ethereumIdentifier, type EthereumIdentifier } from './identifier.ts'

/** The order of a curve, and half of it. */
type Order = { readonly n: bigint; readonly half: bigint }

const secp256k1Order =
  order(0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n)
const p256Order =
  order(0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff_bce6_faad_a717_9e84_f3b9_cac2_fc63_2551n)

function order(n: bigint): Order {
  return { n, half: n >> 1n }
}

/** A wallet signature read the way libxmtp reads it. */
export type RecoveredWallet = {
  readonly signer: EthereumIdentifier
  /** r ‖ low s ‖ v as it came, 65 bytes: what libxmtp 1.10 compares with. */
  readonly replayBytes: Uint8Array
  /** r ‖ low s, 64 bytes: the same for every spelling of one signature. */
  readonly canonicalBytes: Uint8Array
  /** Whether all versions of libxmtp find the same signer: low s, and 0, 1, 27 or 28 as v. */
  readonly isCanonical: boolean
}

/**
 * Recovers the wallet that signed a text by EIP-191 (v3-mls §1.4). A high s is replaced by the low one **without**
 * flipping v, as libxmtp 1.10 does: the true twin of a signature therefore names another signer.
 * @param digest of the text: its `personalMessageDigest`, 32 bytes
 * @param bytes r ‖ s ‖ v, 65 bytes
 * @throws XmtpError `v3.identity.signature.malformed` or `v3.identity.signature.invalid`
 */
export function recoverWalletSignature(digest: Uint8Array, bytes: Uint8Array): RecoveredWallet {
  const v = bytes[64]
  const recovery = v === undefined ? undefined : parityOf(v)
  if (bytes.length !== 65 || v === undefined || recovery === undefined)
    throw new XmtpError(
      'v3.identity.signature.malformed',
      `A wallet signature has ${bytes.length} bytes and ends in ${v ?? 'nothing'}.`,
    )
  const canonicalBytes = withLowS(bytes.subarray(0, 64), secp256k1Order)
  const point = platform.secp256k1.recover(digest, { bytes: canonicalBytes, recovery })
  if (point === undefined)
    throw new XmtpError(
      'v3.identity.signature.invalid',
      'Signature validation failed: a wallet signature leads to no signer.',
    )
  const isLowS = equalBytes(canonicalBytes, bytes.subarray(0, 64))
  return {
    signer: ethereumIdentifier(addressOfPoint(point)),
    replayBytes: concatBytes(canonicalBytes, bytes.subarray(64)),
    canonicalBytes,
    isCanonical: isLowS && v <= 28,
  }
}

/** 0, 1, 27, 28 and the values of EIP-155 from 35 on, where the odd ones are even points; undefined for others. */
function parityOf(v: number): 0 | 1 | undefined {
  if (v <= 1) return v === 0 ? 0 : 1
  if (v === 27 || v === 28 || v >= 35) return v % 2 === 0 ? 1 : 0
  return undefined
}

/** The one of the two spellings of a P-256 signature whose s is low. @param signature r ‖ s, 64 bytes */
export function lowSOfP256(signature: Uint8Array): Uint8Array {
  return withLowS(signature, p256Order)
}

/** Leaves an s that is no scalar as it is: the check that follows refuses it. */
function withLowS(signature: Uint8Array, { n, half }: Order): Uint8Array {
  const s = BigInt(`0x${bytesToHex(signature.subarray(32))}`)
  if (s <= half || s >= n) return signature.slice()
  const low = bytesFromHex((n - s).toString(16).padStart(64, '0')) ?? new Uint8Array(32)
  return concatBytes(signature.subarray(0, 32), low)
}

/**
 * r ‖ s of an ECDSA signature in DER (X.690): two positive integers of at most 32 bytes, each in the fewest bytes, and
 * nothing after them.
 * @throws XmtpError `v3.identity.signature.malformed`
 */
export function parseDerSignature(der: Uint8Array): Uint8Array {
  const r = der[0] === 0x30 && der[1] === der.length - 2 ? readInteger(der, 2) : undefined
  const s = r === undefined ? undefined : readInteger(der, r.end)
  if (r === undefined || s === undefined || s.end !== der.length)
    throw new XmtpError(
      'v3.identity.signature.malformed',
      `${der.length} bytes are no ECDSA signature in DER.`,
    )
  return concatBytes(r.value, s.value)
}

function readInteger(
  der: Uint8Array,
  start: number,
): { value: Uint8Array; end: number } | undefined {
  const length = der[start + 1]
  if (der[start] !== 2 || length === undefined || length === 0 || length > 33) return undefined
  const end = start + 2 + length
  const [first = 0x80, second = 0] = der.subarray(start + 2, end)
  // A leading zero stands only before a byte that would make the number negative.
  const isMinimal = first === 0 ? length === 1 || second >= 0x80 : first < 0x80
  if (end > der.length || !isMinimal) return undefined
  const digits = der.subarray(first === 0 ? start + 3 : start + 2, end)
  if (digits.length > 32) return undefined
  const value = new Uint8Array(32)
  value.set(digits, 32 - digits.length)
  return { value, end }
}
