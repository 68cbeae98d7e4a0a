import { PreferenceUpdate } from '@xmtp-ts/proto/device_sync/content'
import {
  firstSyncRetryMs,
  maxPreferencesPerMessage,
  maxSyncRetryMs,
  syncLookMs,
} from '../../limits.ts'
import { nsToMs } from '../../environment.ts'
import { jittered } from '../../network/retry.ts'
import { underPrefix, type StoredRecord } from '../../store/record-store.ts'
import { nowNs, type Core } from '../core.ts'
import { publishMessages } from '../group/send.ts'
import { receiveWelcomes } from '../group/welcomes.ts'
import { keys } from '../records/keys.ts'
import { decodeRow } from '../records/rows.ts'
import { waitAtMost } from '../signals.ts'
import { sayToDevices } from './say-to-devices.ts'
import { openSyncGroup } from './sync-group.ts'
import { runTasks } from './tasks.ts'

/**
 * Keeps this installation in step with the others of its inbox, until the client is closed. What fails is reported and tried
 * again.
 * @param historyUrl where archives go; undefined: nowhere
 */
export async function followDevices(core: Core, historyUrl: string | undefined): Promise<void> {
  const { signals, signal, environment } = core
  let isReady = false
  let failures = 0
  while (!signal.aborted) {
    const seen = signals.count('deviceSync')
    try {
      if (!isReady) await makeReady(core)
      isReady = true
      await tellDecisions(core)
      const dueNs = await runTasks(core, historyUrl)
      failures = 0
      const dueMs = dueNs === undefined ? syncLookMs : nsToMs(dueNs - nowNs(core)) + 1
      const maxMs = Math.max(0, Math.min(dueMs, syncLookMs))
      await waitAtMost(core, 'deviceSync', { seen, maxMs, signal })
    } catch (error) {
      if (signal.aborted) return
      core.report(error)
      isReady = false
      const waitMs = Math.min(firstSyncRetryMs * 2 ** failures, maxSyncRetryMs)
      failures += 1
      await environment.sleep(jittered(waitMs, environment), signal)
    }
  }
}

/** There is a sync group, and what could not be sent to it is sent. */
async function makeReady(core: Core): Promise<void> {
  const id = await openSyncGroup(core)
  const waiting = await firstUnder(core, keys.pendingMessages(id), 1)
  if (waiting.length > 0) await publishMessages(core, id)
}

/** Tells the other installations what the user has decided here: what was decided at once, in one message. */
async function tellDecisions(core: Core): Promise<void> {
  for (;;) {
    const told = await firstUnder(core, keys.outgoingPreferences, maxPreferencesPerMessage)
    if (told.length === 0) return
    // An installation that has just come reads the sync group that it made, and no older one.
    await receiveWelcomes(core)
    const updates = told.map(({ value }) => decodeRow(PreferenceUpdate, value))
    await sayToDevices(core, { $case: 'preferenceUpdates', value: { updates } }, () =>
      forget(core, told),
    )
  }
}

/** What was decided anew in the meantime is still to be told. */
async function forget({ store }: Core, told: readonly StoredRecord[]): Promise<void> {
  const remove = told.map(({ key }) => key)
  if ((await store.write({ expect: told, remove })) !== undefined) return
  for (const record of told) await store.write({ expect: [record], remove: [record.key] })
}

function firstUnder(
  { store }: Core,
  prefix: string,
  limit: number,
): Promise<readonly StoredRecord[]> {
  return store.scan({ ...underPrefix(prefix), order: 'ascending', limit })
}
