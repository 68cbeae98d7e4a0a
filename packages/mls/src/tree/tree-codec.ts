import type { Codec } from '../codec/tls.ts'
import { decode, encode, optional, rest, uint8, vector } from '../codec/tls.ts'
import { MlsError } from '../errors.ts'
import { limits } from '../limits.ts'
import { leafNodeCodec } from './leaf-node.ts'
import { depthFor } from './math.ts'
import type { Child, RatchetTree } from './ratchet-tree.ts'
import { branch, isBranch, parentNodeCodec, treeFrom } from './ratchet-tree.ts'

type Node = { readonly kind: 'leaf' | 'parent'; readonly bytes: Uint8Array }

const nodeCodec: Codec<Node> = {
  write(writer, node) {
    uint8.write(writer, node.kind === 'leaf' ? 1 : 2)
    rest.write(writer, node.bytes)
  },
  read(reader) {
    const type = uint8.read(reader)
    if (type !== 1 && type !== 2) throw new MlsError('codec.unknownValue', `node_type is ${type}.`)
    const start = reader.offset
    if (type === 1) leafNodeCodec.read(reader)
    else parentNodeCodec.read(reader)
    const bytes = reader.bytes.subarray(start, reader.offset)
    return { kind: type === 1 ? 'leaf' : 'parent', bytes }
  },
}

const nodesCodec = vector(optional(nodeCodec))

/** The data of a ratchet_tree extension: all nodes from left to right, without blanks at the end (RFC 9420 §12.4.3.3). */
export function encodeTree(tree: RatchetTree): Uint8Array {
  const nodes: (Node | undefined)[] = []
  const walk = (child: Child, level: number): void => {
    if (level === 0) {
      nodes.push(
        child === undefined || isBranch(child) ? undefined : { kind: 'leaf', bytes: child },
      )
      return
    }
    const here = isBranch(child) ? child : undefined
    walk(here?.left, level - 1)
    nodes.push(here?.node && { kind: 'parent', bytes: here.node })
    walk(here?.right, level - 1)
  }
  walk(tree.root, tree.depth)
  while (nodes.length > 0 && nodes.at(-1) === undefined) nodes.pop()
  return encode(nodesCodec, nodes)
}

/**
 * Reads a ratchet_tree extension. The shape is checked here, the content in tree/validate.ts.
 * The tree keeps one copy of `bytes` and points into it.
 *
 * @throws MlsError `codec.*`, `tree.empty`, `tree.trailingBlank`, `tree.nodeTypeMismatch`, `tree.full`
 */
export function decodeTree(bytes: Uint8Array): RatchetTree {
  const nodes = decode(nodesCodec, bytes.slice())
  if (nodes.length === 0) throw new MlsError('tree.empty', 'The tree has no nodes.')
  if (nodes.at(-1) === undefined)
    throw new MlsError('tree.trailingBlank', 'The last node of the tree is blank.')
  nodes.forEach((node, index) => {
    if (node !== undefined && (node.kind === 'leaf') !== (index % 2 === 0))
      throw new MlsError('tree.nodeTypeMismatch', `Node ${index} is a ${node.kind}.`)
  })
  const leaves = Math.ceil((nodes.length + 1) / 2)
  if (leaves > limits.members) throw new MlsError('tree.full', `The tree has ${leaves} leaves.`)
  const depth = depthFor(leaves)
  return treeFrom(depth, childFrom(nodes, depth, 0))
}

/** The subtree whose first node is at `first`; nothing where the list has ended. */
function childFrom(nodes: readonly (Node | undefined)[], level: number, first: number): Child {
  if (first >= nodes.length) return undefined
  if (level === 0) {
    const node = nodes[first]
    return node?.kind === 'leaf' ? node.bytes : undefined
  }
  const half = 2 ** level
  const middle = nodes[first + half - 1]
  const left = childFrom(nodes, level - 1, first)
  const right = childFrom(nodes, level - 1, first + half)
  const parent = middle?.kind === 'parent' ? middle.bytes : undefined
  if (left === undefined && right === undefined && parent === undefined) return undefined
  return branch(parent, left, right)
}
