import { SyncTask, type Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, equalBytes, XmtpError } from '@xmtp-ts/protocol'
import type { Core } from '../core.ts'
import { putRecord, type GroupChange } from '../group/group-change.ts'
import { keys } from '../records/keys.ts'
import { encodeRow } from '../records/rows.ts'
import { takeUpdates } from './preference-updates.ts'
import { decodeSyncContent, type SyncContent } from './sync-content.ts'

/**
 * Does what a message of a sync group says, in the transaction in which it is stored: decisions count at once, our own too,
 * since the order of the log decides; what takes time is left to the worker.
 * @throws XmtpError `client.deviceSync.foreign` for a message of somebody else
 */
export async function applySyncMessage(
  core: Core,
  change: GroupChange,
  row: Message,
): Promise<void> {
  if (row.senderInboxId !== core.self.inboxId)
    throw new XmtpError(
      'client.deviceSync.foreign',
      `${row.senderInboxId} wrote in a sync group of ours.`,
    )
  if (!core.syncsDevices) return
  const report = (error: XmtpError) =>
    core.onRefused({ conversationId: change.group.id, sequenceId: row.sequenceId, error })
  try {
    const content = decodeSyncContent(row.content)
    if (content.$case === 'preferenceUpdates') {
      for (const problem of await applyUpdates(core, change, content.value)) report(problem)
    } else if (!equalBytes(row.senderInstallationId, core.self.installationId))
      leaveToWorker(change, content, bytesToHex(row.id))
  } catch (error) {
    if (!(error instanceof XmtpError) || error.code !== 'client.deviceSync.malformed') throw error
    report(error)
  }
}

/** That there is something to be done for another installation. */
export const newSyncTask: Uint8Array = encodeRow(SyncTask, { tries: 0, nextTryNs: 0n })

function leaveToWorker(change: GroupChange, { $case }: SyncContent, id: string): void {
  if ($case !== 'request' && $case !== 'reply') return
  putRecord(change, keys.syncTask($case, id), newSyncTask)
  change.signals.add('deviceSync')
}

async function applyUpdates(
  { store }: Core,
  change: GroupChange,
  { updates }: Extract<SyncContent, { $case: 'preferenceUpdates' }>['value'],
): Promise<readonly XmtpError[]> {
  const isWaiting = (key: string) => change.put.has(key)
  const taken = await takeUpdates(async (places) => {
    const stored = await store.get(places)
    return places.map((key, index) => change.put.get(key) ?? stored[index])
  }, updates)
  change.expect.push(...taken.expect.filter(({ key }) => !isWaiting(key)))
  for (const { key, value } of taken.put) putRecord(change, key, value)
  change.append.push(...taken.append)
  if (taken.append.length > 0) {
    change.signals.add('preferences')
    change.signals.add('conversations')
  }
  return taken.problems
}
