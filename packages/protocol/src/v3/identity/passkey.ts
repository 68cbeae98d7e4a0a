import { base64urlnopad } from '@scure/base'
import { bytesToHex, concatBytes, utf8 } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'
import { platform } from '#platform'
import { lowSOfP256, parseDerSignature } from './ecdsa.ts'
import type { PasskeyIdentifier } from './identifier.ts'
import type { PasskeySignature } from './signature.ts'

/** A WebAuthn assertion that verified. */
export type VerifiedPasskey = {
  readonly signer: PasskeyIdentifier
  /** r ‖ s as it came, 64 bytes */
  readonly replayBytes: Uint8Array
  /** r ‖ low s, 64 bytes */
  readonly canonicalBytes: Uint8Array
}

/**
 * Verifies an assertion over `text` (v3-mls §1.7): the challenge is the text, and the key signed the authenticator data
 * and the hash of the client data. Nobody looks at the relying party's hash, the flags or the counter.
 * @throws XmtpError `v3.identity.signature.malformed` or `v3.identity.signature.invalid`
 */
export function verifyPasskeySignature(text: string, signature: PasskeySignature): VerifiedPasskey {
  const { publicKey, authenticatorData, clientDataJson } = signature
  const { challenge, origin } = parseClientData(clientDataJson)
  if (challenge !== base64urlnopad.encode(utf8(text)))
    throw new XmtpError(
      'v3.identity.signature.invalid',
      'client_data is invalid: its challenge is not the text of this update.',
    )
  const replayBytes = parseDerSignature(signature.bytes)
  const message = concatBytes(authenticatorData, platform.sha256(clientDataJson))
  if (!platform.p256.verify(publicKey, message, replayBytes))
    throw new XmtpError(
      'v3.identity.signature.invalid',
      'Signature validation failed: the passkey did not sign.',
    )
  return {
    signer: { kind: 'passkey', key: publicKey, relyingParty: origin },
    replayBytes,
    canonicalBytes: lowSOfP256(replayBytes),
  }
}

function parseClientData(bytes: Uint8Array): { challenge: string; origin: string } {
  const data = parseJson(bytes)
  if (typeof data === 'object' && data !== null && 'challenge' in data && 'origin' in data) {
    const { challenge, origin } = data
    if (typeof challenge === 'string' && typeof origin === 'string') return { challenge, origin }
  }
  throw new XmtpError(
    'v3.identity.signature.malformed',
    'client_data is invalid: it is no JSON with a challenge and an origin.',
  )
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    // Refuses invalid UTF-8, unlike a lenient decoder; needs no TextDecoder of a platform.
    return JSON.parse(decodeURIComponent(bytesToHex(bytes).replaceAll(/../g, '%$&')))
  } catch {
    return undefined
  }
}
