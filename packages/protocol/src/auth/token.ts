import { AuthData as WireAuthData, Token as WireToken } from '@xmtp-ts/proto/message_api/v1/authn'
import type { Address } from '../address.ts'
import { encodeSignature, parseSignature, signDigest, verifyDigest } from '../crypto/signature.ts'
import { attempt, XmtpError } from '../errors.ts'
import { ownerOfIdentityKey } from '../keys/key-bundle.ts'
import type { PrivateKey } from '../keys/private-key-bundle.ts'
import { encodeKeyV1, parseKeyV1 } from '../keys/public-key.ts'
import { maxTokenAgeNs, maxTokenAheadNs, maxTokenBytes } from '../limits.ts'
import { decodeWire } from '../wire.ts'
import { platform } from '#platform'

/**
 * A token that lets the owner of `identityKey` publish for an hour (v1-v2 §17). Send it as
 * `Authorization: Bearer <base64>`. @throws XmtpError `key.notLegacy` for keys without a V1 form
 */
export function createToken(
  identityKey: PrivateKey,
  { wallet, nowNs }: { wallet: Address; nowNs: bigint },
): Uint8Array {
  const authDataBytes = WireAuthData.encode({ walletAddr: wallet, createdNs: nowNs }).finish()
  const signature = signDigest(identityKey.secret, platform.keccak256(authDataBytes))
  return WireToken.encode({
    identityKey: encodeKeyV1(identityKey.publicKey),
    authDataBytes,
    authDataSignature: encodeSignature(signature),
  }).finish()
}

/**
 * The wallet that a token speaks for (v1-v2 §17).
 * @throws XmtpError `token.malformed`, `token.badSignature`, `token.wrongWallet` or `token.expired`
 */
export function verifyToken(bytes: Uint8Array, { nowNs }: { nowNs: bigint }): Address {
  if (bytes.length > maxTokenBytes)
    throw new XmtpError('token.malformed', `A token has ${bytes.length} bytes.`)
  const { identityKey, signature, authDataBytes, authData } = parseToken(bytes)
  const owner = attempt(() => ownerOfIdentityKey(identityKey))
  const digest = platform.keccak256(authDataBytes)
  if (!owner.ok || !verifyDigest(identityKey.point, digest, signature))
    throw new XmtpError('token.badSignature', 'A signature of the token does not hold.')
  if (authData.walletAddr !== owner.value)
    throw new XmtpError('token.wrongWallet', 'The token names a wallet that did not sign its key.')
  const ageNs = nowNs - authData.createdNs
  if (ageNs > maxTokenAgeNs || -ageNs > maxTokenAheadNs)
    throw new XmtpError('token.expired', `The token is ${ageNs / 1_000_000_000n} s old.`)
  return owner.value
}

function parseToken(bytes: Uint8Array) {
  const parsed = attempt(() => {
    const wire = decodeWire(WireToken, bytes, 'token.malformed')
    return {
      identityKey: parseKeyV1(wire.identityKey, 'identityKey'),
      signature: parseSignature(wire.authDataSignature),
      authDataBytes: wire.authDataBytes,
      authData: decodeWire(WireAuthData, wire.authDataBytes, 'token.malformed'),
    }
  })
  if (!parsed.ok)
    throw new XmtpError('token.malformed', 'The token does not parse.', { cause: parsed.error })
  return parsed.value
}
