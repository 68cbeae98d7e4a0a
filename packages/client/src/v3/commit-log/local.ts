import {
  contentTypes,
  decodeMessage,
  epochAuthenticator,
  MlsError,
  type GroupState,
} from '@xmtp-ts/mls'
import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { LocalCommit } from '@xmtp-ts/proto/store/v1/store'
import type { XmtpError } from '@xmtp-ts/protocol'
import type { CommitSummary } from '@xmtp-ts/protocol/group'
import { keptCommits, maxFailureLength } from '../../limits.ts'
import type { GroupMessage } from '../../network/mls-api.ts'
import { underPrefix, type AppendedRecord } from '../../store/record-store.ts'
import { nowNs, type Core } from '../core.ts'
import { removeRecord, type GroupChange } from '../group/group-change.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow } from '../records/rows.ts'

/** What a commit was about, as libxmtp names it in its own log. */
export type CommitKind =
  | 'GroupCreation'
  | 'BackupRestore'
  | 'Welcome'
  | 'KeyUpdate'
  | 'MetadataUpdate'
  | 'UpdateGroupMembership'
  | 'UpdateAdminList'
  | 'UpdatePermission'

type Actor = { readonly inboxId: string; readonly installationId: Uint8Array }

export function commitKind(summary: CommitSummary): CommitKind {
  const { addedInstallations, removedInstallations, readded } = summary
  const { addedInboxes, removedInboxes } = summary
  const membership = [
    ...addedInboxes,
    ...removedInboxes,
    ...addedInstallations,
    ...removedInstallations,
    ...readded,
  ]
  if (membership.length > 0) return 'UpdateGroupMembership'
  if (summary.policiesChanged) return 'UpdatePermission'
  const { addedAdmins, removedAdmins, addedSuperAdmins, removedSuperAdmins } = summary
  const admins = [addedAdmins, removedAdmins, addedSuperAdmins, removedSuperAdmins]
  if (admins.some((list) => list.length > 0)) return 'UpdateAdminList'
  return summary.changedAttributes.length > 0 ? 'MetadataUpdate' : 'KeyUpdate'
}

/** How a group began here: an entry that is never published, since it stands for no commit in the group's log. */
export function beginning(
  groupId: string,
  state: GroupState,
  { kind, actor }: { readonly kind: CommitKind; readonly actor: Actor },
): AppendedRecord {
  return entry(groupId, {
    sequenceId: 0n,
    lastEpochAuthenticator: new Uint8Array(),
    result: CommitResult.COMMIT_RESULT_APPLIED,
    epoch: state.context.epoch,
    epochAuthenticator: epochAuthenticator(state),
    kind,
    actorInboxId: actor.inboxId,
    actorInstallationId: actor.installationId,
    failure: '',
    notedAtNs: 0n,
  })
}

/** Notes, in the same change, that the group went from one state to the next (v3-mls §3.9). */
export function logApplied(
  change: GroupChange,
  before: GroupState,
  commit: {
    readonly sequenceId: bigint
    readonly epoch: bigint
    readonly kind: string
    readonly actor: Actor
  },
): void {
  const { id, mls } = change.group
  const row = {
    sequenceId: commit.sequenceId,
    lastEpochAuthenticator: epochAuthenticator(before),
    result: CommitResult.COMMIT_RESULT_APPLIED,
    epoch: commit.epoch,
    epochAuthenticator: epochAuthenticator(mls),
    kind: commit.kind,
    actorInboxId: commit.actor.inboxId,
    actorInstallationId: commit.actor.installationId,
    failure: '',
    notedAtNs: 0n,
  }
  change.append.push(entry(id, row))
}

/**
 * Notes, in the same change, that a message was refused for good, if it is a commit. Who has just joined meets commits that
 * led to the epoch of the welcome: they are nobody's failure.
 */
export async function logFailed(
  core: Core,
  change: GroupChange,
  message: Pick<GroupMessage, 'id' | 'data'>,
  error: XmtpError,
): Promise<void> {
  const { id, mls } = change.group
  const commitEpoch = epochOfCommit(message.data)
  if (commitEpoch === undefined || mls.status !== 'active') return
  const { epoch } = mls.context
  const last = await lastKind(core, change)
  if (commitEpoch <= epoch && (last === undefined || last === 'Welcome')) return
  const authenticator = epochAuthenticator(mls)
  const row = {
    sequenceId: message.id,
    lastEpochAuthenticator: authenticator,
    result: commitEpoch === epoch ? resultOf(error) : CommitResult.COMMIT_RESULT_WRONG_EPOCH,
    epoch,
    epochAuthenticator: authenticator,
    kind: '',
    actorInboxId: '',
    actorInstallationId: new Uint8Array(),
    failure: error.message.slice(0, maxFailureLength),
    notedAtNs: nowNs(core),
  }
  change.append.push(entry(id, row))
}

/**
 * A commit was missing and has come: those behind it that failed meanwhile are met again, and count as if they had not been
 * met before.
 * @param from the id of the commit that has come
 */
export async function forgetFailures(core: Core, change: GroupChange, from: bigint): Promise<void> {
  const prefix = keys.localCommits(change.group.id)
  const isVoid = (value: Uint8Array) => {
    const { sequenceId, result } = decodeRow(LocalCommit, value)
    return result !== CommitResult.COMMIT_RESULT_APPLIED && sequenceId > from
  }
  const range = { ...underPrefix(prefix), order: 'descending', limit: keptCommits } as const
  const stored = await core.store.scan(range)
  for (const { key, value } of stored) if (isVoid(value)) removeRecord(change, key)
  const waiting = change.append.splice(0)
  change.append.push(...waiting.filter((one) => one.prefix !== prefix || !isVoid(one.value)))
}

function entry(groupId: string, row: LocalCommit): AppendedRecord {
  return { prefix: keys.localCommits(groupId), value: encodeRow(LocalCommit, row) }
}

/** What is readable from outside of a message: its header says whether it is a commit. */
function epochOfCommit(data: Uint8Array): bigint | undefined {
  try {
    const read = decodeMessage(data)
    if (read.kind !== 'privateMessage') return undefined
    return read.message.contentType === contentTypes.commit ? read.message.epoch : undefined
  } catch (error) {
    if (error instanceof MlsError) return undefined
    throw error
  }
}

function resultOf({ code, cause }: XmtpError): CommitResult {
  if (code === 'v3.group.commitRefused') return CommitResult.COMMIT_RESULT_INVALID
  if (cause instanceof MlsError) return CommitResult.COMMIT_RESULT_UNDECRYPTABLE
  return CommitResult.COMMIT_RESULT_UNSPECIFIED
}

/** The kind of the newest entry, that of this change included; empty for a failure. */
async function lastKind(core: Core, change: GroupChange): Promise<string | undefined> {
  const prefix = keys.localCommits(change.group.id)
  const waiting = change.append.findLast((record) => record.prefix === prefix)?.value
  if (waiting !== undefined) return decodeRow(LocalCommit, waiting).kind
  const range = { ...underPrefix(prefix), order: 'descending', limit: 1 } as const
  const [last] = await core.store.scan(range)
  return last && decodeRow(LocalCommit, last.value).kind
}
