import { LocalCommit } from '@xmtp-ts/proto/store/v1/store'
import { v3 } from '@xmtp-ts/protocol'
import { decodeMutableMetadata } from '@xmtp-ts/protocol/group'
import { keptCommits, maxCommitLogEntriesPerCall } from '../../limits.ts'
import type { CommitLogEntryToPublish } from '../../network/mls-api.ts'
import { inChunks } from '../../network/chunks.ts'
import type { View } from '../conversation/view.ts'
import type { Core } from '../core.ts'
import { keptTypeOf } from '../group/conversation-row.ts'
import { keys } from '../records/keys.ts'
import { decodeRow } from '../records/rows.ts'
import { readEntries } from '../stream/log.ts'
import { settlement } from './settlement.ts'
import { shareSeed, signingSeed } from './signer.ts'
import { changeLogState, readLogState } from './state.ts'

/** An entry on its way, and where it stands in the log of this client. */
type Waiting = CommitLogEntryToPublish & { readonly id: string; readonly number: bigint }

/**
 * Publishes what this client saw of commits (v3-mls §3.9): of direct messages, and of groups where it is super admin. What
 * the node did not take is published next time.
 * @param views those that are wanted
 */
export async function publishCommits(core: Core, views: readonly View[]): Promise<void> {
  const waiting: Waiting[] = []
  for (const view of views.filter((one) => isPublisher(core, one))) {
    try {
      waiting.push(...(await prepare(core, view)))
    } catch (error) {
      core.report(error)
    }
  }
  for (const chunk of inChunks(waiting, maxCommitLogEntriesPerCall)) {
    try {
      await core.mls.batchPublishCommitLog(chunk)
    } catch (error) {
      if (core.signal.aborted) return
      core.report(error)
      continue
    }
    const published = new Map(chunk.map(({ id, number }) => [id, number + 1n]))
    for (const [id, next] of published) await notePublished(core, id, next)
  }
}

function isPublisher({ self }: Core, { row }: View): boolean {
  if (keptTypeOf(row) === 'dm') return true
  const { superAdmins } = decodeMutableMetadata(row.mutableMetadata)
  return superAdmins.includes(self.inboxId)
}

async function prepare(core: Core, { id, row }: View): Promise<readonly Waiting[]> {
  const state = await readLogState(core, id)
  const from = state.published
  const entries = await readEntries(core.store, keys.localCommits(id), { from, limit: keptCommits })
  const isSettled = await settlement(core, id)
  const met = entries.map(({ number, value }) => ({
    number,
    commit: decodeRow(LocalCommit, value),
  }))
  const doubtful = met.findIndex(({ commit }) => !isSettled(commit))
  const commits = doubtful === -1 ? met : met.slice(0, doubtful)
  // How a group began here is nobody else's business.
  const others = commits.filter(({ commit }) => commit.sequenceId > 0n)
  if (others.length === 0) return []
  await shareSeed(core, row, state).catch(core.report)
  const seed = await signingSeed(core, id, row)
  if (seed === undefined) return []
  const { groupId } = row
  return others.map(({ number, commit }) => ({
    id,
    number,
    groupId,
    entry: v3.signCommitLogEntry(seed, {
      groupId,
      commitSequenceId: commit.sequenceId,
      lastEpochAuthenticator: commit.lastEpochAuthenticator,
      commitResult: commit.result,
      appliedEpochNumber: commit.epoch,
      appliedEpochAuthenticator: commit.epochAuthenticator,
    }),
  }))
}

async function notePublished(core: Core, id: string, next: bigint): Promise<void> {
  await changeLogState(core, id, async ({ published }) =>
    published >= next ? undefined : { published: next },
  )
}
