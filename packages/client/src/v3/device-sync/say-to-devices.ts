import { prepareMessage, publishMessages } from '../group/send.ts'
import type { Core } from '../core.ts'
import { encodeSyncContent, type SyncContent } from './sync-content.ts'
import { openSyncGroup } from './sync-group.ts'

/**
 * Says something to the other installations of the inbox.
 * @param whenKept called when the message is kept: it is sent then, sooner or later
 * @throws what the network throws; the message is sent with the next one
 */
export async function sayToDevices(
  core: Core,
  content: SyncContent,
  whenKept: () => Promise<void> = async () => undefined,
): Promise<void> {
  const id = await openSyncGroup(core)
  await prepareMessage(core, id, { content: encodeSyncContent(content), shouldPush: false })
  await whenKept()
  await publishMessages(core, id)
}
