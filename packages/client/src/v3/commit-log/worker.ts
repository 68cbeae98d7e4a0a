import { commitLogLookMs, minCommitLogLookMs } from '../../limits.ts'
import { nsToMs } from '../../environment.ts'
import { ConsentState } from '../conversation/enums.ts'
import { readAllViews } from '../conversation/view.ts'
import type { Core } from '../core.ts'
import { keptTypeOf } from '../group/conversation-row.ts'
import { keys } from '../records/keys.ts'
import { checkFork } from './compare.ts'
import { downloadCommits } from './download.ts'
import { publishCommits } from './publish.ts'
import { answerReadds, requestReadds } from './recovery.ts'
import { trimCommits } from './trim.ts'

/** What is done about forks, as the bindings of libxmtp for phones have it. */
export type ForkRecoveryOptions = {
  /** Whether to ask to be let into a forked conversation again; `none` unless given. */
  readonly enableRecoveryRequests?: 'none' | 'allowlistedGroups' | 'all' | undefined
  /** Ids of conversations, for `allowlistedGroups`. */
  readonly groupsToRequestRecovery?: readonly string[] | undefined
  /** Lets nobody in again who asks for it. */
  readonly disableRecoveryResponses?: boolean | undefined
  /** Between two looks into the commit logs, 2 s at the least; 5 minutes unless given. */
  readonly workerIntervalNs?: bigint | undefined
}

/** Looks after commit logs until the client is closed (v3-mls §3.9). */
export async function followCommitLogs(core: Core, options: ForkRecoveryOptions): Promise<void> {
  const { workerIntervalNs } = options
  const wantedMs = workerIntervalNs === undefined ? commitLogLookMs : nsToMs(workerIntervalNs)
  const pauseMs = Math.max(wantedMs, minCommitLogLookMs)
  while (!core.signal.aborted) {
    await lookAfterCommitLogs(core, options)
    await core.environment.sleep(pauseMs, core.signal)
  }
}

/** One round: reads what groups published, compares, publishes, and recovers. Whatever fails is reported. */
export async function lookAfterCommitLogs(
  core: Core,
  options: ForkRecoveryOptions = {},
): Promise<void> {
  const { enableRecoveryRequests = 'none', disableRecoveryResponses = false } = options
  const listed = new Set(options.groupsToRequestRecovery?.map((id) => id.toLowerCase()))
  const mayAsk = (id: string) =>
    enableRecoveryRequests === 'all' ||
    (enableRecoveryRequests === 'allowlistedGroups' && listed.has(id))
  try {
    const views = (await readAllViews(core)).filter(({ row }) => keptTypeOf(row) !== 'sync')
    // Logs of conversations that the user does not want are neither read nor written.
    const wanted = views.filter(({ consent }) => consent === ConsentState.Allowed)
    const ids = views.map(({ id }) => id)
    await downloadCommits(
      core,
      wanted.map(({ id }) => id),
    )
    await compareAll(core, ids)
    await publishCommits(core, wanted)
    await requestReadds(
      core,
      views.filter(({ id }) => mayAsk(id)),
    )
    if (!disableRecoveryResponses) await answerReadds(core)
  } catch (error) {
    core.report(error)
  }
}

async function compareAll(core: Core, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    try {
      await checkFork(core, id)
      await trimCommits(core, keys.localCommits(id))
      await trimCommits(core, keys.remoteCommits(id))
    } catch (error) {
      if (core.signal.aborted) return
      core.report(error)
    }
  }
}
