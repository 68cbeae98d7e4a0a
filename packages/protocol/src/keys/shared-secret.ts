import { concatBytes } from '../bytes.ts'
import { diffieHellman } from '../crypto/signature.ts'
import type { VerifiedKeyBundle } from './key-bundle.ts'
import type { PrivateKey } from './private-key-bundle.ts'

/** One's own two keys in a key agreement. */
export type OwnKeys = { readonly identityKey: PrivateKey; readonly preKey: PrivateKey }

/**
 * The secret of a pair, as the one who sends: DH(I_S, P_R) ‖ DH(P_S, I_R) ‖ DH(P_S, P_R), 195 bytes (v1-v2 §6).
 * Constant until a pre-key changes. @throws XmtpError `key.malformed` for a point off the curve
 */
export function sharedSecretAsSender(
  { identityKey, preKey }: OwnKeys,
  recipient: VerifiedKeyBundle,
): Uint8Array {
  return concatBytes(
    diffieHellman(identityKey.secret, recipient.preKey.point),
    diffieHellman(preKey.secret, recipient.identityKey.point),
    diffieHellman(preKey.secret, recipient.preKey.point),
  )
}

/** The same secret, as the one who receives: the first two parts change places. */
export function sharedSecretAsRecipient(
  { identityKey, preKey }: OwnKeys,
  sender: VerifiedKeyBundle,
): Uint8Array {
  return concatBytes(
    diffieHellman(preKey.secret, sender.identityKey.point),
    diffieHellman(identityKey.secret, sender.preKey.point),
    diffieHellman(preKey.secret, sender.preKey.point),
  )
}
