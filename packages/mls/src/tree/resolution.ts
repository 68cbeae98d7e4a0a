import { ancestorAt, levelOf, nodeOfLeaf } from './math.ts'
import type { Child, RatchetTree } from './ratchet-tree.ts'
import { decodeParent, isBranch, membersBelow, subtreeAt } from './ratchet-tree.ts'

/** The nodes that together reach every member below a node (RFC 9420 §4.1.1), left to right. */
export function resolution(tree: RatchetTree, node: number): readonly number[] {
  const nodes: number[] = []
  const walk = (child: Child, at: number, level: number): void => {
    if (child === undefined) return
    if (!isBranch(child)) nodes.push(at)
    else if (child.node !== undefined) {
      nodes.push(at)
      for (const leaf of decodeParent(child.node).unmergedLeaves) nodes.push(nodeOfLeaf(leaf))
    } else {
      walk(child.left, at ^ (1 << (level - 1)), level - 1)
      walk(child.right, at ^ (3 << (level - 1)), level - 1)
    }
  }
  walk(subtreeAt(tree, node), node, levelOf(node))
  return nodes
}

/** One node above a leaf, and the child of it that the leaf is not under. */
export type PathStep = { readonly node: number; readonly copath: number }

/** The parents above a leaf whose other side has someone in it, from the bottom up (RFC 9420 §4.1.2). */
export function filteredDirectPath(tree: RatchetTree, leafIndex: number): readonly PathStep[] {
  const steps: PathStep[] = []
  let child = tree.root
  for (let level = tree.depth; level > 0; level--) {
    const node = ancestorAt(leafIndex, level)
    const goesRight = ((leafIndex >>> (level - 1)) & 1) === 1
    const here = isBranch(child) ? child : undefined
    const other = goesRight ? here?.left : here?.right
    const copath = goesRight ? node ^ (1 << (level - 1)) : node ^ (3 << (level - 1))
    if (membersBelow(other) > 0) steps.push({ node, copath })
    child = goesRight ? here?.right : here?.left
  }
  return steps.toReversed()
}
