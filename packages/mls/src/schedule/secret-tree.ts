import { ascii, empty } from '../bytes.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { deriveTreeSecret, expandWithLabel, hashLength } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'

/** Key and nonce of one message (RFC 9420 §9.1). */
export type MessageKey = { readonly key: Uint8Array; readonly nonce: Uint8Array }

/** One sender's chain of keys of one kind; a step forward leaves a new value (RFC 9420 §9.1). */
export type Ratchet = {
  /** The generation that `secret` gives next. */
  readonly generation: number
  readonly secret: Uint8Array
  /** Keys of generations that were passed over, oldest first. */
  readonly skipped: readonly SkippedKey[]
}

/** A key that is kept for a message that may still come. */
export type SkippedKey = MessageKey & { readonly generation: number }

/** Both chains of one sender. */
export type LeafRatchets = { readonly handshake: Ratchet; readonly application: Ratchet }

/** Which chain of a sender. */
export type RatchetKind = keyof LeafRatchets

/**
 * The secret tree (RFC 9420 §9). A secret that has been split is gone: in its place are its two children, or at a leaf
 * the two ratchets. A step changes one path from the root and shares the rest.
 */
export type SecretNode =
  | { readonly kind: 'secret'; readonly secret: Uint8Array }
  | { readonly kind: 'split'; readonly left: SecretNode; readonly right: SecretNode }
  | { readonly kind: 'leaf'; readonly ratchets: LeafRatchets }

/** The secret tree of one epoch: 2^depth senders. */
export type SecretTree = { readonly depth: number; readonly root: SecretNode }

/** How far a ratchet goes to meet a message. */
export type RatchetLimits = {
  /** Generations behind the newest that can still be opened. */
  readonly outOfOrder: number
  /** Generations ahead that will be skipped for one message. */
  readonly forwardDistance: number
}

/** The tree before anyone has sent. */
export function secretTreeFrom(encryptionSecret: Uint8Array, depth: number): SecretTree {
  return { depth, root: { kind: 'secret', secret: encryptionSecret } }
}

const leftLabel = ascii('left')
const rightLabel = ascii('right')

function openLeaf(suite: CipherSuite, secret: Uint8Array): SecretNode {
  const start = (label: RatchetKind): Ratchet => ({
    generation: 0,
    secret: expandWithLabel(suite, secret, label, empty, hashLength(suite)),
    skipped: [],
  })
  return {
    kind: 'leaf',
    ratchets: { handshake: start('handshake'), application: start('application') },
  }
}

function opened(suite: CipherSuite, node: SecretNode, level: number): SecretNode {
  if (node.kind !== 'secret') return node
  if (level === 0) return openLeaf(suite, node.secret)
  const child = (label: Uint8Array): SecretNode => ({
    kind: 'secret',
    secret: expandWithLabel(suite, node.secret, 'tree', label, hashLength(suite)),
  })
  return { kind: 'split', left: child(leftLabel), right: child(rightLabel) }
}

/** Changes the ratchets of one sender, splitting secrets on the way down; O(depth). */
function withRatchets(
  suite: CipherSuite,
  tree: SecretTree,
  leafIndex: number,
  change: (ratchets: LeafRatchets) => LeafRatchets,
): SecretTree {
  const walk = (node: SecretNode, level: number): SecretNode => {
    const here = opened(suite, node, level)
    if (here.kind === 'leaf') return { kind: 'leaf', ratchets: change(here.ratchets) }
    if (here.kind === 'secret') return here
    return ((leafIndex >>> (level - 1)) & 1) === 1
      ? { ...here, right: walk(here.right, level - 1) }
      : { ...here, left: walk(here.left, level - 1) }
  }
  return { ...tree, root: walk(tree.root, tree.depth) }
}

function keyOf(suite: CipherSuite, { secret, generation }: Ratchet): MessageKey {
  const { keyLength, nonceLength } = suite.hpke.aead
  return {
    key: deriveTreeSecret(suite, secret, 'key', generation, keyLength),
    nonce: deriveTreeSecret(suite, secret, 'nonce', generation, nonceLength),
  }
}

function stepped(suite: CipherSuite, ratchet: Ratchet): Ratchet {
  const { secret, generation } = ratchet
  return {
    ...ratchet,
    generation: generation + 1,
    secret: deriveTreeSecret(suite, secret, 'secret', generation, hashLength(suite)),
  }
}

function nextKey(
  suite: CipherSuite,
  ratchet: Ratchet,
): { readonly ratchet: Ratchet; readonly key: MessageKey; readonly generation: number } {
  const { generation } = ratchet
  return { ratchet: stepped(suite, ratchet), key: keyOf(suite, ratchet), generation }
}

function keyFor(
  suite: CipherSuite,
  start: Ratchet,
  generation: number,
  bounds: RatchetLimits,
): { readonly ratchet: Ratchet; readonly key: MessageKey; readonly skipped: number } {
  if (generation < start.generation) {
    const found = start.skipped.find((candidate) => candidate.generation === generation)
    if (found === undefined)
      throw new MlsError('message.generationSpent', `Generation ${generation} is gone.`)
    // A copy: whoever uses the key wipes it, and the tree before this step must stay whole.
    const key = { key: found.key.slice(), nonce: found.nonce.slice() }
    const ratchet = { ...start, skipped: start.skipped.filter((k) => k !== found) }
    return { ratchet, key, skipped: 0 }
  }
  if (generation - start.generation > bounds.forwardDistance)
    throw new MlsError(
      'message.generationTooFar',
      `Generation ${generation} is ${generation - start.generation} ahead.`,
    )
  const oldest = generation + 1 - bounds.outOfOrder
  const skipped = start.skipped.filter((key) => key.generation >= oldest)
  let ratchet = start
  while (ratchet.generation < generation) {
    if (ratchet.generation >= oldest)
      skipped.push({ ...keyOf(suite, ratchet), generation: ratchet.generation })
    ratchet = stepped(suite, ratchet)
  }
  const key = keyOf(suite, ratchet)
  return {
    ratchet: { ...stepped(suite, ratchet), skipped },
    key,
    skipped: generation - start.generation,
  }
}

/** The next key of one's own chain, and the tree without it. */
export function takeNextKey(
  suite: CipherSuite,
  tree: SecretTree,
  leafIndex: number,
  kind: RatchetKind,
): { readonly tree: SecretTree; readonly key: MessageKey; readonly generation: number } {
  let taken: ReturnType<typeof nextKey> | undefined
  const next = withRatchets(suite, tree, leafIndex, (ratchets) => {
    taken = nextKey(suite, ratchets[kind])
    return { ...ratchets, [kind]: taken.ratchet }
  })
  if (taken === undefined) throw new RangeError(`The tree has no leaf ${leafIndex}.`)
  return { tree: next, key: taken.key, generation: taken.generation }
}

/**
 * The key of a generation of a sender's chain, and the tree without it (RFC 9420 §9.1, §9.2). `skipped`: how many
 * generations before it were not seen when it was taken.
 *
 * @throws MlsError `message.generationSpent`, `message.generationTooFar`
 */
export function takeKey(
  suite: CipherSuite,
  tree: SecretTree,
  leafIndex: number,
  kind: RatchetKind,
  generation: number,
  bounds: RatchetLimits,
): { readonly tree: SecretTree; readonly key: MessageKey; readonly skipped: number } {
  let key: MessageKey | undefined
  let skipped = 0
  const next = withRatchets(suite, tree, leafIndex, (ratchets) => {
    const taken = keyFor(suite, ratchets[kind], generation, bounds)
    key = taken.key
    skipped = taken.skipped
    return { ...ratchets, [kind]: taken.ratchet }
  })
  if (key === undefined) throw new RangeError(`The tree has no leaf ${leafIndex}.`)
  return { tree: next, key, skipped }
}
