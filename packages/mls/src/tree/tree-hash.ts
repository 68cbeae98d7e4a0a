import { concat, empty } from '../bytes.ts'
import { encode, opaque, struct } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { ancestorAt, firstLeafBelow, levelOf } from './math.ts'
import type { Child, ParentNode, RatchetTree } from './ratchet-tree.ts'
import { decodeParent, isBranch, parentNodeCodec, subtreeAt } from './ratchet-tree.ts'

// Below this level hashes are worked out again: they would be seven eighths of all, and cost seven hashes at most. Page
// roots (state/pages.ts) are at this level, so that a stored tree knows them, too.
const firstCachedLevel = 3

function leafHash(suite: CipherSuite, leafIndex: number, leaf: Uint8Array | undefined): Uint8Array {
  const head = Uint8Array.of(
    1,
    leafIndex >>> 24,
    leafIndex >>> 16,
    leafIndex >>> 8,
    leafIndex,
    leaf === undefined ? 0 : 1,
  )
  return suite.hash(concat(head, leaf ?? empty))
}

function parentNodeHash(
  suite: CipherSuite,
  node: Uint8Array | undefined,
  left: Uint8Array,
  right: Uint8Array,
): Uint8Array {
  const present = node === undefined ? Uint8Array.of(2, 0) : Uint8Array.of(2, 1)
  const content = node ?? empty
  const length = Uint8Array.of(left.length)
  return suite.hash(concat(present, content, length, left, length, right))
}

type Hashing = { readonly suite: CipherSuite; readonly blankHashes: Map<number, Uint8Array> }

function subtreeHash(hashing: Hashing, child: Child, level: number, first: number): Uint8Array {
  if (child === undefined) return knownBlankHash(hashing, level, first)
  if (!isBranch(child)) return leafHash(hashing.suite, first, child)
  if (child.hash !== undefined) return child.hash
  const hash = parentNodeHash(
    hashing.suite,
    child.node,
    subtreeHash(hashing, child.left, level - 1, first),
    subtreeHash(hashing, child.right, level - 1, first + 2 ** (level - 1)),
  )
  if (level >= firstCachedLevel) child.hash = hash
  return hash
}

// The blank subtrees next to anything that is not blank are at most one per level and member.
const maxBlankHashes = 4096

/** Only the outermost blank subtree is kept: what is inside of it is not asked for until it is split. */
function knownBlankHash(hashing: Hashing, level: number, first: number): Uint8Array {
  if (level === 0) return leafHash(hashing.suite, first, undefined)
  const node = ancestorAt(first, level)
  const known = hashing.blankHashes.get(node)
  if (known !== undefined) return known
  const hash = blankHash(hashing.suite, level, first)
  if (hashing.blankHashes.size >= maxBlankHashes) hashing.blankHashes.clear()
  hashing.blankHashes.set(node, hash)
  return hash
}

function blankHash(suite: CipherSuite, level: number, first: number): Uint8Array {
  if (level === 0) return leafHash(suite, first, undefined)
  const left = blankHash(suite, level - 1, first)
  return parentNodeHash(
    suite,
    undefined,
    left,
    blankHash(suite, level - 1, first + 2 ** (level - 1)),
  )
}

/** The hash of one subtree (RFC 9420 §7.8). */
export function treeHashAt(suite: CipherSuite, tree: RatchetTree, node: number): Uint8Array {
  const hashing = { suite, blankHashes: tree.blankHashes }
  return subtreeHash(hashing, subtreeAt(tree, node), levelOf(node), firstLeafBelow(node))
}

/** The hash of the whole tree (RFC 9420 §7.8). */
export function treeHash(suite: CipherSuite, tree: RatchetTree): Uint8Array {
  return subtreeHash({ suite, blankHashes: tree.blankHashes }, tree.root, tree.depth, 0)
}

/** The hash as if some leaves had never been added; whole subtrees without them come from the cache. */
function hashWithout(
  hashing: Hashing,
  child: Child,
  level: number,
  first: number,
  leaves: readonly number[],
): Uint8Array {
  const end = first + 2 ** level
  const inside = leaves.filter((leaf) => leaf >= first && leaf < end)
  if (inside.length === 0) return subtreeHash(hashing, child, level, first)
  if (level === 0) return leafHash(hashing.suite, first, undefined)
  const here = isBranch(child) ? child : undefined
  const excluded = new Set(inside)
  const node = here?.node && withoutUnmerged(here.node, excluded)
  return parentNodeHash(
    hashing.suite,
    node,
    hashWithout(hashing, here?.left, level - 1, first, inside),
    hashWithout(hashing, here?.right, level - 1, first + 2 ** (level - 1), inside),
  )
}

function withoutUnmerged(bytes: Uint8Array, excluded: ReadonlySet<number>): Uint8Array {
  const parent = decodeParent(bytes)
  const unmergedLeaves = parent.unmergedLeaves.filter((leaf) => !excluded.has(leaf))
  return encode(parentNodeCodec, { ...parent, unmergedLeaves })
}

type ParentHashInput = {
  readonly encryptionKey: Uint8Array
  readonly parentHash: Uint8Array
  readonly originalSiblingTreeHash: Uint8Array
}
const parentHashInputCodec = struct<ParentHashInput>({
  encryptionKey: opaque,
  parentHash: opaque,
  originalSiblingTreeHash: opaque,
})

/** The parent hash of `parent` with `copath` as the child that was not changed (RFC 9420 §7.9). */
export function parentHashOf(
  suite: CipherSuite,
  tree: RatchetTree,
  parent: ParentNode,
  copath: number,
): Uint8Array {
  const sibling = subtreeAt(tree, copath)
  const originalSiblingTreeHash = hashWithout(
    { suite, blankHashes: tree.blankHashes },
    sibling,
    levelOf(copath),
    firstLeafBelow(copath),
    parent.unmergedLeaves,
  )
  const { encryptionKey, parentHash } = parent
  return suite.hash(
    encode(parentHashInputCodec, { encryptionKey, parentHash, originalSiblingTreeHash }),
  )
}
