import {
  CommitResult,
  type PlaintextCommitLogEntry,
} from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { RemoteCommit } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, equalBytes, v3, XmtpError } from '@xmtp-ts/protocol'
import { underPrefix, type StoredRecord } from '../../store/record-store.ts'
import type { CommitLogPage, LoggedCommit } from '../../network/mls-api.ts'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow } from '../records/rows.ts'
import { changeLogState } from './state.ts'

/**
 * Keeps what a page of a group's commit log adds, and the place where the next one begins (v3-mls §3.9). The first entry that
 * anybody signed says by which key all others are to be signed.
 */
export async function takePage(
  core: Core,
  groupId: Uint8Array,
  { entries }: CommitLogPage,
): Promise<void> {
  const last = entries.at(-1)
  if (last === undefined) return
  const id = bytesToHex(groupId)
  const newest = await newestRemote(core, id)
  await changeLogState(core, id, async (state) => {
    if (state.downloaded >= last.sequenceId) return undefined
    const publicKey = state.publicKey.length > 0 ? state.publicKey : consensusKey(entries)
    if (publicKey === undefined) return { downloaded: last.sequenceId }
    const put = acceptedOf(core, entries, { groupId, publicKey, newest })
    return { publicKey, downloaded: last.sequenceId, batch: { put } }
  })
}

export async function newestRemote(
  { store }: Pick<Core, 'store'>,
  id: string,
): Promise<RemoteCommit | undefined> {
  const range = { ...underPrefix(keys.remoteCommits(id)), order: 'descending', limit: 1 } as const
  const [record] = await store.scan(range)
  return record && decodeRow(RemoteCommit, record.value)
}

function consensusKey(entries: readonly LoggedCommit[]): Uint8Array | undefined {
  return entries.find((entry) => v3.isCommitLogEntrySigned(entry))?.signature.publicKey
}

function acceptedOf(
  core: Core,
  entries: readonly LoggedCommit[],
  log: {
    readonly groupId: Uint8Array
    readonly publicKey: Uint8Array
    readonly newest: RemoteCommit | undefined
  },
): readonly StoredRecord[] {
  const { groupId, publicKey } = log
  const id = bytesToHex(groupId)
  let { newest } = log
  const accepted: StoredRecord[] = []
  for (const logged of entries) {
    const entry = readEntry(core, logged, { groupId, publicKey })
    if (entry === undefined || !follows(newest, entry)) continue
    newest = {
      sequenceId: entry.commitSequenceId,
      result: entry.commitResult,
      epoch: entry.appliedEpochNumber,
      epochAuthenticator: entry.appliedEpochAuthenticator,
    }
    const key = keys.remoteCommit(id, logged.sequenceId)
    accepted.push({ key, value: encodeRow(RemoteCommit, newest) })
  }
  return accepted
}

/** What is not signed by the group, or is of another one, is reported and passed. */
function readEntry(
  core: Core,
  logged: LoggedCommit,
  { groupId, publicKey }: { readonly groupId: Uint8Array; readonly publicKey: Uint8Array },
): PlaintextCommitLogEntry | undefined {
  try {
    if (!equalBytes(logged.signature.publicKey, publicKey))
      throw new XmtpError('v3.commitLog.badSignature', 'An entry is signed by another key.')
    return v3.verifyCommitLogEntry(logged, groupId)
  } catch (error) {
    if (!(error instanceof XmtpError)) throw error
    const { sequenceId } = logged
    core.onRefused({ conversationId: bytesToHex(groupId), sequenceId, error })
    return undefined
  }
}

/**
 * Whether an entry continues the log, by libxmtp's rules (commit_log.rs, `should_skip_remote_commit_log_entry`): several
 * members publish the same commits, and what one of them saw after a fork of its own fits nowhere.
 */
export function follows(newest: RemoteCommit | undefined, entry: PlaintextCommitLogEntry): boolean {
  const { commitSequenceId, commitResult, lastEpochAuthenticator } = entry
  const { appliedEpochNumber, appliedEpochAuthenticator } = entry
  if (commitSequenceId === 0n) return false
  if (newest === undefined) return true
  const { sequenceId, epoch, epochAuthenticator } = newest
  if (commitSequenceId <= sequenceId) return false
  if (commitResult === CommitResult.COMMIT_RESULT_APPLIED)
    return (
      appliedEpochNumber === epoch + 1n &&
      (epochAuthenticator.length === 0 || equalBytes(lastEpochAuthenticator, epochAuthenticator))
    )
  return appliedEpochNumber === epoch && equalBytes(appliedEpochAuthenticator, epochAuthenticator)
}
