import type { Conversation } from '@xmtp-ts/proto/store/v1/store'
import { attempt } from '@xmtp-ts/protocol'
import { compareVersions } from '@xmtp-ts/protocol/group'
import type { Core } from '../core.ts'

/**
 * Whether a group asks for later rules than this client keeps (v3-mls §7.4): it is neither read nor written until a
 * client of such a version opens the store. What the group asks for is stored, whether that is too much is not.
 */
export function isPaused(
  { protocolVersion }: Pick<Core, 'protocolVersion'>,
  { pausedForVersion }: Pick<Conversation, 'pausedForVersion'>,
): boolean {
  if (pausedForVersion === '') return false
  const order = attempt(() => compareVersions(pausedForVersion, protocolVersion))
  return !order.ok || order.value > 0
}
