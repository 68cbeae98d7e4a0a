import { equal } from '../bytes.ts'
import { encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { GroupContext } from '../message/group-context.ts'
import { groupContextCodec } from '../message/group-context.ts'
import type { PreSharedKeyId } from '../message/proposal.ts'
import type { PreSharedKey } from '../schedule/key-schedule.ts'
import {
  confirmationTagOf,
  deriveEpoch,
  epochSecretOf,
  interimTranscriptHashOf,
  joinerSecretOf,
  memberSecretOf,
} from '../schedule/key-schedule.ts'
import { secretTreeFrom } from '../schedule/secret-tree.ts'
import type { Extension } from '../tree/extension.ts'
import type { RatchetTree } from '../tree/ratchet-tree.ts'
import { treeHash } from '../tree/tree-hash.ts'
import type { GroupState } from './state.ts'

/** Finds a pre-shared key that the application knows; undefined if it does not. */
export type PskLookup = (id: PreSharedKeyId) => Uint8Array | undefined

/** What the key schedule gives to one epoch. */
export type EpochSchedule = Pick<
  GroupState,
  'secrets' | 'secretTree' | 'confirmationTag' | 'interimTranscriptHash'
>

/** The schedule of one epoch with what only its start needs. */
export type EpochStart = EpochSchedule & {
  readonly joinerSecret: Uint8Array
  readonly memberSecret: Uint8Array
}

/** The context of the epoch a commit leads to (RFC 9420 §12.4.1). */
export function nextContext(
  suite: CipherSuite,
  before: GroupContext,
  tree: RatchetTree,
  extensions: readonly Extension[],
  confirmedTranscriptHash: Uint8Array,
): GroupContext {
  return {
    ...before,
    epoch: before.epoch + 1n,
    treeHash: treeHash(suite, tree),
    confirmedTranscriptHash,
    extensions,
  }
}

/** The encoded context that path secrets are encrypted with: all is new but the transcript (RFC 9420 §12.4.1). */
export function provisionalContext(
  suite: CipherSuite,
  before: GroupContext,
  tree: RatchetTree,
  extensions: readonly Extension[],
): Uint8Array {
  const { confirmedTranscriptHash } = before
  const context = nextContext(suite, before, tree, extensions, confirmedTranscriptHash)
  return encode(groupContextCodec, context)
}

/** Runs the key schedule from an epoch secret on, and wipes it (RFC 9420 §8). */
export function scheduleFrom(
  suite: CipherSuite,
  epochSecret: Uint8Array,
  confirmedTranscriptHash: Uint8Array,
  depth: number,
): EpochSchedule {
  const { secrets, encryptionSecret } = deriveEpoch(suite, epochSecret)
  epochSecret.fill(0)
  const tag = confirmationTagOf(suite, secrets.confirmationKey, confirmedTranscriptHash)
  return {
    secrets,
    secretTree: secretTreeFrom(encryptionSecret, depth),
    confirmationTag: tag,
    interimTranscriptHash: interimTranscriptHashOf(suite, confirmedTranscriptHash, tag),
  }
}

/** Runs the key schedule from a joiner secret on (RFC 9420 §8). */
export function startEpoch(
  suite: CipherSuite,
  joinerSecret: Uint8Array,
  pskSecret: Uint8Array,
  context: GroupContext,
  depth: number,
): EpochStart {
  const memberSecret = memberSecretOf(suite, joinerSecret, pskSecret)
  const contextBytes = encode(groupContextCodec, context)
  const epochSecret = epochSecretOf(suite, memberSecret, contextBytes)
  const schedule = scheduleFrom(suite, epochSecret, context.confirmedTranscriptHash, depth)
  return { joinerSecret, memberSecret, ...schedule }
}

/** The joiner secret of the epoch after a commit (RFC 9420 §8). */
export function joinerAfter(
  suite: CipherSuite,
  initSecret: Uint8Array,
  commitSecret: Uint8Array,
  context: GroupContext,
): Uint8Array {
  return joinerSecretOf(suite, initSecret, commitSecret, encode(groupContextCodec, context))
}

/**
 * The secrets behind the pre-shared keys of a commit or welcome: resumption secrets of a group are known here, all
 * others come from the application (RFC 9420 §8.4).
 *
 * @param group the group itself, or the one that a new group follows, if there is one
 * @throws MlsError `psk.unknown`
 */
export function resolvePsks(
  ids: readonly PreSharedKeyId[],
  group: GroupState | undefined,
  lookup: PskLookup | undefined,
): readonly PreSharedKey[] {
  return ids.map((id) => {
    const secret = ownResumption(id, group) ?? lookup?.(id)
    if (secret === undefined)
      throw new MlsError('psk.unknown', `No ${id.kind} pre-shared key of that name is known.`)
    return { id, secret }
  })
}

function ownResumption(id: PreSharedKeyId, group: GroupState | undefined): Uint8Array | undefined {
  if (id.kind !== 'resumption' || !group || !equal(id.groupId, group.context.groupId))
    return undefined
  return group.resumption.find(({ epoch }) => epoch === id.epoch)?.secret
}

/** What a commit makes of a state, beside the key schedule. */
export type NextParts = Pick<GroupState, 'reInit' | 'context' | 'tree' | 'nodeKeys'>

/** The state in the epoch that a commit leads to; the epoch before is kept when the commit is adopted. */
export function stateAfter(
  state: GroupState,
  parts: NextParts,
  schedule: EpochSchedule,
): GroupState {
  const { secrets, secretTree, confirmationTag, interimTranscriptHash } = schedule
  const { epoch } = parts.context
  return {
    ...state,
    ...parts,
    status: parts.reInit === undefined ? 'active' : 'reInit',
    contextBytes: encode(groupContextCodec, parts.context),
    secrets,
    secretTree,
    confirmationTag,
    interimTranscriptHash,
    proposals: [],
    pastEpochs: [],
    resumption: [{ epoch, secret: secrets.resumptionPsk }, ...state.resumption].slice(
      0,
      state.config.resumptionEpochs + 1,
    ),
  }
}
