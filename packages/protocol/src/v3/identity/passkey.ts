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
  const text = utf8Text(bytes)
  const data = text === undefined ? undefined : parseJson(text)
  if (
    text !== undefined &&
    typeof data === 'object' &&
    data !== null &&
    'challenge' in data &&
    'origin' in data
  ) {
    const { challenge, origin } = data
    const isSingle = countKey(text, 'challenge') === 1 && countKey(text, 'origin') === 1
    if (isSingle && typeof challenge === 'string' && typeof origin === 'string')
      return { challenge, origin }
  }
  throw new XmtpError(
    'v3.identity.signature.malformed',
    'client_data is invalid: it is no JSON with one challenge and one origin.',
  )
}

/** Refuses invalid UTF-8, unlike a lenient decoder, and needs no TextDecoder of a platform. */
function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return decodeURIComponent(bytesToHex(bytes).replaceAll(/../g, '%$&'))
  } catch {
    return undefined
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * How often an object has a key at its top level. A key that comes twice is an error to libxmtp, while JSON.parse takes
 * the last one: two clients would read one assertion differently.
 * @param json valid JSON
 */
function countKey(json: string, key: string): number {
  let [count, depth] = [0, 0]
  for (const [token, string, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[[\]{}]/g)) {
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
    else if (depth === 1 && string !== undefined && colon !== undefined)
      count += JSON.parse(string) === key ? 1 : 0
  }
  return count
}
