import { XmtpError } from '@xmtp-ts/protocol'
import { PreferenceUpdate } from '@xmtp-ts/proto/device_sync/content'
import { activeGroupNs, maxParallelGroups } from '../../limits.ts'
import { listViews } from '../conversation/found.ts'
import { nowNs, type Core } from '../core.ts'
import { changeGroup } from '../group/commit.ts'
import { planMembers } from '../group/members.ts'
import { isPaused } from '../group/pausing.ts'
import { inParallel } from '../group/sync.ts'
import { hmacRootKeyBytes } from '../identity/installation.ts'
import { keys } from '../records/keys.ts'
import { encodeRow } from '../records/rows.ts'

/**
 * Another installation of ours has made a sync group, so it is new: it is let into the conversations that are wanted and in
 * which something was said in the last 90 days, and all installations agree on another key for push servers (v3-mls §6.6).
 * @throws what may go well later, after all that went well
 */
export async function welcomeInstallation(core: Core): Promise<void> {
  const sinceNs = nowNs(core) - activeGroupNs
  const views = await listViews(core, { includeDuplicateDms: true })
  const active = views.filter(
    ({ row, activeAtNs }) => row.active && !isPaused(core, row) && activeAtNs > sinceNs,
  )
  await inParallel(active, maxParallelGroups, ({ id }) => letIn(core, id))
  await cycleHmacKey(core)
}

async function letIn(core: Core, id: string): Promise<void> {
  try {
    await changeGroup(core, id, (group) => planMembers(core, group, { add: [], remove: [] }))
  } catch (error) {
    if (!(error instanceof XmtpError) || error.retry) throw error
    // One conversation that cannot be changed keeps nobody out of the others.
    core.report(error)
  }
}

/** Makes a new key for push servers, which counts for all installations when it comes back in the sync group. */
export async function cycleHmacKey(core: Core): Promise<void> {
  if (!core.syncsDevices) return
  const key = core.environment.random(hmacRootKeyBytes)
  const update = { $case: 'hmac', value: { key, cycledAtNs: nowNs(core) } } as const
  const value = encodeRow(PreferenceUpdate, { update })
  await core.store.write({ put: [{ key: keys.outgoingHmacKey, value }] })
  core.signals.raise('deviceSync')
}
