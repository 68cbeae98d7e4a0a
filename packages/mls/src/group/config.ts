import type { CipherSuite } from '../crypto/suite.ts'
import { limits } from '../limits.ts'
import type { Wire } from '../message/wire.ts'
import { standardWire } from '../message/wire.ts'
import type { RatchetLimits } from '../schedule/secret-tree.ts'

/**
 * Works out the new data of one component from AppDataUpdate proposals (draft-ietf-mls-extensions): what an update
 * means is up to the application. Undefined removes the component.
 */
export type ApplyAppData = (
  componentId: number,
  current: Uint8Array | undefined,
  updates: readonly Uint8Array[],
) => Uint8Array | undefined

/** How a member keeps and frames a group; nothing of it is agreed with others or stored with the group. */
export type GroupConfig = RatchetLimits & {
  /** The suites in which groups are joined and loaded. */
  readonly suites: readonly CipherSuite[]
  /** Epochs before the current one whose application messages can still be read. */
  readonly pastEpochs: number
  /** Epochs whose resumption secret is kept. */
  readonly resumptionEpochs: number
  /** Private messages are padded to a multiple of this many bytes; 0 for none. */
  readonly paddedTo: number
  /** How own proposals and commits are framed. */
  readonly handshakeFormat: 'private' | 'public'
  /** Whether proposals and commits of members are accepted in the clear. */
  readonly acceptPublicHandshake: boolean
  /** The codecs, with the application's own proposal types. */
  readonly wire: Wire
  readonly applyAppData: ApplyAppData
}

/**
 * The usual settings, for some suites only: everything encrypted, the limits of limits.ts, no padding, no types of the
 * application's own; an AppDataUpdate replaces the data.
 */
export function configFor(suites: readonly CipherSuite[]): GroupConfig {
  return {
    suites,
    pastEpochs: limits.pastEpochs,
    resumptionEpochs: limits.resumptionEpochs,
    outOfOrder: limits.outOfOrder,
    forwardDistance: limits.forwardDistance,
    paddedTo: 0,
    handshakeFormat: 'private',
    acceptPublicHandshake: true,
    wire: standardWire,
    applyAppData: (_, current, updates) => updates.at(-1) ?? current,
  }
}
