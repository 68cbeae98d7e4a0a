import { equal } from '../bytes.ts'
import { decode, opaque, readerOf, struct, uint32, vector } from '../codec/tls.ts'
import type { KeyIndex } from './key-index.ts'
import { addHint, clearIndex, hintsFor, newKeyIndex } from './key-index.ts'
import type { LeafNode } from './leaf-node.ts'
import { leafNodeCodec } from './leaf-node.ts'
import { ancestorAt, levelOf, nodeOfLeaf } from './math.ts'

/** An inner node that is not blank (RFC 9420 §7.1). */
export type ParentNode = {
  readonly encryptionKey: Uint8Array
  readonly parentHash: Uint8Array
  readonly unmergedLeaves: readonly number[]
}

/** A leaf as it is encoded: a thousand decoded leaves would take ten times the room. */
export type LeafBytes = Uint8Array

/** A parent as it is encoded, which is how it is hashed and stored, too. */
export type ParentBytes = Uint8Array

/**
 * An inner place of the tree with everything below it. It never changes, so versions of a tree share all they
 * have in common and the hash is worked out once. A child that is undefined is blank to the last leaf.
 */
export type Branch = {
  readonly node: ParentBytes | undefined
  readonly left: Child
  readonly right: Child
  /** Leaves below that are not blank. */
  readonly members: number
  /** Filled in when first asked for (tree-hash.ts). */
  hash: Uint8Array | undefined
  /** Filled in when first asked for (common.ts). */
  common: Common | undefined
}

/** What all members below a place can do, and which credential types they use. Sorted, without doubles. */
export type Common = {
  readonly extensions: readonly number[]
  readonly proposals: readonly number[]
  readonly credentials: readonly number[]
  readonly credentialsInUse: readonly number[]
}

/** What a branch holds on one side: a leaf at level 1, a branch above. */
export type Child = Branch | LeafBytes | undefined

/** One version of a group's ratchet tree (RFC 9420 §4.2, §7): 2^depth leaves under one root. */
export type RatchetTree = {
  readonly depth: number
  readonly root: Child
  /** Shared by all versions of the tree. */
  readonly keys: KeyIndex
  /** Hashes of wholly blank subtrees by node, shared by all versions of the tree. */
  readonly blankHashes: Map<number, Uint8Array>
}

export const parentNodeCodec = struct<ParentNode>({
  encryptionKey: opaque,
  parentHash: opaque,
  unmergedLeaves: vector(uint32),
})

/** A tree with room for one member and none in it. */
export function emptyTree(): RatchetTree {
  return treeFrom(0, undefined)
}

/** A tree that shares nothing with another yet. */
export function treeFrom(depth: number, root: Child): RatchetTree {
  return { depth, root, keys: newKeyIndex(), blankHashes: new Map() }
}

/** Whether a child is an inner place. */
export function isBranch(child: Child): child is Branch {
  return child !== undefined && !(child instanceof Uint8Array)
}

/** A branch over two children. */
export function branch(node: ParentBytes | undefined, left: Child, right: Child): Branch {
  const members = membersBelow(left) + membersBelow(right)
  return { node, left, right, members, hash: undefined, common: undefined }
}

/** Leaves below a child that are not blank. */
export function membersBelow(child: Child): number {
  return child === undefined ? 0 : isBranch(child) ? child.members : 1
}

/** How many members the tree has. */
export function memberCount(tree: RatchetTree): number {
  return membersBelow(tree.root)
}

/** The subtree at a node; undefined if it is blank or outside of the tree. */
export function subtreeAt(tree: RatchetTree, node: number): Child {
  const target = levelOf(node)
  let child = tree.root
  if (node >= 2 ** (tree.depth + 1) - 1) return undefined
  for (let level = tree.depth; level > target && isBranch(child); level--)
    child = ((node >>> level) & 1) === 0 ? child.left : child.right
  return child
}

/** The parent node at an inner position, or undefined if it is blank. */
export function parentAt(tree: RatchetTree, node: number): ParentNode | undefined {
  const subtree = subtreeAt(tree, node)
  return isBranch(subtree) && subtree.node ? decodeParent(subtree.node) : undefined
}

/** A parent from its bytes. */
export function decodeParent(bytes: ParentBytes): ParentNode {
  return decode(parentNodeCodec, bytes)
}

/** The key at the head of an encoded parent, without decoding the rest. */
function parentKey(bytes: ParentBytes): Uint8Array {
  return opaque.read(readerOf(bytes))
}

/** The encoded leaf, or undefined if it is blank or outside of the tree. */
export function leafBytesAt(tree: RatchetTree, leafIndex: number): LeafBytes | undefined {
  if (leafIndex >= 2 ** tree.depth) return undefined
  const child = subtreeAt(tree, nodeOfLeaf(leafIndex))
  return child instanceof Uint8Array ? child : undefined
}

/** The leaf, or undefined if it is blank or outside of the tree. */
export function leafAt(tree: RatchetTree, leafIndex: number): LeafNode | undefined {
  const bytes = leafBytesAt(tree, leafIndex)
  return bytes === undefined ? undefined : decode(leafNodeCodec, bytes)
}

/** The two keys at the head of an encoded leaf, without decoding the rest. */
export function leafKeys(bytes: LeafBytes): {
  readonly encryptionKey: Uint8Array
  readonly signatureKey: Uint8Array
} {
  const reader = readerOf(bytes)
  return { encryptionKey: opaque.read(reader), signatureKey: opaque.read(reader) }
}

/** The public key at a node, or undefined if it is blank. */
export function encryptionKeyAt(tree: RatchetTree, node: number): Uint8Array | undefined {
  const subtree = subtreeAt(tree, node)
  if (subtree === undefined) return undefined
  if (isBranch(subtree)) return subtree.node && parentKey(subtree.node)
  return leafKeys(subtree).encryptionKey
}

/** Calls back for every member from left to right. */
export function eachLeaf(
  tree: RatchetTree,
  visit: (leafIndex: number, bytes: LeafBytes) => void,
): void {
  const walk = (child: Child, level: number, first: number): void => {
    if (child === undefined) return
    if (!isBranch(child)) return visit(first, child)
    walk(child.left, level - 1, first)
    walk(child.right, level - 1, first + 2 ** (level - 1))
  }
  walk(tree.root, tree.depth, 0)
}

/** Calls back for every parent that is not blank. */
export function eachParent(
  tree: RatchetTree,
  visit: (node: number, parent: ParentNode) => void,
): void {
  const walk = (child: Child, level: number, first: number): void => {
    if (!isBranch(child)) return
    if (child.node !== undefined) visit(ancestorAt(first, level), decodeParent(child.node))
    walk(child.left, level - 1, first)
    walk(child.right, level - 1, first + 2 ** (level - 1))
  }
  walk(tree.root, tree.depth, 0)
}

/** What becomes of the parent at a node when the path above a leaf is rewritten. */
export type ParentChange = (
  parent: ParentBytes | undefined,
  node: number,
) => ParentBytes | undefined

/** Replaces one leaf and lets `change` decide about each parent above it; O(depth). */
export function withPath(
  tree: RatchetTree,
  leafIndex: number,
  leaf: LeafBytes | undefined,
  change: ParentChange,
): RatchetTree {
  const rebuild = (child: Child, level: number): Child => {
    if (level === 0) return leaf
    const old = isBranch(child) ? child : undefined
    const goesRight = ((leafIndex >>> (level - 1)) & 1) === 1
    const node = change(old?.node, ancestorAt(leafIndex, level))
    return goesRight
      ? branch(node, old?.left, rebuild(old?.right, level - 1))
      : branch(node, rebuild(old?.left, level - 1), old?.right)
  }
  if (leaf !== undefined) noteLeaf(tree.keys, leafIndex, leaf)
  return { ...tree, root: rebuild(tree.root, tree.depth) }
}

function noteLeaf(keys: KeyIndex, leafIndex: number, leaf: LeafBytes): void {
  const { encryptionKey, signatureKey } = leafKeys(leaf)
  addHint(keys, encryptionKey, nodeOfLeaf(leafIndex))
  addHint(keys, signatureKey, nodeOfLeaf(leafIndex))
}

/** Records the key of a parent that a change has put in. */
export function noteParent(tree: RatchetTree, node: number, key: Uint8Array): void {
  addHint(tree.keys, key, node)
}

/** The leftmost blank leaf; the leaf count if there is none. */
export function firstBlankLeaf(tree: RatchetTree): number {
  let child = tree.root
  let first = 0
  if (membersBelow(child) === 2 ** tree.depth) return 2 ** tree.depth
  for (let level = tree.depth; isBranch(child); level--) {
    const half = 2 ** (level - 1)
    if (membersBelow(child.left) < half) child = child.left
    else {
      child = child.right
      first += half
    }
  }
  return first
}

function fillKeys(tree: RatchetTree): void {
  const { keys } = tree
  clearIndex(keys, 3 * memberCount(tree))
  eachLeaf(tree, (leafIndex, bytes) => noteLeaf(keys, leafIndex, bytes))
  eachParent(tree, (node, parent) => addHint(keys, parent.encryptionKey, node))
}

function placesOf(tree: RatchetTree, key: Uint8Array): readonly number[] {
  // Hints of keys long gone are dropped with the whole index once they are the most of it.
  if (tree.keys.slots === undefined || tree.keys.used > 16 * 2 ** tree.depth + 1024) fillKeys(tree)
  return hintsFor(tree.keys, key)
}

/** The nodes that have this public encryption key; a sound tree has one at most. */
export function nodesWithEncryptionKey(tree: RatchetTree, key: Uint8Array): readonly number[] {
  return placesOf(tree, key).filter((node) => {
    const found = encryptionKeyAt(tree, node)
    return found !== undefined && equal(found, key)
  })
}

/** The leaves that have this public signature key; a sound tree has one at most. */
export function leavesWithSignatureKey(tree: RatchetTree, key: Uint8Array): readonly number[] {
  const nodes = placesOf(tree, key).filter((place) => {
    const bytes = place % 2 === 0 ? leafBytesAt(tree, place / 2) : undefined
    return bytes !== undefined && equal(leafKeys(bytes).signatureKey, key)
  })
  return nodes.map((node) => node / 2)
}
