import { equal } from '../bytes.ts'

/**
 * Trees are stored in pages of four levels: a change of one leaf touches one page in each group of levels, three in a
 * group of a thousand. Page `index` of group `g` holds the subtree whose root is at level 4g+3 and leftmost leaf at
 * index * 2^(4g+3), down to level 4g; the topmost page may be lower.
 */
export const levelsPerPage = 4

/** Where a page sits. */
export type PageAt = { readonly group: number; readonly index: number }

/** What the paging needs to know of a kind of tree. Subtrees that are equal by `===` are taken for unchanged. */
export type PagedTree<Node> = {
  readonly depth: number
  /** The subtree with its root at a level and its leftmost leaf at `first`; undefined if there is none. */
  readonly subtree: (level: number, first: number) => Node | undefined
  /** The part of a subtree that belongs to one page. */
  readonly encode: (node: Node, level: number, lowest: number) => Uint8Array
}

/** Calls back for pages to write and pages to drop. */
export type PageVisitor = {
  readonly put: (page: PageAt, bytes: Uint8Array) => void
  readonly remove: (page: PageAt) => void
}

/** The group of levels in which the root of a tree is. */
export function topGroup(depth: number): number {
  return Math.floor(depth / levelsPerPage)
}

/** The level of a page's root, and the leftmost leaf below it. */
export function pageRoot(
  depth: number,
  { group, index }: PageAt,
): { level: number; first: number } {
  const level = Math.min(group * levelsPerPage + levelsPerPage - 1, depth)
  return { level, first: index * 2 ** (group * levelsPerPage + levelsPerPage - 1) }
}

/** The pages right below a page. */
export function pagesBelow({ group, index }: PageAt): readonly PageAt[] {
  if (group === 0) return []
  const count = 2 ** levelsPerPage
  return Array.from({ length: count }, (_, i) => ({ group: group - 1, index: index * count + i }))
}

/** Compares two versions of a tree page by page; the cost grows with what differs. */
export function comparePages<Node>(
  before: PagedTree<Node> | undefined,
  after: PagedTree<Node> | undefined,
  visit: PageVisitor,
): void {
  const tops = [before, after].map((tree) => (tree ? topGroup(tree.depth) : 0))
  walk({ group: Math.max(...tops), index: 0 }, before, after, visit)
}

function walk<Node>(
  page: PageAt,
  before: PagedTree<Node> | undefined,
  after: PagedTree<Node> | undefined,
  visit: PageVisitor,
): void {
  const old = nodeAt(before, page)
  const now = nodeAt(after, page)
  if (old === undefined && now === undefined) {
    // A lower tree has no page this high, but it does have those below the first one.
    if (page.index === 0 && page.group > 0)
      for (const below of pagesBelow(page)) walk(below, before, after, visit)
    return
  }
  if (old === now && before?.depth === after?.depth) return
  const oldBytes = encodeAt(before, old, page)
  const nowBytes = encodeAt(after, now, page)
  if (nowBytes === undefined) visit.remove(page)
  else if (oldBytes === undefined || !equal(oldBytes, nowBytes)) visit.put(page, nowBytes)
  for (const below of pagesBelow(page)) walk(below, before, after, visit)
}

function nodeAt<Node>(tree: PagedTree<Node> | undefined, page: PageAt): Node | undefined {
  if (tree === undefined || page.group > topGroup(tree.depth)) return undefined
  const { level, first } = pageRoot(tree.depth, page)
  return first < 2 ** tree.depth ? tree.subtree(level, first) : undefined
}

function encodeAt<Node>(
  tree: PagedTree<Node> | undefined,
  node: Node | undefined,
  page: PageAt,
): Uint8Array | undefined {
  if (tree === undefined || node === undefined) return undefined
  return tree.encode(node, pageRoot(tree.depth, page).level, page.group * levelsPerPage)
}
