import { encode } from '../codec/tls.ts'
import { MlsError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { LeafNode } from './leaf-node.ts'
import { leafNodeCodec } from './leaf-node.ts'
import type { ParentBytes, RatchetTree } from './ratchet-tree.ts'
import {
  branch,
  decodeParent,
  firstBlankLeaf,
  isBranch,
  membersBelow,
  parentNodeCodec,
  withPath,
} from './ratchet-tree.ts'

/**
 * The tree, twice as wide if it was full, and its leftmost blank leaf.
 *
 * @throws MlsError `tree.full`
 */
export function withRoom(tree: RatchetTree): {
  readonly tree: RatchetTree
  readonly leafIndex: number
} {
  const leafIndex = firstBlankLeaf(tree)
  if (leafIndex >= limits.members)
    throw new MlsError('tree.full', `The tree already has ${limits.members} members.`)
  if (leafIndex < 2 ** tree.depth) return { tree, leafIndex }
  const root = branch(undefined, tree.root, undefined)
  return { tree: { ...tree, depth: tree.depth + 1, root }, leafIndex }
}

/**
 * Adds a member at the leftmost blank leaf, which stays unmerged in every parent above it (RFC 9420 §7.7).
 *
 * @throws MlsError `tree.full`
 */
export function addLeaf(
  tree: RatchetTree,
  leaf: LeafNode,
): { readonly tree: RatchetTree; readonly leafIndex: number } {
  const { tree: roomy, leafIndex } = withRoom(tree)
  const added = withPath(
    roomy,
    leafIndex,
    encode(leafNodeCodec, leaf),
    (parent) => parent && withUnmerged(parent, leafIndex),
  )
  return { tree: added, leafIndex }
}

function withUnmerged(bytes: ParentBytes, leafIndex: number): ParentBytes {
  const parent = decodeParent(bytes)
  const unmergedLeaves = [...parent.unmergedLeaves, leafIndex].sort((a, b) => a - b)
  return encode(parentNodeCodec, { ...parent, unmergedLeaves })
}

/** Replaces a leaf and blanks every parent above it (RFC 9420 §12.1.2). */
export function updateLeaf(tree: RatchetTree, leafIndex: number, leaf: LeafNode): RatchetTree {
  return withPath(tree, leafIndex, encode(leafNodeCodec, leaf), () => undefined)
}

/** Blanks a leaf and every parent above it, and drops empty right halves (RFC 9420 §7.7, §12.1.3). */
export function removeLeaf(tree: RatchetTree, leafIndex: number): RatchetTree {
  return truncate(withPath(tree, leafIndex, undefined, () => undefined))
}

function truncate(tree: RatchetTree): RatchetTree {
  let { depth, root } = tree
  while (depth > 0 && isBranch(root) && membersBelow(root.right) === 0) {
    root = root.left
    depth--
  }
  return { ...tree, depth, root }
}
