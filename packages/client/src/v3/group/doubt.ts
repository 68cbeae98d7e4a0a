import { MlsError } from '@xmtp-ts/mls'
import { maxRereads } from '../../limits.ts'
import { setConversation, setProgress, type GroupChange } from './group-change.ts'

/**
 * Something is missing, or was not taken, behind a place of the group's log: a node may have left out, cut short, changed or
 * swapped messages. What is behind the place is read again, a few times; what was taken is not taken twice, since its
 * keys are gone.
 */
export function doubt(change: GroupChange, from: bigint): void {
  const { doubtedFrom, rereads } = change.group.progress
  const earliest = rereads > 0 && doubtedFrom < from ? doubtedFrom : from
  setProgress(change, { doubtedFrom: earliest, rereads: maxRereads })
}

/** The same of everything since the epoch of now began: that is where a commit may be missing. */
export function doubtEpoch(change: GroupChange): void {
  doubt(change, change.group.progress.epochBegan)
}

/** What a message that was not taken says of the log. */
export function doubtRefused(change: GroupChange, id: bigint, error: unknown): void {
  if (error instanceof MlsError && error.code === 'message.epochInFuture') doubtEpoch(change)
  else doubt(change, id - 1n)
}

/**
 * A commit of our own came whose secrets are not here: the store is an older copy of itself. The group goes on without us,
 * and commits that lost against ours must not be taken for the one that won.
 */
export function noteLostCommit(change: GroupChange): void {
  const { epoch } = change.group.mls.context
  setConversation(change, {
    lostEpoch: epoch + 1n,
    maybeForked: true,
    forkDetails: `The secrets of our own commit of epoch ${epoch} are lost.`,
  })
  change.signals.add('conversations')
}

export function isEpochLost({ group }: GroupChange): boolean {
  return group.conversation.lostEpoch === group.mls.context.epoch + 1n
}
