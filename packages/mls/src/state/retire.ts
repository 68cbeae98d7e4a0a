import type { GroupState } from '../group/state.ts'
import type { SecretNode } from '../schedule/secret-tree.ts'

type Secrets = Set<Uint8Array>

function collect(node: SecretNode, into: Secrets): void {
  if (node.kind === 'secret') into.add(node.secret)
  else if (node.kind === 'split') {
    collect(node.left, into)
    collect(node.right, into)
  } else
    for (const ratchet of [node.ratchets.handshake, node.ratchets.application]) {
      into.add(ratchet.secret)
      for (const { key, nonce } of ratchet.skipped) into.add(key).add(nonce)
    }
}

/** Secrets of two versions of a tree, without the parts they share. */
function collectBoth(
  old: SecretNode | undefined,
  now: SecretNode | undefined,
  spent: Secrets,
  kept: Secrets,
): void {
  if (old === now) return
  if (old?.kind === 'split' && now?.kind === 'split') {
    collectBoth(old.left, now.left, spent, kept)
    collectBoth(old.right, now.right, spent, kept)
    return
  }
  if (old) collect(old, spent)
  if (now) collect(now, kept)
}

function rootsByEpoch(state: GroupState): Map<bigint, SecretNode> {
  const past = state.pastEpochs.map(({ epoch, secretTree }) => [epoch, secretTree.root] as const)
  return new Map([[state.context.epoch, state.secretTree.root] as const, ...past])
}

function otherSecrets(state: GroupState): Uint8Array[] {
  return [
    ...Object.values(state.secrets),
    ...state.nodeKeys.values(),
    ...state.resumption.map(({ secret }) => secret),
    ...state.pastEpochs.map(({ senderDataSecret }) => senderDataSecret),
    ...state.proposals.flatMap(({ leafPrivateKey }) => (leafPrivateKey ? [leafPrivateKey] : [])),
  ]
}

/**
 * Overwrites with zeros every secret of a state that its successor does not have (RFC 9420 §9.2): used message keys, old
 * epochs, replaced private keys. Call it once the successor is stored; after that `before` is of no use, nor is any state
 * that was made from it other than `after`. JavaScript may have copied secrets elsewhere: this is the most that can be done.
 */
export function retire(before: GroupState, after: GroupState): void {
  const spent: Secrets = new Set()
  const kept: Secrets = new Set()
  const now = rootsByEpoch(after)
  for (const [epoch, root] of rootsByEpoch(before)) collectBoth(root, now.get(epoch), spent, kept)
  if (before.context !== after.context || before.proposals !== after.proposals) {
    for (const secret of otherSecrets(before)) spent.add(secret)
    for (const secret of otherSecrets(after)) kept.add(secret)
  }
  for (const secret of spent) if (!kept.has(secret)) secret.fill(0)
}
