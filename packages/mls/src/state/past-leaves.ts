import { opaque, optional, struct, uint32, uint8, vector } from '../codec/tls.ts'
import type { Child, RatchetTree } from '../tree/ratchet-tree.ts'
import { branch, isBranch, withPath } from '../tree/ratchet-tree.ts'

type LeafDifference = { readonly leafIndex: number; readonly leaf: Uint8Array | undefined }

/** What turns the leaves of one epoch's tree into those of the epoch before. */
export type LeafChangeBack = { readonly depth: number; readonly leaves: readonly LeafDifference[] }

export const leafDifferencesCodec = struct<LeafChangeBack>({
  depth: uint8,
  leaves: vector(struct<LeafDifference>({ leafIndex: uint32, leaf: optional(opaque) })),
})

/** The leaves in which two trees differ, as the older one has them; what they share is not walked. */
export function leafDifferences(newer: RatchetTree, older: RatchetTree): LeafChangeBack {
  const leaves: LeafDifference[] = []
  const walk = (now: Child, then: Child, level: number, first: number): void => {
    if (now === then) return
    if (level === 0) {
      leaves.push({ leafIndex: first, leaf: then instanceof Uint8Array ? then : undefined })
      return
    }
    const a = isBranch(now) ? now : undefined
    const b = isBranch(then) ? then : undefined
    walk(a?.left, b?.left, level - 1, first)
    walk(a?.right, b?.right, level - 1, first + 2 ** (level - 1))
  }
  walk(resized(newer, older.depth).root, older.root, older.depth, 0)
  return { depth: older.depth, leaves }
}

/** The tree at another depth: cut to its left, or with nothing on its right. */
function resized(tree: RatchetTree, depth: number): RatchetTree {
  let { root } = tree
  for (let at = tree.depth; at > depth; at--) root = isBranch(root) ? root.left : root
  for (let at = tree.depth; at < depth; at++) root = branch(undefined, root, undefined)
  return { ...tree, depth, root }
}

/** A tree with the leaves of the older epoch. Its parents are blank where a leaf differed: only leaves count. */
export function withLeafDifferences(newer: RatchetTree, change: LeafChangeBack): RatchetTree {
  return change.leaves.reduce(
    (tree, { leafIndex, leaf }) => withPath(tree, leafIndex, leaf, () => undefined),
    resized(newer, change.depth),
  )
}
