import { MlsError } from '../errors.ts'
import type { GroupContext } from '../message/group-context.ts'
import type { PreSharedKeyId, ReInit } from '../message/proposal.ts'
import type { AddedMember, RemovedMember, UpdatedMember } from './apply.ts'
import type { CommittedProposal } from './proposal-rules.ts'
import type { GroupState, Member, PastEpoch } from './state.ts'

/**
 * A commit that is valid as far as MLS goes and has changed nothing yet. The application looks at it, and either adopts
 * it or forgets it.
 */
export type StagedCommit = {
  /** Who made it: a member's leaf as it was before, or a newcomer's. */
  readonly sender: Member & { readonly kind: 'member' | 'newMember' }
  readonly proposals: readonly CommittedProposal[]
  readonly added: readonly AddedMember[]
  readonly removed: readonly RemovedMember[]
  /** Leaves that Update proposals or the committer's path replaced. */
  readonly updated: readonly UpdatedMember[]
  readonly psks: readonly PreSharedKeyId[]
  readonly reInit: ReInit | undefined
  readonly hasPath: boolean
  readonly authenticatedData: Uint8Array
  /** The context of the epoch it leads to. */
  readonly groupContext: GroupContext
  /** Equal for all members who end up in the same epoch; undefined if it removes this member. */
  readonly epochAuthenticator: Uint8Array | undefined
  /** Whether it removes this member: adopting it ends the group here. */
  readonly removesSelf: boolean
  /** The epoch it leads to, without what this member still keeps of earlier ones. */
  readonly next: GroupState
}

function pastOf(state: GroupState): PastEpoch {
  return {
    epoch: state.context.epoch,
    contextBytes: state.contextBytes,
    tree: state.tree,
    ownLeaf: state.ownLeaf,
    senderDataSecret: state.secrets.senderDataSecret,
    secretTree: state.secretTree,
  }
}

/**
 * Makes a staged commit the state of the group. `state` is the state of now, not of when the commit was staged: messages
 * that were read in between stay read.
 *
 * @throws MlsError `group.commitOfOtherEpoch`
 */
export function adoptCommit(
  state: GroupState,
  staged: Pick<StagedCommit, 'groupContext' | 'removesSelf' | 'next'>,
): GroupState {
  const leadsTo = staged.groupContext.epoch
  if (leadsTo !== state.context.epoch + 1n || state.status !== 'active')
    throw new MlsError(
      'group.commitOfOtherEpoch',
      `It leads to epoch ${leadsTo}, the group is in ${state.context.epoch}.`,
    )
  if (staged.removesSelf) return { ...state, status: 'removed', proposals: [] }
  const pastEpochs = [pastOf(state), ...state.pastEpochs].slice(0, state.config.pastEpochs)
  return { ...staged.next, pastEpochs }
}
