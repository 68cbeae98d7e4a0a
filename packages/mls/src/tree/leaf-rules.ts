import type { CipherSuite } from '../crypto/suite.ts'
import { signWithLabel } from '../crypto/suite.ts'
import { verifyKnownWithLabel } from '../crypto/verified.ts'
import { MlsError } from '../errors.ts'
import { protocolVersion } from '../message/group-context.ts'
import { commonOf } from './common.ts'
import type { Extension, RequiredCapabilities } from './extension.ts'
import {
  defaultExtensionTypes,
  defaultProposalTypes,
  checkTypesOnce,
  readRequiredCapabilities,
} from './extension.ts'
import type {
  Capabilities,
  LeafNode,
  LeafPlace,
  LeafSource,
  UnsignedLeafNode,
} from './leaf-node.ts'
import { leafNodeTbs } from './leaf-node.ts'
import type { RatchetTree } from './ratchet-tree.ts'

/** What a leaf is checked against. */
export type LeafExpectation = {
  readonly source: LeafSource['kind']
  readonly place: LeafPlace
  /** Unix seconds; without it lifetimes are not looked at (RFC 9420 §7.3 asks for it when a leaf is added). */
  readonly nowSeconds: bigint | undefined
}

/** Signs a leaf (RFC 9420 §7.2). `place` matters for leaves made inside a group only. */
export async function signLeaf(
  suite: CipherSuite,
  leaf: UnsignedLeafNode,
  place: LeafPlace,
  signaturePrivateKey: Uint8Array,
): Promise<LeafNode> {
  const tbs = leafNodeTbs(leaf, place)
  return { ...leaf, signature: await signWithLabel(suite, signaturePrivateKey, 'LeafNodeTBS', tbs) }
}

/** @throws MlsError `leaf.badSignature` */
export async function checkLeafSignature(
  suite: CipherSuite,
  leaf: LeafNode,
  place: LeafPlace,
): Promise<void> {
  const tbs = leafNodeTbs(leaf, place)
  if (!(await verifyKnownWithLabel(suite, leaf.signatureKey, 'LeafNodeTBS', tbs, leaf.signature)))
    throw new MlsError('leaf.badSignature', `The signature of leaf ${place.leafIndex} is wrong.`)
}

/**
 * Checks a leaf on its own (RFC 9420 §7.3): source, lifetime, signature, and that it keeps to what it says of itself.
 *
 * @throws MlsError `leaf.*`
 */
export async function checkLeaf(
  suite: CipherSuite,
  leaf: LeafNode,
  expected: LeafExpectation,
): Promise<void> {
  if (leaf.source.kind !== expected.source)
    throw new MlsError('leaf.wrongSource', `It is ${leaf.source.kind}, not ${expected.source}.`)
  checkLifetime(leaf, expected.nowSeconds)
  checkOwnCapabilities(suite, leaf)
  await checkLeafSignature(suite, leaf, expected.place)
}

function checkLifetime({ source }: LeafNode, nowSeconds: bigint | undefined): void {
  if (source.kind !== 'keyPackage' || nowSeconds === undefined) return
  const { notBefore, notAfter } = source.lifetime
  if (nowSeconds < notBefore)
    throw new MlsError('leaf.notYetValid', `It is valid from ${notBefore}, now is ${nowSeconds}.`)
  if (nowSeconds > notAfter)
    throw new MlsError('leaf.expired', `It was valid until ${notAfter}, now is ${nowSeconds}.`)
}

/** @throws MlsError when a leaf uses what it does not list (RFC 9420 §7.2, §7.3). */
export function checkOwnCapabilities(suite: CipherSuite, leaf: LeafNode): void {
  const { capabilities, credential, extensions } = leaf
  if (!capabilities.versions.includes(protocolVersion))
    throw new MlsError('leaf.versionNotInCapabilities', 'The leaf does not list mls10.')
  if (!capabilities.cipherSuites.includes(suite.id))
    throw new MlsError('leaf.suiteNotInCapabilities', `The leaf does not list suite ${suite.id}.`)
  if (!capabilities.credentials.includes(credential.type))
    throw new MlsError('leaf.credentialNotInCapabilities', `Its own type is ${credential.type}.`)
  checkTypesOnce(extensions, 'leaf.duplicateExtension')
  const listed = new Set(capabilities.extensions)
  const unlisted = extensions.find(({ type }) => !supportsExtension(listed, type))
  if (unlisted !== undefined)
    throw new MlsError('leaf.extensionNotInCapabilities', `The leaf uses type ${unlisted.type}.`)
}

type Supported = Pick<Capabilities, 'extensions' | 'proposals' | 'credentials'>

function supportsExtension(listed: ReadonlySet<number>, type: number): boolean {
  return defaultExtensionTypes.has(type) || listed.has(type)
}

/** Whether a proposal type may be used among those who support this much. */
export function supportsProposal(supported: Supported, type: number): boolean {
  return defaultProposalTypes.has(type) || supported.proposals.includes(type)
}

function supportsAll(supported: Supported, required: RequiredCapabilities): boolean {
  const extensions = new Set(supported.extensions)
  const proposals = new Set(supported.proposals)
  const credentials = new Set(supported.credentials)
  return (
    required.extensions.every((type) => supportsExtension(extensions, type)) &&
    required.proposals.every((type) => defaultProposalTypes.has(type) || proposals.has(type)) &&
    required.credentials.every((type) => credentials.has(type))
  )
}

/**
 * Checks one leaf, or what all members have in common, against the extensions of the group
 * (RFC 9420 §7.3, §11.1, §12.1.7).
 *
 * @throws MlsError `leaf.requiredCapabilityMissing`, `leaf.groupExtensionUnsupported`
 */
export function checkSupport(supported: Supported, groupExtensions: readonly Extension[]): void {
  const required = readRequiredCapabilities(groupExtensions)
  if (required !== undefined && !supportsAll(supported, required))
    throw new MlsError('leaf.requiredCapabilityMissing', 'The group requires more than is listed.')
  const listed = new Set(supported.extensions)
  const unknown = groupExtensions.find(({ type }) => !supportsExtension(listed, type))
  if (unknown !== undefined)
    throw new MlsError('leaf.groupExtensionUnsupported', `The group uses type ${unknown.type}.`)
}

/**
 * Checks what members must be able to do for each other, in O(depth) per changed leaf (RFC 9420 §7.3).
 *
 * @throws MlsError `leaf.requiredCapabilityMissing`, `leaf.groupExtensionUnsupported`,
 * `leaf.credentialUnsupportedByMember`
 */
export function checkMembersTogether(
  tree: RatchetTree,
  groupExtensions: readonly Extension[],
): void {
  const common = commonOf(tree)
  if (common === undefined) return
  checkSupport(common, groupExtensions)
  const unsupported = common.credentialsInUse.find((type) => !common.credentials.includes(type))
  if (unsupported !== undefined)
    throw new MlsError(
      'leaf.credentialUnsupportedByMember',
      `Credential type ${unsupported} is in use, and a member does not support it.`,
    )
}
