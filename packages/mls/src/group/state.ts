import type { CipherSuite } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { GroupContext } from '../message/group-context.ts'
import type { Proposal, ReInit } from '../message/proposal.ts'
import type { Sender } from '../message/wire.ts'
import type { EpochSecrets } from '../schedule/key-schedule.ts'
import type { SecretTree } from '../schedule/secret-tree.ts'
import type { LeafNode } from '../tree/leaf-node.ts'
import type { NodeKeys } from '../tree/path.ts'
import type { RatchetTree } from '../tree/ratchet-tree.ts'
import { eachLeaf, leafAt } from '../tree/ratchet-tree.ts'
import type { GroupConfig } from './config.ts'

/** What is kept of an epoch that is over, to read its late messages. */
export type PastEpoch = {
  readonly epoch: bigint
  readonly contextBytes: Uint8Array
  /** Its parents are not to be relied on once it was stored: only leaves are. */
  readonly tree: RatchetTree
  readonly ownLeaf: number
  readonly senderDataSecret: Uint8Array
  readonly secretTree: SecretTree
}

/** The resumption secret of an epoch (RFC 9420 §8.6). */
export type ResumptionSecret = { readonly epoch: bigint; readonly secret: Uint8Array }

/** A proposal that was sent in this epoch and waits for a commit. */
export type PendingProposal = {
  readonly reference: Uint8Array
  readonly proposal: Proposal
  readonly sender: Sender
  /** The private key of an Update that this member sent itself. */
  readonly leafPrivateKey: Uint8Array | undefined
}

/** Whether the member still takes part. */
export type GroupStatus = 'active' | 'removed' | 'reInit'

/**
 * One member's view of a group at one moment. A value: every operation gives a new one and leaves the old one as it was,
 * so a step that must not count (a storage transaction that fails) is undone by keeping the old one.
 */
export type GroupState = {
  readonly suite: CipherSuite
  readonly config: GroupConfig
  readonly status: GroupStatus
  /** What the group is to become, after a commit with ReInit (RFC 9420 §11.2). */
  readonly reInit: ReInit | undefined
  readonly context: GroupContext
  /** The context as it is hashed and signed. */
  readonly contextBytes: Uint8Array
  readonly tree: RatchetTree
  readonly ownLeaf: number
  readonly signaturePrivateKey: Uint8Array
  readonly nodeKeys: NodeKeys
  readonly secrets: EpochSecrets
  readonly secretTree: SecretTree
  readonly confirmationTag: Uint8Array
  readonly interimTranscriptHash: Uint8Array
  /** In the order in which they came. */
  readonly proposals: readonly PendingProposal[]
  /** Newest first. */
  readonly pastEpochs: readonly PastEpoch[]
  /** Newest first, the current epoch included. */
  readonly resumption: readonly ResumptionSecret[]
}

/** One member as the tree has it. */
export type Member = { readonly leafIndex: number; readonly leaf: LeafNode }

/** All members from left to right; decoding them costs about 3 microseconds each. */
export function members(state: GroupState): readonly Member[] {
  const found: number[] = []
  eachLeaf(state.tree, (leafIndex) => found.push(leafIndex))
  return found.map((leafIndex) => memberAt(state.tree, leafIndex))
}

/**
 * One member of a tree.
 *
 * @throws MlsError `message.unknownSender`
 */
export function memberAt(tree: RatchetTree, leafIndex: number): Member {
  const leaf = leafAt(tree, leafIndex)
  if (leaf === undefined) throw new MlsError('message.unknownSender', `Leaf ${leafIndex} is blank.`)
  return { leafIndex, leaf }
}

/**
 * Refuses to go on with a group that is over for this member.
 *
 * @throws MlsError `group.removed`, `group.reInitPending`
 */
export function expectActive(state: GroupState): void {
  if (state.status === 'removed')
    throw new MlsError('group.removed', 'This member was removed from the group.')
  if (state.status === 'reInit')
    throw new MlsError('group.reInitPending', 'The group is to be made anew and has ended.')
}
