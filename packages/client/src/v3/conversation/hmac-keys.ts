import { v3 } from '@xmtp-ts/protocol'
import type { Core } from '../core.ts'
import type { View } from './view.ts'

/** A key with which a push server tells our own messages, for one period of 30 days. */
export type HmacKey = {
  /** 42 bytes */
  readonly key: Uint8Array
  /** 30-day periods since 1970 */
  readonly epoch: bigint
}

/** The keys of conversations by their ids: of the previous, the current and the next period. */
export async function readHmacKeys(
  core: Core,
  views: readonly View[],
): Promise<Record<string, HmacKey[]>> {
  const rootKey = await core.hmacRootKey()
  const nowMs = core.environment.nowMs()
  return Object.fromEntries(
    views.map(({ id, row: { groupId } }) => [
      id,
      v3
        .hmacKeysForPush(nowMs, { rootKey, groupId })
        .map(({ key, period }) => ({ key, epoch: BigInt(period) })),
    ]),
  )
}
