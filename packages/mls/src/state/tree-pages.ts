import type { Reader, Writer } from '../codec/tls.ts'
import { encode, expectEnd, opaque, readerOf, rest, uint8 } from '../codec/tls.ts'
import { MlsError } from '../errors.ts'
import { ancestorAt } from '../tree/math.ts'
import type { Branch, Child, RatchetTree } from '../tree/ratchet-tree.ts'
import { branch, isBranch, parentNodeCodec, subtreeAt, treeFrom } from '../tree/ratchet-tree.ts'
import type { PageAt, PagedTree } from './pages.ts'
import { levelsPerPage, pageRoot, topGroup } from './pages.ts'

/** How one place of a page is stored: a leaf, or a branch with flags for what follows. */
const tags = { blank: 0, leaf: 1, branch: 2, hasNode: 4, hasHash: 8, hasLeft: 16, hasRight: 32 }

function writeChild(writer: Writer, child: Child, level: number, lowest: number): void {
  if (child === undefined) return uint8.write(writer, tags.blank)
  if (!isBranch(child)) {
    uint8.write(writer, tags.leaf)
    return opaque.write(writer, child)
  }
  // The hash of a page's root lets a loaded tree be hashed without reading more than the changed pages.
  const withHash = child.hash !== undefined && (level + 1) % levelsPerPage === 0
  const flags =
    tags.branch |
    (child.node ? tags.hasNode : 0) |
    (withHash ? tags.hasHash : 0) |
    (child.left ? tags.hasLeft : 0) |
    (child.right ? tags.hasRight : 0)
  uint8.write(writer, flags)
  if (child.node) rest.write(writer, child.node)
  if (withHash && child.hash) opaque.write(writer, child.hash)
  if (level === lowest && lowest > 0) return
  if (child.left) writeChild(writer, child.left, level - 1, lowest)
  if (child.right) writeChild(writer, child.right, level - 1, lowest)
}

/** A ratchet tree as pages. */
export function pagedRatchetTree(tree: RatchetTree): PagedTree<Branch | Uint8Array> {
  return {
    depth: tree.depth,
    subtree: (level, first) => subtreeAt(tree, ancestorAt(first, level)),
    encode: (child, level, lowest) =>
      encode({ write: (writer, root) => writeChild(writer, root, level, lowest) }, child),
  }
}

type Fetch = (page: PageAt) => Uint8Array | undefined

/**
 * Reads a tree from its pages.
 *
 * @throws MlsError `state.missingRecord`, `state.badRecord`, `codec.*`
 */
export function readRatchetTree(depth: number, fetch: Fetch): RatchetTree {
  const top = { group: topGroup(depth), index: 0 }
  return treeFrom(depth, readPage(depth, top, fetch))
}

function readPage(depth: number, page: PageAt, fetch: Fetch): Child {
  const bytes = fetch(page)
  if (bytes === undefined)
    throw new MlsError('state.missingRecord', `Tree page ${page.group}:${page.index} is missing.`)
  const reader = readerOf(bytes)
  const { level, first } = pageRoot(depth, page)
  const lowest = page.group * levelsPerPage
  const child = readChild(reader, level, first, (below) => readPage(depth, below, fetch), lowest)
  expectEnd(reader)
  return child
}

function readParent(reader: Reader): Uint8Array {
  const start = reader.offset
  parentNodeCodec.read(reader)
  return reader.bytes.subarray(start, reader.offset)
}

function readChild(
  reader: Reader,
  level: number,
  first: number,
  below: (page: PageAt) => Child,
  lowest: number,
): Child {
  const flags = uint8.read(reader)
  if (flags === tags.blank) return undefined
  if (flags === tags.leaf && level === 0) return opaque.read(reader)
  if ((flags & tags.branch) === 0 || level === 0)
    throw new MlsError('state.badRecord', `A tree page has tag ${flags} at level ${level}.`)
  const node = flags & tags.hasNode ? readParent(reader) : undefined
  const hash = flags & tags.hasHash ? opaque.read(reader) : undefined
  const middle = first + 2 ** (level - 1)
  const child = (has: number, at: number): Child => {
    if ((flags & has) === 0) return undefined
    if (level > lowest || lowest === 0) return readChild(reader, level - 1, at, below, lowest)
    return below({ group: lowest / levelsPerPage - 1, index: at / 2 ** (level - 1) })
  }
  const left = child(tags.hasLeft, first)
  const made = branch(node, left, child(tags.hasRight, middle))
  made.hash = hash
  return made
}
