/**
 * Positions in the array form of a tree (RFC 9420 Appendix C): leaves at even numbers, the parent of two
 * neighbours between them. Numbers stay below 2^31, so 32-bit operations are exact.
 */

/** Height above the leaves: the count of trailing one bits. */
export function levelOf(node: number): number {
  return 31 - Math.clz32(~node & (node + 1))
}

/** The node of a leaf. */
export function nodeOfLeaf(leafIndex: number): number {
  return leafIndex * 2
}

/** The root of a tree whose leaf count is 2^depth. */
export function rootOf(depth: number): number {
  return 2 ** depth - 1
}

/** The left child, or undefined for a leaf. */
export function leftOf(node: number): number | undefined {
  const level = levelOf(node)
  return level === 0 ? undefined : node ^ (1 << (level - 1))
}

/** The right child, or undefined for a leaf. */
export function rightOf(node: number): number | undefined {
  const level = levelOf(node)
  return level === 0 ? undefined : node ^ (3 << (level - 1))
}

/** The parent, or undefined for the root. */
export function parentOf(node: number, depth: number): number | undefined {
  if (node === rootOf(depth)) return undefined
  return parentUnbounded(node)
}

function parentUnbounded(node: number): number {
  const level = levelOf(node)
  const upperBit = (node >>> (level + 1)) & 1
  return (node | (1 << level)) ^ (upperBit << (level + 1))
}

/** The other child of the parent, or undefined for the root. */
export function siblingOf(node: number, depth: number): number | undefined {
  const parent = parentOf(node, depth)
  if (parent === undefined) return undefined
  return node < parent ? rightOf(parent) : leftOf(parent)
}

/** The depth of the smallest full tree with room for `leaves` leaves. */
export function depthFor(leaves: number): number {
  return leaves <= 1 ? 0 : 32 - Math.clz32(leaves - 1)
}

/** The ancestor of a leaf at a level. */
export function ancestorAt(leafIndex: number, level: number): number {
  return ((leafIndex >>> level) << (level + 1)) + 2 ** level - 1
}

/** The leftmost leaf below a node. */
export function firstLeafBelow(node: number): number {
  const level = levelOf(node)
  return (node >>> (level + 1)) << level
}

/** Whether a leaf is below a node (or is it). */
export function isBelow(leafIndex: number, node: number): boolean {
  const level = levelOf(node)
  return leafIndex >>> level === node >>> (level + 1)
}
