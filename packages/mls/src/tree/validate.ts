import { equal } from '../bytes.ts'
import { decode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { LeafNode } from './leaf-node.ts'
import { leafNodeCodec } from './leaf-node.ts'
import { isBelow, leftOf, nodeOfLeaf, rightOf } from './math.ts'
import type { ParentNode, RatchetTree } from './ratchet-tree.ts'
import {
  eachLeaf,
  eachParent,
  leafBytesAt,
  leafKeys,
  parentAt,
  resolution,
} from './ratchet-tree.ts'
import { parentHashOf } from './tree-hash.ts'

/**
 * Checks what holds of every tree, whoever sent it: unmerged leaves, parent hashes, unique keys
 * (RFC 9420 §7.1, §7.3, §7.9.2). Leaves are checked one by one in leaf-rules.ts.
 *
 * @throws MlsError `tree.badUnmergedLeaves`, `tree.parentHashMismatch`, `tree.duplicateEncryptionKey`,
 * `leaf.duplicateSignatureKey`, `leaf.duplicateEncryptionKey`
 */
export function checkTree(suite: CipherSuite, tree: RatchetTree): void {
  checkUniqueKeys(tree)
  checkUnmergedLeaves(tree)
  eachParent(tree, (node, parent) => checkParentHash(suite, tree, node, parent))
}

function checkUniqueKeys(tree: RatchetTree): void {
  const encryptionKeys = new Set<string>()
  const signatureKeys = new Set<string>()
  eachLeaf(tree, (leafIndex, bytes) => {
    const keys = leafKeys(bytes)
    if (!addOnce(signatureKeys, keys.signatureKey))
      throw new MlsError(
        'leaf.duplicateSignatureKey',
        `The key of leaf ${leafIndex} is there twice.`,
      )
    if (!addOnce(encryptionKeys, keys.encryptionKey))
      throw new MlsError(
        'leaf.duplicateEncryptionKey',
        `The key of leaf ${leafIndex} is there twice.`,
      )
  })
  eachParent(tree, (node, parent) => {
    if (!addOnce(encryptionKeys, parent.encryptionKey))
      throw new MlsError('tree.duplicateEncryptionKey', `The key of node ${node} is there twice.`)
  })
}

function addOnce(seen: Set<string>, key: Uint8Array): boolean {
  const text = String.fromCharCode(...key)
  if (seen.has(text)) return false
  seen.add(text)
  return true
}

function checkUnmergedLeaves(tree: RatchetTree): void {
  eachParent(tree, (node, parent) => {
    let previous = -1
    for (const leafIndex of parent.unmergedLeaves) {
      const legal =
        leafIndex > previous &&
        leafIndex < 2 ** tree.depth &&
        isBelow(leafIndex, node) &&
        leafBytesAt(tree, leafIndex) !== undefined
      if (!legal || !isUnmergedBelow(tree, node, leafIndex))
        throw new MlsError('tree.badUnmergedLeaves', `Leaf ${leafIndex} in node ${node}.`)
      previous = leafIndex
    }
  })
}

/** A leaf that is unmerged at a node is so at every parent between the two (RFC 9420 §7.1). */
function isUnmergedBelow(tree: RatchetTree, top: number, leafIndex: number): boolean {
  let node = top
  while (node % 2 === 1) {
    const parent = parentAt(tree, node)
    if (parent !== undefined && !hasSorted(parent.unmergedLeaves, leafIndex)) return false
    node = (nodeOfLeaf(leafIndex) < node ? leftOf(node) : rightOf(node)) ?? 0
  }
  return true
}

/** Binary search; a list that is not sorted fails its own check. */
function hasSorted(sorted: readonly number[], wanted: number): boolean {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? 0) < wanted) low = middle + 1
    else high = middle
  }
  return sorted[low] === wanted
}

function checkParentHash(
  suite: CipherSuite,
  tree: RatchetTree,
  node: number,
  parent: ParentNode,
): void {
  const left = leftOf(node) ?? 0
  const right = rightOf(node) ?? 0
  if (!hasParentHash(suite, tree, parent, left, right))
    if (!hasParentHash(suite, tree, parent, right, left))
      throw new MlsError('tree.parentHashMismatch', `No child accounts for node ${node}.`)
}

/** Whether the node that was updated together with `parent` is on the side of `child` (RFC 9420 §7.9.2). */
function hasParentHash(
  suite: CipherSuite,
  tree: RatchetTree,
  parent: ParentNode,
  child: number,
  sibling: number,
): boolean {
  const unmerged = new Set(
    parent.unmergedLeaves.filter((leaf) => isBelow(leaf, child)).map(nodeOfLeaf),
  )
  const nodes = resolution(tree, child)
  const merged = nodes.filter((node) => !unmerged.has(node))
  const [descendant] = merged
  if (descendant === undefined || merged.length !== 1) return false
  if (nodes.length !== unmerged.size + 1) return false
  const stored = storedParentHash(tree, descendant)
  return stored !== undefined && equal(stored, parentHashOf(suite, tree, parent, sibling))
}

function storedParentHash(tree: RatchetTree, node: number): Uint8Array | undefined {
  if (node % 2 === 1) return parentAt(tree, node)?.parentHash
  const bytes = leafBytesAt(tree, node / 2)
  const leaf: LeafNode | undefined = bytes && decode(leafNodeCodec, bytes)
  return leaf?.source.kind === 'commit' ? leaf.source.parentHash : undefined
}
