import { empty, equal } from '../bytes.ts'
import { encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { refHash, signWithLabel } from '../crypto/suite.ts'
import { verifyKnownWithLabel } from '../crypto/verified.ts'
import { MlsError } from '../errors.ts'
import type { Random } from '../hpke/kem.ts'
import { protocolVersion } from '../message/group-context.ts'
import type { Credential } from '../tree/credential.ts'
import type { Extension } from '../tree/extension.ts'
import { checkTypesOnce } from '../tree/extension.ts'
import type { KeyPackage } from '../tree/key-package.ts'
import { keyPackageCodec, keyPackageTbs } from '../tree/key-package.ts'
import type { Capabilities, Lifetime, UnsignedLeafNode } from '../tree/leaf-node.ts'
import { checkLeaf, signLeaf } from '../tree/leaf-rules.ts'

/** A key package and the private keys that belong to it. */
export type OwnKeyPackage = {
  readonly keyPackage: KeyPackage
  readonly initPrivateKey: Uint8Array
  readonly leafPrivateKey: Uint8Array
}

/** What goes into a key package. */
export type KeyPackageOptions = {
  readonly suite: CipherSuite
  readonly signaturePrivateKey: Uint8Array
  readonly credential: Credential
  readonly capabilities: Capabilities
  readonly lifetime: Lifetime
  readonly leafExtensions?: readonly Extension[]
  readonly extensions?: readonly Extension[]
  readonly random: Random
}

// Leaves that come with a key package sign no place (RFC 9420 §7.2).
const noPlace = { groupId: empty, leafIndex: 0 }

/** Capabilities for one suite and basic credentials; add the types your application uses. */
export function basicCapabilities(
  suite: CipherSuite,
  more: Partial<Pick<Capabilities, 'extensions' | 'proposals'>> = {},
): Capabilities {
  return {
    versions: [protocolVersion],
    cipherSuites: [suite.id],
    extensions: more.extensions ?? [],
    proposals: more.proposals ?? [],
    credentials: [1],
  }
}

/** Makes a key package with fresh keys (RFC 9420 §10). */
export async function createKeyPackage(options: KeyPackageOptions): Promise<OwnKeyPackage> {
  const { suite, signaturePrivateKey, random } = options
  const { kem } = suite.hpke
  const init = await kem.deriveKeyPair(random(kem.privateKeyLength))
  const encryption = await kem.deriveKeyPair(random(kem.privateKeyLength))
  const leaf: UnsignedLeafNode = {
    encryptionKey: encryption.publicKey,
    signatureKey: await suite.signature.publicKey(signaturePrivateKey),
    credential: options.credential,
    capabilities: options.capabilities,
    source: { kind: 'keyPackage', lifetime: options.lifetime },
    extensions: options.leafExtensions ?? [],
  }
  const unsigned = {
    version: protocolVersion,
    cipherSuite: suite.id,
    initKey: init.publicKey,
    leafNode: await signLeaf(suite, leaf, noPlace, signaturePrivateKey),
    extensions: options.extensions ?? [],
  }
  const tbs = keyPackageTbs(unsigned)
  const signature = await signWithLabel(suite, signaturePrivateKey, 'KeyPackageTBS', tbs)
  return {
    keyPackage: { ...unsigned, signature },
    initPrivateKey: init.privateKey,
    leafPrivateKey: encryption.privateKey,
  }
}

/** The name by which a welcome finds its key package (RFC 9420 §5.2). */
export function keyPackageReference(suite: CipherSuite, keyPackage: KeyPackage): Uint8Array {
  return refHash(suite, 'MLS 1.0 KeyPackage Reference', encode(keyPackageCodec, keyPackage))
}

/**
 * Checks a key package of someone else (RFC 9420 §10.1).
 *
 * @param nowSeconds Unix seconds; undefined leaves the lifetime unchecked
 * @throws MlsError `keyPackage.*`, `leaf.*`
 */
export async function checkKeyPackage(
  suite: CipherSuite,
  keyPackage: KeyPackage,
  nowSeconds: bigint | undefined,
): Promise<void> {
  const { leafNode, initKey, signature, extensions } = keyPackage
  if (keyPackage.version !== protocolVersion)
    throw new MlsError('keyPackage.unsupportedVersion', `It has version ${keyPackage.version}.`)
  if (keyPackage.cipherSuite !== suite.id)
    throw new MlsError('keyPackage.wrongSuite', `It has suite ${keyPackage.cipherSuite}.`)
  if (equal(initKey, leafNode.encryptionKey))
    throw new MlsError('keyPackage.initKeyIsEncryptionKey', 'One key has two uses.')
  checkTypesOnce(extensions, 'keyPackage.duplicateExtension')
  await checkLeaf(suite, leafNode, { source: 'keyPackage', place: noPlace, nowSeconds })
  const tbs = keyPackageTbs(keyPackage)
  if (!(await verifyKnownWithLabel(suite, leafNode.signatureKey, 'KeyPackageTBS', tbs, signature)))
    throw new MlsError('keyPackage.badSignature', 'The owner of the leaf did not sign it.')
}
