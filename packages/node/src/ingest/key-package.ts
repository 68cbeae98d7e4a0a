import {
  basicIdentity,
  chacha20Poly1305Suite,
  checkKeyPackage as checkMlsKeyPackage,
  decode,
  keyPackageCodec,
} from '@xmtp-ts/mls'
import { MlsCredential } from '@xmtp-ts/proto/identity/credential'
import { v3, XmtpError } from '@xmtp-ts/protocol'
import { maxKeyPackageBytes } from '../limits.ts'

/**
 * Checks a key package as the network does (node-api §8.2): parsed to its last byte, in the suite of XMTP, both
 * signatures, the lifetime, and a credential that names an inbox. That the inbox has the installation is not asked:
 * libxmtp uploads the package before the identity update.
 * @returns the installation's key, 32 bytes, and when the package ends
 * @throws XmtpError `node.v3.keyPackage.invalid`
 */
export async function checkKeyPackage(
  bytes: Uint8Array,
  nowMs: number,
): Promise<{ readonly installationKey: Uint8Array; readonly expiresMs: number }> {
  if (bytes.length > maxKeyPackageBytes) throw invalid('key package too big')
  try {
    const keyPackage = decode(keyPackageCodec, bytes)
    const nowSeconds = BigInt(Math.floor(nowMs / 1_000))
    await checkMlsKeyPackage(chacha20Poly1305Suite, keyPackage, nowSeconds)
    const { credential, signatureKey, source } = keyPackage.leafNode
    const identity = basicIdentity(credential)
    if (identity === undefined) throw invalid('the credential is not basic')
    v3.parseInboxId(MlsCredential.decode(identity).inboxId)
    if (source.kind !== 'keyPackage') throw invalid('its leaf is of no key package')
    return {
      installationKey: v3.installationIdentifier(signatureKey).key,
      expiresMs: Math.min(Number(source.lifetime.notAfter) * 1_000, Number.MAX_SAFE_INTEGER),
    }
  } catch (cause) {
    if (cause instanceof XmtpError && cause.code === 'node.v3.keyPackage.invalid') throw cause
    // Whatever its decoders say of bytes from outside is about the bytes.
    throw invalid(cause instanceof Error ? cause.message : 'no key package', cause)
  }
}

function invalid(reason: string, cause?: unknown): XmtpError {
  return new XmtpError('node.v3.keyPackage.invalid', `A key package is refused: ${reason}.`, {
    details: { text: `invalid identity: ${reason}` },
    cause,
  })
}
