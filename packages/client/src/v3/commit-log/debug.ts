import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { ForkState, LocalCommit, RemoteCommit } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanAll } from '../records/rows.ts'
import { numberOf } from '../stream/log.ts'
import { readLogState } from './state.ts'

/** What is known of forks of a conversation, in the words of libxmtp: its tests and tools read them. */
export type CommitLogInfo = {
  /** Undefined while it is not known. */
  readonly isCommitLogForked: boolean | undefined
  /** The commits as this client met them, oldest first. */
  readonly localCommitLog: string
  /** The commits as the group has published them, oldest first. */
  readonly remoteCommitLog: string
}

export async function commitLogInfo(core: Core, id: string): Promise<CommitLogInfo> {
  const [{ fork }, local, remote] = await Promise.all([
    readLogState(core, id),
    scanAll(core.store, keys.localCommits(id)),
    scanAll(core.store, keys.remoteCommits(id)),
  ])
  return {
    isCommitLogForked: isForked(fork),
    localCommitLog: listed(
      local.map(({ key, value }) => {
        const place = numberOf(keys.localCommits(id), key)
        return localLine(id, place, decodeRow(LocalCommit, value))
      }),
    ),
    remoteCommitLog: listed(
      remote.map(({ key, value }, index) => {
        const place = numberOf(keys.remoteCommits(id), key)
        return remoteLine(id, { index, place }, decodeRow(RemoteCommit, value))
      }),
    ),
  }
}

function isForked(fork: ForkState): boolean | undefined {
  if (fork === ForkState.FORK_STATE_FORKED) return true
  return fork === ForkState.FORK_STATE_NONE ? false : undefined
}

function listed(lines: readonly string[]): string {
  return `[${lines.join(', ')}]`
}

function localLine(id: string, place: bigint, row: LocalCommit): string {
  return struct('LocalCommitLog', [
    `rowid: ${place + 1n}`,
    // libxmtp leaves the colon out.
    `group_id ${snippet(id)}`,
    `commit_sequence_id: ${row.sequenceId}`,
    `last_epoch_authenticator: ${snippet(bytesToHex(row.lastEpochAuthenticator))}`,
    `commit_result: ${resultName(row.result)}`,
    `error_message: ${optional(row.failure)}`,
    `applied_epoch_number: ${row.epoch}`,
    `applied_epoch_authenticator: ${snippet(bytesToHex(row.epochAuthenticator))}`,
    `sender_inbox_id: ${snippet(row.actorInboxId)}`,
    `sender_installation_id: ${snippet(bytesToHex(row.actorInstallationId))}`,
    `commit_type: ${optional(row.kind)}`,
  ])
}

function remoteLine(
  id: string,
  { index, place }: { readonly index: number; readonly place: bigint },
  row: RemoteCommit,
): string {
  return struct('RemoteCommitLog', [
    `rowid: ${index + 1}`,
    `log_sequence_id: ${place}`,
    `group_id ${snippet(id)}`,
    `commit_sequence_id: ${row.sequenceId}`,
    `commit_result: ${resultName(row.result)}`,
    `applied_epoch_number: ${row.epoch}`,
    `applied_epoch_authenticator: ${snippet(bytesToHex(row.epochAuthenticator))}`,
  ])
}

function struct(name: string, fields: readonly string[]): string {
  return `${name} { ${fields.join(', ')} }`
}

const snippetLength = 6

function snippet(text: string): string {
  return JSON.stringify(text.length > snippetLength ? `${text.slice(0, snippetLength)}..` : text)
}

function optional(text: string): string {
  return text === '' ? 'None' : `Some(${JSON.stringify(text)})`
}

const resultNames: ReadonlyMap<CommitResult, string> = new Map([
  [CommitResult.COMMIT_RESULT_APPLIED, 'Success'],
  [CommitResult.COMMIT_RESULT_WRONG_EPOCH, 'WrongEpoch'],
  [CommitResult.COMMIT_RESULT_UNDECRYPTABLE, 'Undecryptable'],
  [CommitResult.COMMIT_RESULT_INVALID, 'Invalid'],
])

function resultName(result: CommitResult): string {
  return resultNames.get(result) ?? 'Unknown'
}
