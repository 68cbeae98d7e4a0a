import { equal, toHex } from '../bytes.ts'
import { decode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { LeafNode } from './leaf-node.ts'
import { leafNodeCodec } from './leaf-node.ts'
import { ancestorAt, isBelow, leftOf, nodeOfLeaf, rightOf } from './math.ts'
import type { Child, ParentNode, RatchetTree } from './ratchet-tree.ts'
import {
  decodeParent,
  eachLeaf,
  eachParent,
  isBranch,
  leafBytesAt,
  leafKeys,
  parentAt,
} from './ratchet-tree.ts'
import { resolution } from './resolution.ts'
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
  const text = toHex(key)
  if (seen.has(text)) return false
  seen.add(text)
  return true
}

/**
 * An unmerged leaf is a member below its node, and unmerged at every parent between the two (RFC 9420 §7.1). One walk down,
 * taking along what the parents above require: the cost grows with the length of the lists.
 */
function checkUnmergedLeaves(tree: RatchetTree): void {
  const walk = (child: Child, level: number, first: number, required: readonly number[]): void => {
    if (child === undefined) {
      if (required.length > 0)
        throw new MlsError('tree.badUnmergedLeaves', `No member is at leaf ${required[0]}.`)
      return
    }
    if (!isBranch(child)) return
    const end = first + 2 ** level
    const unmerged = child.node ? decodeParent(child.node).unmergedLeaves : required
    if (child.node && !isSound(unmerged, first, end, required))
      throw new MlsError('tree.badUnmergedLeaves', `At node ${ancestorAt(first, level)}.`)
    const middle = first + 2 ** (level - 1)
    const split = unmerged.findIndex((leaf) => leaf >= middle)
    const count = split < 0 ? unmerged.length : split
    walk(child.left, level - 1, first, unmerged.slice(0, count))
    walk(child.right, level - 1, middle, unmerged.slice(count))
  }
  walk(tree.root, tree.depth, 0, [])
}

/** Whether a list is sorted without doubles, within its subtree, and has all that is required. */
function isSound(
  unmerged: readonly number[],
  first: number,
  end: number,
  required: readonly number[],
): boolean {
  let previous = first - 1
  let found = 0
  for (const leaf of unmerged) {
    if (leaf <= previous || leaf >= end) return false
    if (leaf === required[found]) found++
    previous = leaf
  }
  return found === required.length
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
