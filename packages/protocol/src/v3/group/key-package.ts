import {
  applicationIdExtension,
  basicCapabilities,
  basicCredential,
  basicIdentity,
  chacha20Poly1305Suite,
  checkKeyPackage,
  configFor,
  createKeyPackage,
  decode,
  encode,
  extensionTypes,
  findExtension,
  isX25519PublicKey,
  keyPackageCodec,
  lastResortExtension,
  MlsError,
  proposalTypes,
  xWing,
  xWingLibxmtpId,
  type Extension,
  type GroupConfig,
  type KeyPackage,
  type LeafNode,
  type OwnKeyPackage,
} from '@xmtp-ts/mls'
import { MlsCredential } from '@xmtp-ts/proto/identity/credential'
import {
  WelcomePointeeEncryptionAeadType as AeadType,
  WelcomePointeeEncryptionAeadTypesExtension as AeadTypes,
} from '@xmtp-ts/proto/mls/message_contents/welcome_pointer'
import {
  WelcomeWrapperAlgorithm as Algorithm,
  WelcomeWrapperEncryption,
} from '@xmtp-ts/proto/mls/message_contents/wrapper_encryption'
import { utf8, type Random } from '../../bytes.ts'
import { XmtpError, type ErrorCode } from '../../errors.ts'
import { maxKeyPackageBytes } from '../../limits.ts'
import { decodeWire } from '../../wire.ts'
import { parseInboxId, type InboxId } from '../identity/identifier.ts'
import { groupExtensionTypes } from './extensions.ts'
import { readMessage, textField } from './protobuf.ts'

/** How welcomes are sealed: to the init key, or to the post-quantum key in extension 0xff03 (v3-mls §4.1). */
export type WelcomeAlgorithm = 'x25519' | 'xWing'

/** What a welcome is sealed to. */
export type WelcomeRecipient = {
  /** 32 bytes for X25519, 1216 for X-Wing */
  readonly publicKey: Uint8Array
  readonly algorithm: WelcomeAlgorithm
}

export type InstallationKeyPackageOptions = {
  /** Ed25519 seed, 32 bytes */
  readonly installationSecretKey: Uint8Array
  readonly inboxId: InboxId
  readonly nowSeconds: bigint
  readonly random: Random
  /** Whether to publish an X-Wing key for welcomes; if left out, yes. */
  readonly postQuantum?: boolean
}

/** A key package for the node, and what has to be kept for as long as welcomes may come for it. */
export type InstallationKeyPackage = {
  readonly bytes: Uint8Array
  readonly initPublicKey: Uint8Array
  readonly initPrivateKey: Uint8Array
  readonly leafPrivateKey: Uint8Array
  /** X-Wing, 1216 bytes */
  readonly wrapperPublicKey?: Uint8Array
  /** X-Wing, 32 bytes */
  readonly wrapperSeed?: Uint8Array
  readonly own: OwnKeyPackage
}

/** A key package of somebody that may be added. */
export type ReadKeyPackage = {
  readonly keyPackage: KeyPackage
  readonly inboxId: InboxId
  /** Ed25519 public key, 32 bytes */
  readonly installationId: Uint8Array
  /** What extension 0xff03 offers; undefined leaves the init key. */
  readonly wrapper: WelcomeRecipient | undefined
  readonly supportsPointers: boolean
}

/** Whose leaf it is. */
export type LeafMember = { readonly inboxId: InboxId; readonly installationId: Uint8Array }

const suite = chacha20Poly1305Suite
const xWingKem = xWing(suite.hpke.kdf, xWingLibxmtpId)

/**
 * How all members of XMTP groups keep and frame them (v3-mls §3.1): one suite, everything encrypted, no padding. Keys of
 * messages that were passed over are kept for longer than libxmtp keeps them (5): what a node left out or changed can be
 * read when it shows it, and nobody else sees a difference.
 */
export const groupConfig: GroupConfig = {
  ...configFor([suite]),
  acceptPublicHandshake: false,
  pastEpochs: 3,
  outOfOrder: 100,
  forwardDistance: 1000,
}

/** Seconds: an hour back for wrong clocks, 84 days and an hour ahead (v3-mls §2). */
const lifetime = { before: 3_600n, after: 7_257_600n }

const capabilities = basicCapabilities(suite, {
  extensions: [
    extensionTypes.lastResort,
    extensionTypes.applicationId,
    groupExtensionTypes.permissions,
    groupExtensionTypes.mutableMetadata,
    groupExtensionTypes.membership,
    groupExtensionTypes.welcomeWrapper,
    groupExtensionTypes.welcomePointee,
    groupExtensionTypes.immutableMetadata,
  ],
  proposals: [proposalTypes.groupContextExtensions],
})

/** Makes a key package as libxmtp 1.10 does (v3-mls §2), 1659 bytes long with the post-quantum key. */
export async function createInstallationKeyPackage(
  options: InstallationKeyPackageOptions,
): Promise<InstallationKeyPackage> {
  const { installationSecretKey, inboxId, nowSeconds, random, postQuantum = true } = options
  const wrapper = postQuantum ? await xWingKem.deriveKeyPair(random(32)) : undefined
  const own = await createKeyPackage({
    suite,
    signaturePrivateKey: installationSecretKey,
    credential: basicCredential(MlsCredential.encode({ inboxId }).finish()),
    capabilities,
    lifetime: { notBefore: nowSeconds - lifetime.before, notAfter: nowSeconds + lifetime.after },
    leafExtensions: [applicationIdExtension(utf8(inboxId))],
    extensions: [
      lastResortExtension,
      pointeeExtension,
      ...(wrapper ? [wrapperExtension(wrapper.publicKey)] : []),
    ],
    random,
  })
  return {
    bytes: encode(keyPackageCodec, own.keyPackage),
    initPublicKey: own.keyPackage.initKey,
    initPrivateKey: own.initPrivateKey,
    leafPrivateKey: own.leafPrivateKey,
    ...(wrapper && { wrapperPublicKey: wrapper.publicKey, wrapperSeed: wrapper.privateKey }),
    own,
  }
}

const pointeeExtension: Extension = {
  type: groupExtensionTypes.welcomePointee,
  data: AeadTypes.encode({
    supportedAeadTypes: [AeadType.WELCOME_POINTEE_ENCRYPTION_AEAD_TYPE_CHACHA20_POLY1305],
  }).finish(),
}

function wrapperExtension(pubKey: Uint8Array): Extension {
  const algorithm = Algorithm.WELCOME_WRAPPER_ALGORITHM_XWING_MLKEM_768_DRAFT_6
  const data = WelcomeWrapperEncryption.encode({ pubKey, algorithm }).finish()
  return { type: groupExtensionTypes.welcomeWrapper, data }
}

/**
 * Reads and checks a key package that the node gave (v3-mls §2): signatures, lifetime, credential. Whether it is that of
 * the inbox and installation it was asked for is for the caller to compare.
 *
 * @param nowSeconds Unix seconds; undefined leaves the lifetime unchecked
 * @throws XmtpError `v3.keyPackage.malformed`, `v3.keyPackage.invalid`
 */
export async function readKeyPackage(
  bytes: Uint8Array,
  nowSeconds: bigint | undefined,
): Promise<ReadKeyPackage> {
  if (bytes.length > maxKeyPackageBytes)
    throw new XmtpError('v3.keyPackage.malformed', `It has ${bytes.length} bytes.`)
  const keyPackage = await attemptMls('v3.keyPackage.malformed', () =>
    decode(keyPackageCodec, bytes),
  )
  await attemptMls('v3.keyPackage.invalid', () => checkKeyPackage(suite, keyPackage, nowSeconds))
  requireKeys(keyPackage)
  const { leafNode, extensions } = keyPackage
  return {
    keyPackage,
    ...readMember(leafNode, 'v3.keyPackage.malformed'),
    wrapper: readWrapper(extensions),
    supportsPointers: readsPointers(extensions),
  }
}

/** A key that nothing can be encrypted to would keep its group from ever committing again. */
function requireKeys({ initKey, leafNode }: KeyPackage): void {
  if (isX25519PublicKey(initKey) && isX25519PublicKey(leafNode.encryptionKey)) return
  throw new XmtpError('v3.keyPackage.invalid', 'Nothing can be encrypted to one of its keys.')
}

async function attemptMls<T>(code: ErrorCode, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    if (!(cause instanceof MlsError)) throw cause
    throw new XmtpError(code, 'The key package cannot be used.', { cause })
  }
}

function readWrapper(extensions: readonly Extension[]): WelcomeRecipient | undefined {
  const data = findExtension(extensions, groupExtensionTypes.welcomeWrapper)
  if (data === undefined) return undefined
  const wire = decodeWire(WelcomeWrapperEncryption, data, 'v3.keyPackage.malformed')
  const { pubKey: publicKey, algorithm } = wire
  if (algorithm === Algorithm.WELCOME_WRAPPER_ALGORITHM_SYMMETRIC_KEY)
    throw new XmtpError('v3.keyPackage.malformed', 'Its key for welcomes is symmetric.')
  // Whatever else the number is, other clients read it as Curve25519.
  return algorithm === Algorithm.WELCOME_WRAPPER_ALGORITHM_XWING_MLKEM_768_DRAFT_6
    ? { publicKey, algorithm: 'xWing' }
    : { publicKey, algorithm: 'x25519' }
}

function readsPointers(extensions: readonly Extension[]): boolean {
  const data = findExtension(extensions, groupExtensionTypes.welcomePointee)
  if (data === undefined) return false
  const { supportedAeadTypes } = decodeWire(AeadTypes, data, 'v3.keyPackage.malformed')
  return supportedAeadTypes.includes(
    AeadType.WELCOME_POINTEE_ENCRYPTION_AEAD_TYPE_CHACHA20_POLY1305,
  )
}

/** Whose leaf it is, by its credential and its key. @throws XmtpError `v3.group.malformed` */
export function memberOfLeaf(leaf: LeafNode): LeafMember {
  return readMember(leaf, 'v3.group.malformed')
}

function readMember(leaf: LeafNode, code: ErrorCode): LeafMember {
  const identity = basicIdentity(leaf.credential)
  if (identity === undefined)
    throw new XmtpError(code, `The leaf has a credential of type ${leaf.credential.type}.`)
  const inboxId = textField(readMessage(identity, code), 1)
  try {
    return { inboxId: parseInboxId(inboxId), installationId: leaf.signatureKey }
  } catch (cause) {
    throw new XmtpError(code, 'The credential of the leaf names no inbox.', { cause })
  }
}
