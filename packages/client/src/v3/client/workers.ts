import { keyPackageLookMs } from '../../limits.ts'
import { deleteExpired } from '../conversation/expire.ts'
import { removeLeaving } from '../conversation/leave.ts'
import { followCommitLogs } from '../commit-log/worker.ts'
import type { Core } from '../core.ts'
import { followDevices } from '../device-sync/worker.ts'
import { followLateWelcomes } from '../group/find-late-welcomes.ts'
import { sendLate } from '../group/late.ts'
import { sendOwedWelcomes } from '../group/owed-welcomes.ts'
import type { ClientOptions } from './options.ts'

/** What a client does by itself, until it is closed. Failures are reported, and tried again. */
export function startWorkers(core: Core): void {
  void deleteExpired(core)
}

/** What only a registered installation does. */
export function startRegisteredWorkers(
  core: Core,
  { forkRecovery = {} }: Pick<ClientOptions, 'forkRecovery'>,
  historyUrl: string | undefined,
): void {
  if (core.syncsDevices) void followDevices(core, historyUrl)
  void removeLeaving(core)
  void sendLate(core)
  void rotateKeyPackages(core)
  void followCommitLogs(core, forkRecovery)
  void followLateWelcomes(core)
  // An earlier run may have ended between a commit and its welcomes.
  void sendOwedWelcomes(core).catch(core.report)
}

async function rotateKeyPackages(core: Core): Promise<void> {
  const { keyPackages, environment, signal } = core
  while (!signal.aborted) {
    await keyPackages.rotateIfDue().catch(core.report)
    await environment.sleep(keyPackageLookMs, signal)
  }
}
