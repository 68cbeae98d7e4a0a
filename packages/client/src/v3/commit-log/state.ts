import { CommitLogState, ForkState } from '@xmtp-ts/proto/store/v1/store'
import { maxConflicts } from '../../limits.ts'
import type { RecordBatch } from '../../store/record-store.ts'
import type { Core } from '../core.ts'
import { contended } from '../group/group-change.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow } from '../records/rows.ts'

const untouched: CommitLogState = {
  publicKey: new Uint8Array(),
  signingSeed: new Uint8Array(),
  downloaded: 0n,
  published: 0n,
  compared: 0n,
  comparedRemote: 0n,
  fork: ForkState.FORK_STATE_UNKNOWN,
}

/** How far this client is with the commit log of a group. */
export async function readLogState(
  { store }: Pick<Core, 'store'>,
  id: string,
): Promise<CommitLogState> {
  const [record] = await store.get([keys.commitLog(id)])
  return record === undefined ? untouched : decodeRow(CommitLogState, record)
}

/** The record of a group that this client has come into anew. */
export function withoutFork(record: Uint8Array): Uint8Array {
  const fork = ForkState.FORK_STATE_UNKNOWN
  return encodeRow(CommitLogState, { ...decodeRow(CommitLogState, record), fork })
}

/**
 * Changes it, and other records with it, in one transaction.
 * @param work told the state as it is, again when another process was faster; undefined when there is nothing to do
 * @throws XmtpError `client.store.*`
 */
export async function changeLogState(
  { store }: Pick<Core, 'store'>,
  id: string,
  work: (
    state: CommitLogState,
  ) => Promise<(Partial<CommitLogState> & { readonly batch?: RecordBatch }) | undefined>,
): Promise<void> {
  const key = keys.commitLog(id)
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const [record] = await store.get([key])
    const state = record === undefined ? untouched : decodeRow(CommitLogState, record)
    const change = await work(state)
    if (change === undefined) return
    const { batch = {}, ...fields } = change
    const put = { key, value: encodeRow(CommitLogState, { ...state, ...fields }) }
    const written = await store.write({
      ...batch,
      expect: [...(batch.expect ?? []), { key, value: record }],
      put: [...(batch.put ?? []), put],
    })
    if (written !== undefined) return
  }
  throw contended()
}
