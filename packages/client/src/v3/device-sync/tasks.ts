import { SyncTask } from '@xmtp-ts/proto/store/v1/store'
import { XmtpError } from '@xmtp-ts/protocol'
import { firstSyncRetryMs, maxSyncRetryMs, maxSyncTaskTries } from '../../limits.ts'
import { jittered } from '../../network/retry.ts'
import type { StoredRecord } from '../../store/record-store.ts'
import { msToNs } from '../../environment.ts'
import { fromWireOptions } from '../archive/archive-options.ts'
import { nowNs, type Core } from '../core.ts'
import { findMessages } from '../message/stored.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow, scanAll } from '../records/rows.ts'
import { isRequested, sendArchive, takeArchive } from './archives.ts'
import { welcomeInstallation } from './new-installation.ts'
import { decodeSyncContent, type SyncContent } from './sync-content.ts'

/**
 * Does what other installations asked for and is due. What fails is reported, and tried again while that may help.
 * @param historyUrl the history service that the app has named
 * @returns when the next task is due, Unix nanoseconds
 * @throws XmtpError `client.store.*`
 */
export async function runTasks(
  core: Core,
  historyUrl: string | undefined,
): Promise<bigint | undefined> {
  const due: bigint[] = []
  for (const record of await scanAll(core.store, keys.syncTasks)) {
    const { nextTryNs } = decodeRow(SyncTask, record.value)
    const isDone = nextTryNs <= nowNs(core) && (await tryTask(core, record, historyUrl))
    const [left] = isDone ? [] : await core.store.get([record.key])
    if (left !== undefined) due.push(decodeRow(SyncTask, left).nextTryNs)
  }
  return due.toSorted((a, b) => Number(a - b))[0]
}

/** @returns whether there is nothing left to do */
async function tryTask(
  core: Core,
  record: StoredRecord,
  historyUrl: string | undefined,
): Promise<boolean> {
  const claim = await claimTask(core, record)
  if (claim === undefined) return false
  try {
    await runTask(core, record.key.slice(keys.syncTasks.length), historyUrl)
  } catch (error) {
    if (core.signal.aborted) return false
    core.report(error)
    const mayHelp = error instanceof XmtpError && error.retry
    if (mayHelp && decodeRow(SyncTask, claim).tries < maxSyncTaskTries) return false
  }
  const { key } = record
  await core.store.write({ expect: [{ key, value: claim }], remove: [key] })
  return true
}

/** Counts the try before it is made, so that of several processes one makes it, and one that ends them all is not made for ever. */
async function claimTask(
  core: Core,
  { key, value }: StoredRecord,
): Promise<Uint8Array | undefined> {
  const { tries } = decodeRow(SyncTask, value)
  const waitMs = Math.min(firstSyncRetryMs * 2 ** tries, maxSyncRetryMs)
  const nextTryNs = nowNs(core) + msToNs(jittered(waitMs, core.environment))
  const claim = encodeRow(SyncTask, { tries: tries + 1, nextTryNs })
  const written = await core.store.write({ expect: [{ key, value }], put: [{ key, value: claim }] })
  return written && claim
}

async function runTask(core: Core, name: string, historyUrl: string | undefined): Promise<void> {
  const [kind, id = ''] = name.split('/')
  if (kind === 'installation') {
    await welcomeInstallation(core)
    return
  }
  const row = (await findMessages(core.store, [id])).get(id)
  if (row !== undefined) await answer(core, decodeSyncContent(row.content), historyUrl)
}

async function answer(
  core: Core,
  content: SyncContent,
  historyUrl: string | undefined,
): Promise<void> {
  if (content.$case === 'reply' && (await isRequested(core, content.value.requestId)))
    await takeArchive(core, content.value, historyUrl)
  if (content.$case !== 'request' || historyUrl === undefined) return
  const { pin, serverUrl, options } = content.value
  if (options !== undefined)
    await sendArchive(core, {
      pin,
      options: fromWireOptions(options),
      serverUrl,
      trusted: historyUrl,
    })
}
