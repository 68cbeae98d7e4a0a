import { utf8 } from '../../bytes.ts'
import { platform } from '#platform'
import type { InstallationSignature } from './signature.ts'

/**
 * What the signature is for. Ed25519ph keeps the two apart, and both from what MLS signs with the same key
 * (v3-mls §1.4).
 */
const contexts = {
  identityUpdate: utf8('IDENTITY UPDATE SIGNATURE'),
  public: utf8('PUBLIC SIGNATURE CONTEXT'),
} as const

/** The installation id: 32 bytes. @param secret the 32-byte Ed25519 seed */
export function installationKey(secret: Uint8Array): Uint8Array {
  return platform.ed25519.publicKey(secret)
}

/** Signs the text of an identity update. @param secret the 32-byte Ed25519 seed */
export function signAsInstallation(secret: Uint8Array, text: string): InstallationSignature {
  const options = { message: utf8(text), context: contexts.identityUpdate }
  return {
    kind: 'installation',
    publicKey: platform.ed25519.publicKey(secret),
    bytes: platform.ed25519.signPrehashed(secret, options),
  }
}

/** Whether the installation signed the text of an identity update. */
export function isSignedByInstallation(text: string, signature: InstallationSignature): boolean {
  const options = { message: utf8(text), context: contexts.identityUpdate }
  return platform.ed25519.verifyPrehashed(signature.publicKey, signature.bytes, options)
}

/** Signs a text of an app, which no identity update can be mistaken for. @returns 64 bytes */
export function signPublicText(secret: Uint8Array, text: string): Uint8Array {
  return platform.ed25519.signPrehashed(secret, { message: utf8(text), context: contexts.public })
}

/** Whether an installation signed a text of an app. */
export function isPublicTextSigned(
  text: string,
  { publicKey, bytes }: { publicKey: Uint8Array; bytes: Uint8Array },
): boolean {
  const options = { message: utf8(text), context: contexts.public }
  return platform.ed25519.verifyPrehashed(publicKey, bytes, options)
}
