import { hashLength } from '../crypto/suite.ts'
import type { Random } from '../hpke/kem.ts'
import type { PreSharedKeyId, ResumptionUsage } from '../message/proposal.ts'
import type { PreSharedKey } from '../schedule/key-schedule.ts'
import { exportFrom } from '../schedule/key-schedule.ts'
import type { GroupState } from './state.ts'

/**
 * The current epoch as a pre-shared key for another group, or a later epoch of this one (RFC 9420 §8.6, §11.2, §11.3).
 */
export function resumptionPsk(
  state: GroupState,
  usage: ResumptionUsage,
  random: Random,
): PreSharedKey {
  const { groupId, epoch } = state.context
  const nonce = random(hashLength(state.suite))
  return {
    id: { kind: 'resumption', usage, groupId, epoch, nonce },
    secret: state.secrets.resumptionPsk,
  }
}

/** Names an external pre-shared key for one use (RFC 9420 §8.4). */
export function externalPskId(state: GroupState, id: Uint8Array, random: Random): PreSharedKeyId {
  return { kind: 'external', id, nonce: random(hashLength(state.suite)) }
}

/**
 * A secret for the application, from the current epoch (RFC 9420 §8.5).
 *
 * @param length bytes wanted, at most 255 times the suite's hash
 */
export function exportGroupSecret(
  state: GroupState,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  return exportFrom(state.suite, state.secrets.exporterSecret, label, context, length)
}

/** A value that all members of an epoch share and no one else knows; equal values mean no fork (RFC 9420 §8.7). */
export function epochAuthenticator(state: GroupState): Uint8Array {
  return state.secrets.epochAuthenticator
}
