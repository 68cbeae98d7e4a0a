import {
  ConsentProofPayloadVersion,
  type ConsentProofPayload,
} from '@xmtp-ts/proto/message_contents/invitation'
import { addressOfPoint, type Address } from '../address.ts'
import { bytesFromHex, bytesToHex } from '../bytes.ts'
import { compactWalletSignature, recoverWallet } from '../crypto/signature.ts'
import { XmtpError } from '../errors.ts'
import { maxConsentProofAgeMs } from '../limits.ts'

/**
 * What a user signs to let `sender` write to them (v1-v2 §15).
 * @param date the time of `timestampMs` in the form of RFC 7231, seconds resolution
 */
export function consentProofText(sender: Address, date: string): string {
  return [
    'XMTP : Grant inbox consent to sender',
    '',
    `Current Time: ${date}`,
    `From Address: ${sender}`,
    '',
    'For more info: https://xmtp.org/signatures/',
  ].join('\n')
}

/** @param signature the wallet's 65 bytes over `consentProofText` */
export function createConsentProof(
  signature: Uint8Array,
  timestampMs: bigint,
): ConsentProofPayload {
  return {
    signature: `0x${bytesToHex(signature)}`,
    timestamp: timestampMs,
    payloadVersion: ConsentProofPayloadVersion.CONSENT_PROOF_PAYLOAD_VERSION_1,
  }
}

/**
 * Checks that `user` granted consent to `sender` within the last 30 days (v1-v2 §15).
 * @param options.httpDate how to write a time in milliseconds in the form of RFC 7231
 * @throws XmtpError `consentProof.invalid`
 */
export function verifyConsentProof(
  { signature, timestamp }: ConsentProofPayload,
  options: {
    user: Address
    sender: Address
    nowMs: number
    httpDate: (timeMs: number) => string
  },
): void {
  const { user, sender, nowMs, httpDate } = options
  const timeMs = Number(timestamp)
  if (timestamp === 0n || timeMs > nowMs || timeMs < nowMs - maxConsentProofAgeMs)
    throw new XmtpError('consentProof.invalid', `A consent proof is dated ${timestamp}.`)
  const bytes = bytesFromHex(signature.replace(/^0x/, ''))
  if (bytes?.length !== 65)
    throw new XmtpError('consentProof.invalid', 'A consent proof carries no wallet signature.')
  const wallet = recoverWallet(
    consentProofText(sender, httpDate(timeMs)),
    compactWalletSignature(bytes),
  )
  if (wallet === undefined || addressOfPoint(wallet) !== user)
    throw new XmtpError('consentProof.invalid', 'A consent proof was signed by somebody else.')
}
