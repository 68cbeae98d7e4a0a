import { decode, encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import type { GroupContext } from '../message/group-context.ts'
import { groupContextCodec } from '../message/group-context.ts'
import type { NodeKeys } from '../tree/path.ts'
import type { RatchetTree } from '../tree/ratchet-tree.ts'
import type { GroupConfig } from './config.ts'
import type { EpochSchedule } from './next-epoch.ts'
import type { GroupState } from './state.ts'

/** The parts of a first state. */
export type FirstStateParts = {
  readonly suite: CipherSuite
  readonly config: GroupConfig
  readonly context: GroupContext
  readonly tree: RatchetTree
  readonly ownLeaf: number
  readonly nodeKeys: NodeKeys
  readonly schedule: EpochSchedule
  readonly signaturePrivateKey: Uint8Array
}

/** The state of a member that has just come, or has just made the group. */
export function firstState({ schedule, ...parts }: FirstStateParts): GroupState {
  // Decoded again from a copy: what came with a welcome points into the whole of it.
  const contextBytes = encode(groupContextCodec, parts.context)
  const context = decode(groupContextCodec, contextBytes)
  const { secrets, secretTree, confirmationTag, interimTranscriptHash } = schedule
  return {
    ...parts,
    status: 'active',
    reInit: undefined,
    context,
    contextBytes,
    secrets,
    secretTree,
    confirmationTag,
    interimTranscriptHash,
    proposals: [],
    pastEpochs: [],
    resumption: [{ epoch: context.epoch, secret: secrets.resumptionPsk }],
  }
}
