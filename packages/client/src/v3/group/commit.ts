import { adoptCommit, changesSince, createCommit, type Proposal } from '@xmtp-ts/mls'
import { XmtpError } from '@xmtp-ts/protocol'
import { groupUpdated } from '@xmtp-ts/protocol/group'
import { commitRetryMs, maxCommitTries } from '../../limits.ts'
import { jittered } from '../../network/retry.ts'
import { commitKind } from '../commit-log/local.ts'
import type { Core } from '../core.ts'
import { checkCommit } from './external.ts'
import {
  contended,
  openChange,
  putPendingCommit,
  removePendingCommit,
  setMls,
  writeChange,
} from './group-change.ts'
import { hashOf, type LoadedGroup } from './loaded-group.ts'
import { requireWritable } from './own.ts'
import { isPaused } from './pausing.ts'
import { loadKnown } from './known.ts'
import { receiveNew } from './receive.ts'
import { doubtBehind } from './rewind.ts'
import { sendOwedWelcomes } from './owed-welcomes.ts'

/** What a commit is to hold. */
export type PlannedCommit = {
  readonly proposals: readonly Proposal[]
  /** TLS bytes of the key packages in its Add proposals, for the welcomes. */
  readonly keyPackages: readonly Uint8Array[]
}

/** Works out a commit against the group as it is; undefined when there is nothing to do (any more). */
export type CommitPlan = (group: LoadedGroup) => Promise<PlannedCommit | undefined>

/**
 * Changes the group: makes a commit, sends it, reads it back, and makes another when somebody else's came first, until the
 * plan has nothing left to do. Nothing is adopted before the network has ordered it (v3-mls §7.3).
 * @throws XmtpError `client.conversation.inactive`, `client.conversation.paused`, `client.group.lostRaces`,
 * `v3.group.commitRefused` when the group does not allow it, and what the network throws
 */
export async function changeGroup(core: Core, id: string, plan: CommitPlan): Promise<void> {
  await core.groups.turn(id, () => changeInTurn(core, id, plan))
  await sendOwedWelcomes(core, id)
}

/** The same within a turn; welcomes are left to the caller. */
export async function changeInTurn(core: Core, id: string, plan: CommitPlan): Promise<LoadedGroup> {
  for (let tries = 0; tries < maxCommitTries; tries += 1) {
    if (tries > 0) await core.environment.sleep(pauseMs(core, tries), core.signal)
    const group = await settle(core, id)
    requireWritable(core, { group })
    const planned = await plan(group)
    if (planned === undefined) return group
    const staged = await stage(core, group, planned)
    if (staged === undefined) continue
    const after = await settle(core, id)
    if (after.adoptedCommit === staged.pendingCommit?.hash) return after
  }
  throw new XmtpError('client.group.lostRaces', `Others changed ${id} first, each time.`)
}

function pauseMs(core: Core, tries: number): number {
  return jittered(commitRetryMs * 2 ** Math.min(tries, 6), core.environment)
}

/** Makes the commit and keeps it before anybody sees it. @returns undefined if another process was faster */
async function stage(
  core: Core,
  group: LoadedGroup,
  { proposals, keyPackages }: PlannedCommit,
): Promise<LoadedGroup | undefined> {
  const created = await createCommit(group.mls, {
    proposals,
    path: 'always',
    random: core.environment.random,
  })
  const summary = await checkCommit(core, group, created.staged)
  if (summary instanceof XmtpError) throw summary
  const leaving = new Set(group.conversation.leavingInboxIds)
  const change = openChange(group)
  setMls(change, created.state)
  const next = adoptCommit(created.state, created.staged)
  putPendingCommit(
    change,
    {
      row: {
        payload: created.message,
        epoch: group.mls.context.epoch,
        welcome: created.welcome ?? new Uint8Array(),
        keyPackages: [...keyPackages],
        transcript: groupUpdated(summary, { leaving }) ?? new Uint8Array(),
        kind: commitKind(summary),
        readded: [...summary.readded],
      },
      hash: hashOf(created.message),
      staged: created.staged,
    },
    changesSince(created.state, next).put,
  )
  return writeChange(core, change)
}

/**
 * Brings the group up to date; a commit of our own that is on its way is sent (again, if need be: the same bytes count
 * once) and read back, since nobody may forget a commit that others may have seen.
 * @throws XmtpError `client.group.unsettled` if the node does not show what it took
 */
export async function settle(core: Core, id: string): Promise<LoadedGroup> {
  let group = await loadKnown(core, id)
  if (group.pendingCommit === undefined) return group
  for (let tries = 0; tries < maxCommitTries; tries += 1) {
    if (tries > 0) {
      await core.environment.sleep(pauseMs(core, tries), core.signal)
      await doubtBehind(core, id, group.progress.epochBegan)
    }
    await sendPendingCommit(core, group)
    group = await receiveNew(core, id)
    if (group.pendingCommit === undefined || isPaused(core, group.conversation)) return group
  }
  throw new XmtpError('client.group.unsettled', `The node does not show our commit in ${id}.`)
}

async function sendPendingCommit(core: Core, group: LoadedGroup): Promise<void> {
  const { pendingCommit } = group
  if (pendingCommit === undefined) return
  const message = {
    data: pendingCommit.row.payload,
    senderHmac: new Uint8Array(),
    shouldPush: false,
  }
  try {
    await core.mls.sendGroupMessages([message])
  } catch (error) {
    // The node has said that it will never store these bytes: the commit is as good as never made.
    if (error instanceof XmtpError && error.code === 'client.node.refused')
      await forgetPendingCommit(core, group)
    throw error
  }
}

async function forgetPendingCommit(core: Core, group: LoadedGroup): Promise<void> {
  const change = openChange(group)
  removePendingCommit(change)
  if ((await writeChange(core, change)) === undefined) throw contended()
}
