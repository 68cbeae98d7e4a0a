import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { Progress, type LocalCommit } from '@xmtp-ts/proto/store/v1/store'
import { failureSettleNs } from '../../limits.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { getRow } from '../records/rows.ts'

/**
 * Tells which entries of a group's log are final. A commit that failed may only have come before another one that the node
 * kept back: while the log of the group is read again, nobody is told of it, and it says nothing about forks.
 */
export async function settlement(
  core: Pick<Core, 'store' | 'environment'>,
  id: string,
): Promise<(commit: LocalCommit) => boolean> {
  const progress = await getRow(core.store, Progress, keys.progress(id))
  const isDoubted = progress !== undefined && progress.rereads > 0
  const now = nowNs(core)
  return ({ result, notedAtNs }) =>
    !isDoubted ||
    result === CommitResult.COMMIT_RESULT_APPLIED ||
    now - notedAtNs >= failureSettleNs
}
