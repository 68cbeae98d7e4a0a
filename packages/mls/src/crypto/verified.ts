import { concat } from '../bytes.ts'
import { encode, opaque } from '../codec/tls.ts'
import { limits } from '../limits.ts'
import type { SignatureScheme } from './platform.ts'
import type { CipherSuite } from './suite.ts'
import { verifyWithLabel, withLabel } from './suite.ts'

/** Signatures that have verified, by what they are of; the oldest is forgotten first. */
const verifiedBy = new WeakMap<SignatureScheme, Set<string>>()

/**
 * VerifyWithLabel for what comes again and again: a leaf comes with its key package, in the commit that adds it and in
 * every tree that it is in, and a key package with every group that its owner is added to. What has verified once is
 * recognised by the hash of the key, the signature and all that was signed; what has not is verified each time.
 */
export async function verifyKnownWithLabel(
  suite: CipherSuite,
  publicKey: Uint8Array,
  label: string,
  content: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const name = nameOf(suite, publicKey, withLabel(label, content), signature)
  const verified = verifiedBy.get(suite.signature) ?? new Set()
  if (verified.has(name)) return true
  if (!(await verifyWithLabel(suite, publicKey, label, content, signature))) return false
  const [oldest] = verified
  if (verified.size >= limits.verifiedSignatures && oldest !== undefined) verified.delete(oldest)
  verifiedBy.set(suite.signature, verified.add(name))
  return true
}

function nameOf(
  suite: CipherSuite,
  publicKey: Uint8Array,
  signed: Uint8Array,
  signature: Uint8Array,
): string {
  // With their lengths, so that bytes that move from one part to the next give another name.
  const parts = concat(encode(opaque, publicKey), encode(opaque, signature), signed)
  return String.fromCodePoint(...suite.hash(parts))
}
