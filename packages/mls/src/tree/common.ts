import { decode } from '../codec/tls.ts'
import type { LeafNode } from './leaf-node.ts'
import { leafNodeCodec } from './leaf-node.ts'
import type { Child, Common, RatchetTree } from './ratchet-tree.ts'
import { isBranch } from './ratchet-tree.ts'

// Members of one application mostly say the same: one shared object for all who do, instead of one for each branch.
const maxInterned = 256
const maxInternedTypes = 256
const interned = new Map<string, Common>()

function intern(common: Common): Common {
  const lists = [common.extensions, common.proposals, common.credentials, common.credentialsInUse]
  // Lists made long on purpose are not kept beyond their tree.
  if (lists.reduce((sum, list) => sum + list.length, 0) > maxInternedTypes) return common
  const name = lists.join(';')
  const known = interned.get(name)
  if (known !== undefined) return known
  if (interned.size >= maxInterned) interned.clear()
  interned.set(name, common)
  return common
}

function sortedUnique(values: readonly number[]): readonly number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}

function ofLeaf({ capabilities, credential }: LeafNode): Common {
  return intern({
    extensions: sortedUnique(capabilities.extensions),
    proposals: sortedUnique(capabilities.proposals),
    credentials: sortedUnique(capabilities.credentials),
    credentialsInUse: [credential.type],
  })
}

function intersection(a: readonly number[], b: readonly number[]): readonly number[] {
  const inB = new Set(b)
  return a.filter((value) => inB.has(value))
}

function combine(a: Common, b: Common): Common {
  if (a === b) return a
  return intern({
    extensions: intersection(a.extensions, b.extensions),
    proposals: intersection(a.proposals, b.proposals),
    credentials: intersection(a.credentials, b.credentials),
    credentialsInUse: sortedUnique([...a.credentialsInUse, ...b.credentialsInUse]),
  })
}

function ofChild(child: Child): Common | undefined {
  if (child === undefined) return undefined
  if (!isBranch(child)) return ofLeaf(decode(leafNodeCodec, child))
  if (child.common !== undefined || child.members === 0) return child.common
  const left = ofChild(child.left)
  const right = ofChild(child.right)
  const common = left === undefined ? right : right === undefined ? left : combine(left, right)
  child.common = common
  return common
}

/** What all members can do; undefined in a tree without members. Each change costs O(depth). */
export function commonOf(tree: RatchetTree): Common | undefined {
  return ofChild(tree.root)
}
