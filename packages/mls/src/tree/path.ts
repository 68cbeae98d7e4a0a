import { empty, equal } from '../bytes.ts'
import { encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import {
  decryptWithLabel,
  deriveSecret,
  encryptionInfo,
  encryptTo,
  hashLength,
} from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { HpkeCiphertext } from '../hpke/hpke.ts'
import type { HpkeKeyPair, Random } from '../hpke/kem.ts'
import type { UpdatePath, UpdatePathNode } from '../message/wire.ts'
import type { LeafNode } from './leaf-node.ts'
import { leafNodeCodec } from './leaf-node.ts'
import { isBelow, nodeOfLeaf } from './math.ts'
import type { ParentNode, RatchetTree } from './ratchet-tree.ts'
import type { PathStep } from './resolution.ts'
import {
  encryptionKeyAt,
  leafKeys,
  leafBytesAt,
  nodesWithEncryptionKey,
  noteParent,
  parentNodeCodec,
  withPath,
} from './ratchet-tree.ts'
import { filteredDirectPath, resolution } from './resolution.ts'
import { parentHashOf } from './tree-hash.ts'

/** Private keys of a member, by node: its leaf and the parents above whose secret it knows. */
export type NodeKeys = ReadonlyMap<number, Uint8Array>

/** New public keys laid over a path; the secrets behind them are not needed for it. */
export type MergedPath = {
  readonly tree: RatchetTree
  readonly steps: readonly PathStep[]
}

/** What a member knows after a path, beyond the tree itself. */
export type PathSecrets = {
  /** Secrets by node, of the nodes that this member knows. */
  readonly pathSecrets: ReadonlyMap<number, Uint8Array>
  readonly privateKeys: NodeKeys
  readonly commitSecret: Uint8Array
}

/** Everything that is derived from the secret of the first node of a path (RFC 9420 §7.4). */
async function deriveUpwards(
  suite: CipherSuite,
  steps: readonly PathStep[],
  firstSecret: Uint8Array,
): Promise<PathSecrets & { readonly publicKeys: readonly Uint8Array[] }> {
  const pathSecrets = new Map<number, Uint8Array>()
  const privateKeys = new Map<number, Uint8Array>()
  const publicKeys: Uint8Array[] = []
  let secret = firstSecret
  for (const { node } of steps) {
    pathSecrets.set(node, secret)
    const keys = await suite.hpke.kem.deriveKeyPair(deriveSecret(suite, secret, 'node'))
    privateKeys.set(node, keys.privateKey)
    publicKeys.push(keys.publicKey)
    secret = deriveSecret(suite, secret, 'path')
  }
  return { pathSecrets, privateKeys, publicKeys, commitSecret: secret }
}

/** Parent nodes for a path, hashed from the top down (RFC 9420 §7.9). */
function chainParents(
  suite: CipherSuite,
  tree: RatchetTree,
  steps: readonly PathStep[],
  publicKeys: readonly Uint8Array[],
): { readonly parents: ReadonlyMap<number, ParentNode>; readonly leafParentHash: Uint8Array } {
  const parents = new Map<number, ParentNode>()
  let parentHash: Uint8Array = empty
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i]
    const encryptionKey = publicKeys[i]
    if (step === undefined || encryptionKey === undefined)
      throw new MlsError('commit.wrongPathLength', `The path has no key for step ${i}.`)
    const parent: ParentNode = { encryptionKey, parentHash, unmergedLeaves: [] }
    parents.set(step.node, parent)
    parentHash = parentHashOf(suite, tree, parent, step.copath)
  }
  return { parents, leafParentHash: parentHash }
}

function merge(
  tree: RatchetTree,
  leafIndex: number,
  leaf: LeafNode,
  parents: ReadonlyMap<number, ParentNode>,
): RatchetTree {
  for (const [node, parent] of parents) noteParent(tree, node, parent.encryptionKey)
  return withPath(tree, leafIndex, encode(leafNodeCodec, leaf), (_, node) => {
    const parent = parents.get(node)
    return parent && encode(parentNodeCodec, parent)
  })
}

/** Nodes that a path secret is encrypted to: those below the copath, without leaves this commit adds (RFC 9420 §7.5). */
function recipients(
  tree: RatchetTree,
  copath: number,
  addedLeaves: ReadonlySet<number>,
): readonly number[] {
  const nodes = resolution(tree, copath)
  if (addedLeaves.size === 0) return nodes
  return nodes.filter((node) => node % 2 === 1 || !addedLeaves.has(node / 2))
}

/** A path that a committer has made, before its secrets are encrypted. */
export type NewPath = MergedPath & PathSecrets & { readonly leaf: LeafNode }

/**
 * Makes new keys from a leaf to the root (RFC 9420 §7.4, §7.9).
 *
 * @param makeLeaf signs the new leaf around the parent hash it is given
 */
export async function createPath(
  suite: CipherSuite,
  tree: RatchetTree,
  leafIndex: number,
  makeLeaf: (parentHash: Uint8Array) => Promise<LeafNode>,
  random: Random,
): Promise<NewPath> {
  const steps = filteredDirectPath(tree, leafIndex)
  const derived = await deriveUpwards(suite, steps, random(hashLength(suite)))
  const { parents, leafParentHash } = chainParents(suite, tree, steps, derived.publicKeys)
  const leaf = await makeLeaf(leafParentHash)
  return { ...derived, leaf, steps, tree: merge(tree, leafIndex, leaf, parents) }
}

/** Encrypts each path secret to those below the other child (RFC 9420 §7.5). */
export async function encryptPath(
  suite: CipherSuite,
  path: NewPath,
  addedLeaves: ReadonlySet<number>,
  context: Uint8Array,
  random: Random,
): Promise<UpdatePath> {
  const nodes: UpdatePathNode[] = []
  const info = encryptionInfo(suite, 'UpdatePathNode', context)
  for (const { node, copath } of path.steps) {
    const secret = path.pathSecrets.get(node) ?? empty
    const encryptedPathSecret: HpkeCiphertext[] = []
    for (const recipient of recipients(path.tree, copath, addedLeaves)) {
      const key = encryptionKeyAt(path.tree, recipient) ?? empty
      encryptedPathSecret.push(await encryptTo(info, key, secret, random))
    }
    nodes.push({ encryptionKey: encryptionKeyAt(path.tree, node) ?? empty, encryptedPathSecret })
  }
  return { leafNode: path.leaf, nodes }
}

/**
 * Lays a received path over the tree (RFC 9420 §7.5, §7.9.2, §12.4.2). The leaf itself is checked elsewhere.
 *
 * @throws MlsError `commit.wrongPathLength`, `commit.wrongCiphertextCount`, `commit.pathKeyReused`,
 * `commit.parentHashMismatch`
 */
export function mergePath(
  suite: CipherSuite,
  tree: RatchetTree,
  leafIndex: number,
  path: UpdatePath,
  addedLeaves: ReadonlySet<number>,
): MergedPath {
  const steps = filteredDirectPath(tree, leafIndex)
  if (steps.length !== path.nodes.length)
    throw new MlsError(
      'commit.wrongPathLength',
      `The path has ${path.nodes.length} nodes, the tree needs ${steps.length}.`,
    )
  steps.forEach(({ copath }, i) => {
    const wanted = recipients(tree, copath, addedLeaves).length
    if (path.nodes[i]?.encryptedPathSecret.length !== wanted)
      throw new MlsError('commit.wrongCiphertextCount', `Step ${i} needs ${wanted} ciphertexts.`)
  })
  checkFreshKeys(tree, leafIndex, path)
  const keys = path.nodes.map((node) => node.encryptionKey)
  const { parents, leafParentHash } = chainParents(suite, tree, steps, keys)
  const { source } = path.leafNode
  if (source.kind !== 'commit' || !equal(source.parentHash, leafParentHash))
    throw new MlsError('commit.parentHashMismatch', 'The new leaf has another parent hash.')
  return { tree: merge(tree, leafIndex, path.leafNode, parents), steps }
}

/** No public key of a path may be in the tree or in the path twice (RFC 9420 §12.4.2). */
function checkFreshKeys(tree: RatchetTree, leafIndex: number, path: UpdatePath): void {
  const old = leafBytesAt(tree, leafIndex)
  const leafKey = path.leafNode.encryptionKey
  if (old !== undefined && equal(leafKeys(old).encryptionKey, leafKey))
    throw new MlsError('leaf.encryptionKeyUnchanged', 'The committer kept its encryption key.')
  const keys = [leafKey, ...path.nodes.map((node) => node.encryptionKey)]
  keys.forEach((key, i) => {
    if (
      nodesWithEncryptionKey(tree, key).length > 0 ||
      keys.some((other, j) => j < i && equal(key, other))
    )
      throw new MlsError('commit.pathKeyReused', `Key ${i} of the path is not new.`)
  })
}

/**
 * Opens the one ciphertext of a path that is meant for this member and derives what is above (RFC 9420 §7.5).
 *
 * @throws MlsError `hpke.openFailed`, `crypto.badKey`, `commit.pathSecretMismatch`, `commit.wrongCiphertextCount`
 */
export async function decryptPath(
  suite: CipherSuite,
  merged: MergedPath,
  path: UpdatePath,
  own: { readonly leafIndex: number; readonly keys: NodeKeys },
  addedLeaves: ReadonlySet<number>,
  context: Uint8Array,
): Promise<PathSecrets> {
  const first = merged.steps.findIndex(({ copath }) => isBelow(own.leafIndex, copath))
  const step = merged.steps[first]
  if (step === undefined) throw new MlsError('commit.pathSecretMismatch', 'No step is above us.')
  const nodes = recipients(merged.tree, step.copath, addedLeaves)
  const place = nodes.findIndex((node) => own.keys.has(node))
  const sealed = path.nodes[first]?.encryptedPathSecret[place]
  const keys = keyPairAt(merged.tree, nodes[place], own.keys)
  if (sealed === undefined || keys === undefined)
    throw new MlsError('commit.wrongCiphertextCount', 'No ciphertext is for a key we have.')
  const secret = await decryptWithLabel(suite, keys, 'UpdatePathNode', context, sealed)
  return derivePathSecrets(suite, merged, first, secret)
}

function keyPairAt(
  tree: RatchetTree,
  node: number | undefined,
  keys: NodeKeys,
): HpkeKeyPair | undefined {
  if (node === undefined) return undefined
  const privateKey = keys.get(node)
  const publicKey = encryptionKeyAt(tree, node)
  return privateKey && publicKey && { privateKey, publicKey }
}

/**
 * Derives the keys from step `first` to the root and compares them with the tree (RFC 9420 §7.5, §12.4.3.1).
 *
 * @throws MlsError `commit.pathSecretMismatch`
 */
export async function derivePathSecrets(
  suite: CipherSuite,
  merged: MergedPath,
  first: number,
  secret: Uint8Array,
): Promise<PathSecrets> {
  const steps = merged.steps.slice(first)
  const derived = await deriveUpwards(suite, steps, secret)
  steps.forEach(({ node }, i) => {
    const expected = encryptionKeyAt(merged.tree, node)
    const key = derived.publicKeys[i]
    if (expected === undefined || key === undefined || !equal(expected, key))
      throw new MlsError('commit.pathSecretMismatch', `The key of node ${node} is another.`)
  })
  return derived
}

/** The private keys that are still right after a tree has changed: those of nodes that kept their public key. */
export function keptKeys(before: RatchetTree, after: RatchetTree, keys: NodeKeys): NodeKeys {
  const kept = new Map<number, Uint8Array>()
  for (const [node, privateKey] of keys) {
    const old = encryptionKeyAt(before, node)
    const now = encryptionKeyAt(after, node)
    if (old !== undefined && now !== undefined && equal(old, now)) kept.set(node, privateKey)
  }
  return kept
}

/** The node of a member's own leaf in its key map. */
export function withLeafKey(
  keys: NodeKeys,
  leafIndex: number,
  privateKey: Uint8Array,
): Map<number, Uint8Array> {
  return new Map(keys).set(nodeOfLeaf(leafIndex), privateKey)
}
