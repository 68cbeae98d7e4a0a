import { encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { signWithLabel, verifyWithLabel } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import { protocolVersion } from '../message/group-context.ts'
import type { GroupInfo } from '../message/welcome.ts'
import { standardWire } from '../message/wire.ts'
import { groupInfoTbsCodec } from '../message/welcome.ts'
import { externalKeyPair } from '../schedule/key-schedule.ts'
import type { Extension } from '../tree/extension.ts'
import {
  checkTypesOnce,
  externalPubExtension,
  extensionTypes,
  findExtension,
} from '../tree/extension.ts'
import { checkLeaf, checkMembersTogether } from '../tree/leaf-rules.ts'
import type { RatchetTree } from '../tree/ratchet-tree.ts'
import { eachLeaf, leafAt } from '../tree/ratchet-tree.ts'
import { decodeTree, encodeTree } from '../tree/tree-codec.ts'
import { treeHash } from '../tree/tree-hash.ts'
import { checkTree } from '../tree/validate.ts'
import { equal } from '../bytes.ts'
import type { GroupState } from './state.ts'
import { expectActive, memberAt } from './state.ts'

/** What a GroupInfo carries beside the context. */
export type GroupInfoOptions = {
  /** Leave the tree out if the newcomers get it another way. */
  readonly withRatchetTree: boolean
  /** Lets its readers join by themselves. */
  readonly withExternalPub: boolean
  readonly extensions?: readonly Extension[]
}

/** Signs a description of the current epoch (RFC 9420 §12.4.3). */
export async function createGroupInfo(
  state: GroupState,
  options: GroupInfoOptions,
): Promise<GroupInfo> {
  expectActive(state)
  const { suite, tree, secrets } = state
  const extensions: Extension[] = [...(options.extensions ?? [])]
  if (options.withRatchetTree)
    extensions.push({ type: extensionTypes.ratchetTree, data: encodeTree(tree) })
  if (options.withExternalPub) {
    const { publicKey } = await externalKeyPair(suite, secrets.externalSecret)
    extensions.push(externalPubExtension(publicKey))
  }
  const info = {
    context: state.context,
    extensions,
    confirmationTag: state.confirmationTag,
    signer: state.ownLeaf,
  }
  const tbs = encode(groupInfoTbsCodec, info)
  const signature = await signWithLabel(suite, state.signaturePrivateKey, 'GroupInfoTBS', tbs)
  return { ...info, signature }
}

/** A GroupInfo as an MLSMessage, for those who join by external commit. */
export async function exportGroupInfo(
  state: GroupState,
  options: GroupInfoOptions = { withRatchetTree: true, withExternalPub: true },
): Promise<Uint8Array> {
  const groupInfo = await createGroupInfo(state, options)
  return encode(standardWire.message, { kind: 'groupInfo', groupInfo })
}

/**
 * Checks a GroupInfo and the tree that belongs to it, as anyone must before they join (RFC 9420 §12.4.3.1).
 *
 * @param ratchetTree the encoded tree if the GroupInfo does not carry it
 * @param nowSeconds Unix seconds; undefined leaves the lifetimes of members unchecked
 * @throws MlsError `groupInfo.*`, `tree.*`, `leaf.*`
 */
export async function checkGroupInfo(
  suite: CipherSuite,
  info: GroupInfo,
  ratchetTree: Uint8Array | undefined,
  nowSeconds: bigint | undefined,
): Promise<RatchetTree> {
  const { context } = info
  if (context.version !== protocolVersion)
    throw new MlsError('groupInfo.unsupportedVersion', `The group has version ${context.version}.`)
  for (const extensions of [info.extensions, context.extensions]) {
    checkTypesOnce(extensions, 'groupInfo.duplicateExtension')
  }
  const encoded = findExtension(info.extensions, extensionTypes.ratchetTree) ?? ratchetTree
  if (encoded === undefined)
    throw new MlsError('groupInfo.missingRatchetTree', 'No tree came with it or apart from it.')
  const tree = decodeTree(encoded)
  const signer = memberAt(tree, info.signer).leaf
  const tbs = encode(groupInfoTbsCodec, info)
  if (!(await verifyWithLabel(suite, signer.signatureKey, 'GroupInfoTBS', tbs, info.signature)))
    throw new MlsError('groupInfo.badSignature', `Leaf ${info.signer} did not sign it.`)
  if (!equal(treeHash(suite, tree), context.treeHash))
    throw new MlsError('tree.hashMismatch', 'The tree is not the one of the group context.')
  checkTree(suite, tree)
  await checkLeaves(suite, tree, context.groupId, nowSeconds)
  checkMembersTogether(tree, context.extensions)
  return tree
}

async function checkLeaves(
  suite: CipherSuite,
  tree: RatchetTree,
  groupId: Uint8Array,
  nowSeconds: bigint | undefined,
): Promise<void> {
  const indices: number[] = []
  eachLeaf(tree, (leafIndex) => indices.push(leafIndex))
  for (const leafIndex of indices) {
    const leaf = leafAt(tree, leafIndex)
    if (leaf === undefined) continue
    const place = { groupId, leafIndex }
    await checkLeaf(suite, leaf, { source: leaf.source.kind, place, nowSeconds })
  }
}
