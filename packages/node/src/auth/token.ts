import { limits, XmtpError, type Address } from '@xmtp-ts/protocol'
import { maxRememberedTokens } from '../limits.ts'

/** `verifyToken` of the protocol package. */
export type VerifyToken = (token: Uint8Array, options: { readonly nowNs: bigint }) => Address

type Remembered = { readonly wallet: Address; readonly verifiedNs: bigint }

/** A verified token is verified again after this, so that it expires a minute late at most. */
const rememberNs = 60_000_000_000n

/** Longer headers hold no token. */
const maxHeaderCharacters = 'Bearer '.length + Math.ceil(limits.maxTokenBytes / 3) * 4

/**
 * Reads `Bearer <base64 of a Token>` (node-api §4). Verification takes up to a millisecond of processor time, so the
 * tokens of clients at work are remembered by their text.
 * @throws XmtpError `token.malformed`, `token.badSignature`, `token.wrongWallet`, `token.expired`
 */
export function createTokenReader(options: {
  readonly nowNs: () => bigint
  readonly verifyToken: VerifyToken
}): (authorization: string) => Address {
  const remembered = new Map<string, Remembered>()
  return (authorization) => {
    const nowNs = options.nowNs()
    const known = remembered.get(authorization)
    if (known !== undefined && nowNs - known.verifiedNs < rememberNs) return known.wallet
    const wallet = verify(parseBearer(authorization), { nowNs, verifyToken: options.verifyToken })
    remembered.delete(authorization)
    remembered.set(authorization, { wallet, verifiedNs: nowNs })
    if (remembered.size > maxRememberedTokens)
      for (const oldest of remembered.keys()) {
        remembered.delete(oldest)
        break
      }
    return wallet
  }
}

function parseBearer(authorization: string): Uint8Array {
  if (authorization.length > maxHeaderCharacters) throw malformed('invalid authorization header')
  const [scheme, text, ...rest] = authorization.split(' ')
  if (scheme === undefined || text === undefined || rest.length > 0)
    throw malformed('invalid authorization header')
  if (scheme !== 'Bearer') throw malformed(`unrecognized authorization scheme ${scheme}`)
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0)
    throw malformed('extracting token: illegal base64 data')
  return Buffer.from(text, 'base64')
}

function malformed(text: string): XmtpError {
  return new XmtpError('token.malformed', `The authorization header is wrong: ${text}.`, {
    details: { text },
  })
}

const textOfCode: Readonly<Record<string, string>> = {
  'token.malformed': 'extracting token: malformed token',
  'token.badSignature': 'validating token: invalid signature',
  'token.wrongWallet': 'validating token: wallet address mismatch',
  'token.expired': 'validating token: token expired',
}

function verify(
  token: Uint8Array,
  options: { readonly nowNs: bigint; readonly verifyToken: VerifyToken },
): Address {
  try {
    return options.verifyToken(token, { nowNs: options.nowNs })
  } catch (error) {
    if (!(error instanceof XmtpError)) throw error
    const text = textOfCode[error.code] ?? 'validating token: invalid token'
    throw new XmtpError(error.code, 'The token is not accepted.', {
      cause: error,
      details: { ...error.details, text },
    })
  }
}
