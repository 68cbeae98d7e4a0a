import { members, type Proposal } from '@xmtp-ts/mls'
import { ForkState } from '@xmtp-ts/proto/store/v1/store'
import { attempt, bytesToHex, v3 } from '@xmtp-ts/protocol'
import {
  attributeNames,
  compareVersions,
  decodeMutableMetadata,
  minimumVersion,
  readGroupContent,
  withMembership,
} from '@xmtp-ts/protocol/group'
import { ConsentState } from '../conversation/enums.ts'
import { changeAttribute } from '../conversation/plans.ts'
import { readView, type View } from '../conversation/view.ts'
import type { Core } from '../core.ts'
import { changeGroup, type PlannedCommit } from '../group/commit.ts'
import { keptTypeOf, peerOf } from '../group/conversation-row.ts'
import type { LoadedGroup } from '../group/loaded-group.ts'
import { fetchKeyPackages } from '../group/members.ts'
import { syncConversation } from '../group/sync.ts'
import { checkFork } from './compare.ts'
import { sendOneshot } from './oneshot.ts'
import { forgetReadds, isWaiting, noteAsked, waitingReadds } from './readd-requests.ts'
import { newestRemote } from './remote.ts'
import { readLogState } from './state.ts'

/** The version of libxmtp from which on clients follow a re-adding (its `MIN_RECOVERY_REQUEST_VERSION`). */
const readdVersion = '1.6.0'

/**
 * Asks those who can to take this installation out of each forked conversation and put it back, once until one of them has
 * (v3-mls §7.3).
 */
export async function requestReadds(core: Core, views: readonly View[]): Promise<void> {
  for (const view of views) {
    try {
      await requestReadd(core, view)
    } catch (error) {
      if (core.signal.aborted) return
      core.report(error)
    }
  }
}

async function requestReadd(core: Core, { id, row }: View): Promise<void> {
  const { fork } = await readLogState(core, id)
  if (fork !== ForkState.FORK_STATE_FORKED) return
  const { installationId } = core.self
  if (await isWaiting(core, id, installationId)) return
  const at = (await newestRemote(core, id))?.sequenceId ?? 0n
  const request = { groupId: row.groupId, latestCommitSequenceId: at }
  await sendOneshot(core, readders(core, row), request)
  await noteAsked(core, id, { installationId, at })
}

function readders({ self }: Core, row: View['row']): readonly v3.InboxId[] {
  const inboxIds =
    keptTypeOf(row) === 'dm'
      ? [peerOf(row, self.inboxId) ?? self.inboxId]
      : decodeMutableMetadata(row.mutableMetadata).superAdmins
  // A list of admins may name anything.
  return inboxIds.flatMap((inboxId) => {
    const parsed = attempt(() => v3.parseInboxId(inboxId))
    return parsed.ok ? [parsed.value] : []
  })
}

/** Lets those in again who asked for it, wherever this client is super admin and is not forked itself. */
export async function answerReadds(core: Core): Promise<void> {
  for (const [id, installationIds] of await waitingReadds(core)) {
    try {
      await answerIn(core, id, installationIds)
    } catch (error) {
      if (core.signal.aborted) return
      core.report(error)
    }
  }
}

async function answerIn(
  core: Core,
  id: string,
  installationIds: readonly Uint8Array[],
): Promise<void> {
  await syncConversation(core, id)
  const view = await readView(core, id)
  if (view === undefined || !isAnswerer(core, view)) return forgetReadds(core, id, installationIds)
  const fork = await checkFork(core, id)
  if (fork === ForkState.FORK_STATE_FORKED) return forgetReadds(core, id, installationIds)
  // The group has not published the newest commits yet: whether we are right shows later.
  if (fork === ForkState.FORK_STATE_UNKNOWN) return
  await raiseVersion(core, view)
  await changeGroup(core, id, (group) => planReadd(core, group, installationIds))
}

function isAnswerer({ self }: Core, { row, consent }: View): boolean {
  const { superAdmins } = decodeMutableMetadata(row.mutableMetadata)
  return row.active && consent === ConsentState.Allowed && superAdmins.includes(self.inboxId)
}

/** Older clients would refuse the commit, and so be forked themselves: they are paused before it. */
async function raiseVersion(core: Core, { id, row }: View): Promise<void> {
  const version = minimumVersion(decodeMutableMetadata(row.mutableMetadata)) ?? '0.0.0'
  if (compareVersions(version, readdVersion) < 0)
    await changeAttribute(core, id, [attributeNames.minimumVersion, readdVersion])
}

/** Each leaf goes and comes again in one commit; members and places of their logs stay as they are. */
async function planReadd(
  core: Core,
  { id, mls }: LoadedGroup,
  asked: readonly Uint8Array[],
): Promise<PlannedCommit | undefined> {
  const wanted = new Set<string>()
  for (const one of asked) if (await isWaiting(core, id, one)) wanted.add(bytesToHex(one))
  wanted.delete(bytesToHex(core.self.installationId))
  const leaves = members(mls).filter(({ leaf }) => wanted.has(bytesToHex(leaf.signatureKey)))
  const present = new Set(leaves.map(({ leaf }) => bytesToHex(leaf.signatureKey)))
  const gone = asked.filter((one) => !present.has(bytesToHex(one)))
  await forgetReadds(core, id, gone)
  if (leaves.length === 0) return undefined
  const { readable, unusable } = await fetchKeyPackages(
    core,
    leaves.map(({ leaf }) => leaf.signatureKey),
  )
  const { membership } = readGroupContent(mls.context.extensions)
  const failed = [...membership.failedInstallations, ...unusable].map(
    (key) => [bytesToHex(key), key] as const,
  )
  const failedInstallations = [...new Map(failed).values()]
  const extensions = withMembership(mls.context.extensions, { ...membership, failedInstallations })
  const proposals: Proposal[] = [
    ...readable.map(({ keyPackage }): Proposal => ({ kind: 'add', keyPackage })),
    ...leaves.map(({ leafIndex }): Proposal => ({ kind: 'remove', removed: leafIndex })),
    { kind: 'groupContextExtensions', extensions },
  ]
  return { proposals, keyPackages: readable.map(({ bytes }) => bytes) }
}
