import { LateWelcome } from '@xmtp-ts/proto/store/v1/store'
import { XmtpError } from '@xmtp-ts/protocol'
import type { WelcomePointer } from '@xmtp-ts/protocol/group'
import {
  firstLateWelcomeNs,
  lateWelcomeNs,
  maxLateWelcomeAttempts,
  maxLateWelcomes,
  maxLateWelcomeWaitNs,
} from '../../limits.ts'
import { underPrefix, type StoredRecord } from '../../store/record-store.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { encodeRow } from '../records/rows.ts'
import type { WelcomePlace } from './open-group.ts'

/**
 * What is kept of a pointer to a welcome that is not there yet (v3-mls §4.2), so that it is looked for again later, by any
 * process. Too many are refused.
 */
export async function lateRecords(
  core: Core,
  pointer: WelcomePointer,
  { id, createdNs }: WelcomePlace,
): Promise<readonly StoredRecord[]> {
  const range = { ...underPrefix(keys.lateWelcomes), order: 'ascending' } as const
  const waiting = await core.store.scan({ ...range, limit: maxLateWelcomes })
  if (waiting.length === maxLateWelcomes) {
    const error = new XmtpError(
      'client.welcome.tooManyLate',
      `${maxLateWelcomes} pointers wait for what they point to.`,
    )
    core.onRefused({ conversationId: undefined, sequenceId: id, error })
    return []
  }
  const { destination, encryptionKey, dataNonce, welcomeMetadataNonce } = pointer
  const value = encodeRow(LateWelcome, {
    destination,
    encryptionKey,
    dataNonce,
    welcomeMetadataNonce,
    createdNs,
    attempts: 0,
    nextAttemptNs: nowNs(core) + firstLateWelcomeNs,
    expiresNs: nowNs(core) + lateWelcomeNs,
  })
  return [{ key: keys.lateWelcome(id), value }]
}

/** The same row for the next attempt; undefined when it was the last one. */
export function nextAttempt(row: LateWelcome, atNs: bigint): LateWelcome | undefined {
  const attempts = row.attempts + 1
  if (attempts >= maxLateWelcomeAttempts || row.expiresNs <= atNs) return undefined
  return { ...row, attempts, nextAttemptNs: atNs + waitNs(attempts) }
}

/** Half as long again each time. */
function waitNs(attempts: number): bigint {
  let wait = firstLateWelcomeNs
  for (let done = 0; done < attempts && wait < maxLateWelcomeWaitNs; done += 1)
    wait = (wait * 3n) / 2n
  return wait < maxLateWelcomeWaitNs ? wait : maxLateWelcomeWaitNs
}
