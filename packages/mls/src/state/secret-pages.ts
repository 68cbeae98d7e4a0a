import type { Reader, Writer } from '../codec/tls.ts'
import { encode, expectEnd, opaque, readerOf, struct, uint32, uint8, vector } from '../codec/tls.ts'
import { MlsError } from '../errors.ts'
import type { Ratchet, SecretNode, SecretTree, SkippedKey } from '../schedule/secret-tree.ts'
import type { PageAt, PagedTree } from './pages.ts'
import { levelsPerPage, pageRoot, topGroup } from './pages.ts'

const ratchetCodec = struct<Ratchet>({
  generation: uint32,
  secret: opaque,
  skipped: vector(struct<SkippedKey>({ generation: uint32, key: opaque, nonce: opaque })),
})

const tags = { secret: 1, split: 2, leaf: 3 } as const

function writeNode(writer: Writer, node: SecretNode, level: number, lowest: number): void {
  uint8.write(writer, tags[node.kind])
  if (node.kind === 'secret') opaque.write(writer, node.secret)
  else if (node.kind === 'leaf') {
    ratchetCodec.write(writer, node.ratchets.handshake)
    ratchetCodec.write(writer, node.ratchets.application)
  } else if (level > lowest || lowest === 0) {
    writeNode(writer, node.left, level - 1, lowest)
    writeNode(writer, node.right, level - 1, lowest)
  }
}

/** A secret tree as pages. */
export function pagedSecretTree(tree: SecretTree): PagedTree<SecretNode> {
  return {
    depth: tree.depth,
    subtree(level, first) {
      let node = tree.root
      for (let at = tree.depth; at > level; at--) {
        // A secret that was never split has no pages below its own.
        if (node.kind !== 'split') return undefined
        node = ((first >>> (at - 1)) & 1) === 0 ? node.left : node.right
      }
      return node
    },
    encode: (node, level, lowest) =>
      encode({ write: (writer, root) => writeNode(writer, root, level, lowest) }, node),
  }
}

type Fetch = (page: PageAt) => Uint8Array | undefined

/**
 * Reads a secret tree from its pages.
 *
 * @throws MlsError `state.missingRecord`, `state.badRecord`, `codec.*`
 */
export function readSecretTree(depth: number, fetch: Fetch): SecretTree {
  const readPage = (page: PageAt): SecretNode => {
    const bytes = fetch(page)
    if (bytes === undefined)
      throw new MlsError('state.missingRecord', `Secret page ${page.group}:${page.index}.`)
    const reader = readerOf(bytes)
    const { level, first } = pageRoot(depth, page)
    const node = readNode(reader, level, first, page.group * levelsPerPage, readPage)
    expectEnd(reader)
    return node
  }
  return { depth, root: readPage({ group: topGroup(depth), index: 0 }) }
}

function readNode(
  reader: Reader,
  level: number,
  first: number,
  lowest: number,
  readPage: (page: PageAt) => SecretNode,
): SecretNode {
  const tag = uint8.read(reader)
  if (tag === tags.secret) return { kind: 'secret', secret: opaque.read(reader).slice() }
  if (tag === tags.leaf && level === 0) {
    const handshake = readRatchet(reader)
    return { kind: 'leaf', ratchets: { handshake, application: readRatchet(reader) } }
  }
  if (tag !== tags.split || level === 0)
    throw new MlsError('state.badRecord', `A secret page has tag ${tag} at level ${level}.`)
  const child = (at: number): SecretNode =>
    level > lowest || lowest === 0
      ? readNode(reader, level - 1, at, lowest, readPage)
      : readPage({ group: lowest / levelsPerPage - 1, index: at / 2 ** (level - 1) })
  const left = child(first)
  return { kind: 'split', left, right: child(first + 2 ** (level - 1)) }
}

/** Secrets are copied out of the record, so that wiping them leaves the record alone. */
function readRatchet(reader: Reader): Ratchet {
  const { generation, secret, skipped } = ratchetCodec.read(reader)
  return {
    generation,
    secret: secret.slice(),
    skipped: skipped.map((key) => ({ ...key, key: key.key.slice(), nonce: key.nonce.slice() })),
  }
}
