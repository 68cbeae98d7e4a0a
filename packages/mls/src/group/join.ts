import { empty, equal, equalConstantTime } from '../bytes.ts'
import { decode, encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { decryptWithLabel, findSuite } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { GroupInfo, GroupSecrets, Welcome } from '../message/welcome.ts'
import { decodeMessage } from '../message/wire.ts'
import { groupInfoCodec, groupSecretsCodec } from '../message/welcome.ts'
import { memberSecretOf, pskSecretOf, welcomeKeys } from '../schedule/key-schedule.ts'
import type { Extension } from '../tree/extension.ts'
import { leafNodeCodec } from '../tree/leaf-node.ts'
import { isBelow, nodeOfLeaf } from '../tree/math.ts'
import type { NodeKeys } from '../tree/path.ts'
import { derivePathSecrets } from '../tree/path.ts'
import type { RatchetTree } from '../tree/ratchet-tree.ts'
import { leafBytesAt, leavesWithSignatureKey, parentAt } from '../tree/ratchet-tree.ts'
import { filteredDirectPath } from '../tree/resolution.ts'
import type { GroupConfig } from './config.ts'
import { firstState } from './first-state.ts'
import { checkGroupInfo } from './group-info.ts'
import type { OwnKeyPackage } from './key-package.ts'
import { keyPackageReference } from './key-package.ts'
import type { PskLookup } from './next-epoch.ts'
import { resolvePsks, startEpoch } from './next-epoch.ts'
import type { GroupState, Member } from './state.ts'
import { memberAt } from './state.ts'

/** What joining takes. */
export type JoinOptions = {
  /** Any key packages of this client that the welcome may be for. */
  readonly keyPackages: readonly OwnKeyPackage[]
  readonly signaturePrivateKey: Uint8Array
  /** The encoded tree, if the welcome does not carry it. */
  readonly ratchetTree?: Uint8Array
  readonly psk?: PskLookup
  /** The group this one follows or branches from (RFC 9420 §11.2, §11.3). */
  readonly previous?: GroupState
  readonly config: GroupConfig
  /** Unix seconds; left out, lifetimes of members are not checked. */
  readonly nowSeconds?: bigint
}

/** A group one could join: nothing binds this client before it keeps the state. */
export type Joined = {
  readonly state: GroupState
  /** The member who signed the GroupInfo: whoever added us. */
  readonly signer: Member
  /** The key package that is used up now, unless it is a last resort. */
  readonly used: OwnKeyPackage
  readonly groupInfoExtensions: readonly Extension[]
}

/**
 * Joins a group by a welcome (RFC 9420 §12.4.3.1).
 *
 * @param bytes an MLSMessage with a Welcome
 * @throws MlsError `welcome.*`, `groupInfo.*`, `tree.*`, `leaf.*`, `psk.*`, `codec.*`, `suite.unsupported`
 */
export async function joinGroup(bytes: Uint8Array, options: JoinOptions): Promise<Joined> {
  const { config } = options
  const message = decodeMessage(bytes, config.wire)
  if (message.kind !== 'welcome')
    throw new MlsError('message.unexpectedWireFormat', `A ${message.kind} is no welcome.`)
  const { welcome } = message
  const suite = findSuite(config.suites, welcome.cipherSuite)
  const { own, secrets } = await openSecrets(suite, welcome, options.keyPackages)
  const psks = resolvePsks(secrets.psks, options.previous, options.psk)
  const pskSecret = pskSecretOf(suite, psks)
  const info = openInfo(suite, welcome, memberSecretOf(suite, secrets.joinerSecret, pskSecret))
  if (info.context.cipherSuite !== suite.id)
    throw new MlsError('welcome.wrongSuite', `The group has suite ${info.context.cipherSuite}.`)
  checkResumption(secrets, info, options.previous)
  const tree = await checkGroupInfo(suite, info, options.ratchetTree, options.nowSeconds)
  const ownLeaf = findOwnLeaf(tree, own)
  const nodeKeys = await startingKeys(suite, tree, info, secrets, own, ownLeaf)
  const { context } = info
  const start = startEpoch(suite, secrets.joinerSecret, pskSecret, context, tree.depth)
  if (!equalConstantTime(start.confirmationTag, info.confirmationTag))
    throw new MlsError('groupInfo.badConfirmationTag', 'The secrets do not belong to this epoch.')
  const signer = memberAt(tree, info.signer)
  const { signaturePrivateKey } = options
  const mine = { ownLeaf, nodeKeys, signaturePrivateKey }
  const state = firstState({ suite, config, context, tree, ...mine, schedule: start })
  for (const secret of [start.memberSecret, start.joinerSecret]) secret.fill(0)
  return { state, signer, used: own, groupInfoExtensions: info.extensions }
}

async function openSecrets(
  suite: CipherSuite,
  welcome: Welcome,
  keyPackages: readonly OwnKeyPackage[],
): Promise<{ readonly own: OwnKeyPackage; readonly secrets: GroupSecrets }> {
  for (const own of keyPackages) {
    const { cipherSuite, initKey } = own.keyPackage
    if (cipherSuite !== suite.id) continue
    const reference = keyPackageReference(suite, own.keyPackage)
    const sealed = welcome.secrets.find(({ newMember }) => equal(newMember, reference))
    if (sealed === undefined) continue
    const keys = { privateKey: own.initPrivateKey, publicKey: initKey }
    const { encryptedGroupSecrets } = sealed
    const info = welcome.encryptedGroupInfo
    try {
      const opened = await decryptWithLabel(suite, keys, 'Welcome', info, encryptedGroupSecrets)
      return { own, secrets: decode(groupSecretsCodec, opened) }
    } catch (cause) {
      if (!(cause instanceof MlsError) || !/^(hpke|crypto)\./.test(cause.code)) throw cause
      throw new MlsError('welcome.groupSecretsUndecryptable', 'Our share does not open.', { cause })
    }
  }
  const suites = keyPackages.map(({ keyPackage }) => keyPackage.cipherSuite)
  if (suites.length > 0 && !suites.includes(suite.id))
    throw new MlsError('welcome.wrongSuite', `No key package of ours has suite ${suite.id}.`)
  throw new MlsError('welcome.notForThisKeyPackage', 'None of our key packages is named in it.')
}

function openInfo(suite: CipherSuite, welcome: Welcome, memberSecret: Uint8Array): GroupInfo {
  const { key, nonce } = welcomeKeys(suite, memberSecret)
  const opened = suite.hpke.aead.open(key, nonce, empty, welcome.encryptedGroupInfo)
  if (opened === undefined)
    throw new MlsError('welcome.groupInfoUndecryptable', 'Our secrets do not open its GroupInfo.')
  return decode(groupInfoCodec, opened)
}

/**
 * A group that says it follows or branches from another must fit it (RFC 9420 §11.2, §11.3).
 */
function checkResumption(
  { psks }: GroupSecrets,
  { context }: GroupInfo,
  previous: GroupState | undefined,
): void {
  const links = psks.filter((psk) => psk.kind === 'resumption' && psk.usage !== 'application')
  const [link] = links
  if (link === undefined) return
  const wrong = (what: string) => new MlsError('welcome.resumptionMismatch', what)
  if (links.length > 1) throw wrong('It follows more than one group.')
  if (context.epoch !== 1n) throw wrong(`It starts in epoch ${context.epoch}.`)
  if (link.kind !== 'resumption' || previous === undefined) throw wrong('The old group is unknown.')
  const { reInit } = previous
  if (link.usage === 'branch') {
    if (context.version !== previous.context.version) throw wrong('A branch keeps the version.')
    if (context.cipherSuite !== previous.context.cipherSuite)
      throw wrong('A branch keeps the suite.')
    return
  }
  const fits =
    reInit !== undefined &&
    equal(reInit.groupId, context.groupId) &&
    reInit.version === context.version &&
    reInit.cipherSuite === context.cipherSuite &&
    sameExtensions(reInit.extensions, context.extensions)
  if (!fits) throw wrong('It is not what the ReInit proposal said.')
}

function sameExtensions(a: readonly Extension[], b: readonly Extension[]): boolean {
  return (
    a.length === b.length &&
    a.every((extension, i) => {
      const other = b[i]
      return other?.type === extension.type && equal(other.data, extension.data)
    })
  )
}

/** Our leaf is the one of the key package that was used (RFC 9420 §12.4.3.1). */
function findOwnLeaf(tree: RatchetTree, own: OwnKeyPackage): number {
  const { leafNode } = own.keyPackage
  const bytes = encode(leafNodeCodec, leafNode)
  const found = leavesWithSignatureKey(tree, leafNode.signatureKey).find((leafIndex) => {
    const leaf = leafBytesAt(tree, leafIndex)
    return leaf !== undefined && equal(leaf, bytes)
  })
  if (found === undefined)
    throw new MlsError('welcome.ownLeafMissing', 'The tree has no leaf of our key package.')
  return found
}

/** Our leaf's key, and those above the place where we and the committer meet (RFC 9420 §12.4.3.1). */
async function startingKeys(
  suite: CipherSuite,
  tree: RatchetTree,
  info: GroupInfo,
  { pathSecret }: GroupSecrets,
  own: OwnKeyPackage,
  ownLeaf: number,
): Promise<NodeKeys> {
  const keys = new Map([[nodeOfLeaf(ownLeaf), own.leafPrivateKey]])
  if (pathSecret === undefined) return keys
  const mismatch = (cause?: unknown) =>
    new MlsError('welcome.pathSecretMismatch', 'The path secret is not of this tree.', { cause })
  const steps = filteredDirectPath(tree, info.signer).filter(
    ({ node }) => parentAt(tree, node) !== undefined,
  )
  const first = steps.findIndex(({ node }) => isBelow(ownLeaf, node))
  if (first < 0) throw mismatch()
  try {
    const derived = await derivePathSecrets(suite, { tree, steps }, first, pathSecret.pathSecret)
    for (const [node, key] of derived.privateKeys) keys.set(node, key)
  } catch (cause) {
    if (!(cause instanceof MlsError)) throw cause
    throw mismatch(cause)
  }
  return keys
}
