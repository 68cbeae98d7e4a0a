import { PendingMessage } from '@xmtp-ts/proto/store/v1/store'
import { confirmationWaitMs } from '../../limits.ts'
import type { Core } from '../core.ts'
import type { Feed } from '../delivery/feed.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanAll } from '../records/rows.ts'

/**
 * Waits until what was just sent has its place and time: the reading back that is under way, or the stream that brings it
 * (a moment at the most: what the stream does not bring is shown as unpublished).
 */
export async function settled(
  { core, feed }: { core: Core; feed: Feed },
  id: string,
): Promise<void> {
  await core.confirmed(id)
  const ended = AbortSignal.any([core.signal, AbortSignal.timeout(confirmationWaitMs)])
  while (feed.isLive() && !ended.aborted) {
    const seen = core.signals.count('delivered')
    if (!(await isOnItsWay(core, id))) return
    await core.signals.wait('delivered', seen, ended)
  }
}

async function isOnItsWay({ store }: Core, id: string): Promise<boolean> {
  const waiting = await scanAll(store, keys.pendingMessages(id))
  return waiting.some(({ value }) => decodeRow(PendingMessage, value).payload.length > 0)
}
