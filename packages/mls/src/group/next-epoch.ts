import { equal } from '../bytes.ts'
import { encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { GroupContext } from '../message/group-context.ts'
import { groupContextCodec } from '../message/group-context.ts'
import type { PreSharedKeyId } from '../message/proposal.ts'
import type { EpochSecrets, PreSharedKey } from '../schedule/key-schedule.ts'
import {
  confirmationTagOf,
  deriveEpoch,
  epochSecretOf,
  interimTranscriptHashOf,
  joinerSecretOf,
  memberSecretOf,
} from '../schedule/key-schedule.ts'
import type { SecretTree } from '../schedule/secret-tree.ts'
import { secretTreeFrom } from '../schedule/secret-tree.ts'
import type { Extension } from '../tree/extension.ts'
import type { RatchetTree } from '../tree/ratchet-tree.ts'
import { treeHash } from '../tree/tree-hash.ts'
import type { GroupState, ResumptionSecret } from './state.ts'

/** Finds a pre-shared key that the application knows; undefined if it does not. */
export type PskLookup = (id: PreSharedKeyId) => Uint8Array | undefined

/** The schedule of one epoch with what only its start needs. */
export type EpochStart = {
  readonly joinerSecret: Uint8Array
  readonly memberSecret: Uint8Array
  readonly secrets: EpochSecrets
  readonly secretTree: SecretTree
  readonly confirmationTag: Uint8Array
  readonly interimTranscriptHash: Uint8Array
}

/** The context of the epoch a commit leads to; paths are encrypted with the old transcript in it (RFC 9420 §12.4.1). */
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
  const { secrets, encryptionSecret } = deriveEpoch(suite, epochSecret)
  epochSecret.fill(0)
  const { confirmedTranscriptHash } = context
  const tag = confirmationTagOf(suite, secrets.confirmationKey, confirmedTranscriptHash)
  return {
    joinerSecret,
    memberSecret,
    secrets,
    secretTree: secretTreeFrom(encryptionSecret, depth),
    confirmationTag: tag,
    interimTranscriptHash: interimTranscriptHashOf(suite, confirmedTranscriptHash, tag),
  }
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
 * The secrets behind the pre-shared keys of a commit or welcome: resumption secrets of this group are known here, all
 * others come from the application (RFC 9420 §8.4).
 *
 * @throws MlsError `psk.unknown`
 */
export function resolvePsks(
  ids: readonly PreSharedKeyId[],
  group: { readonly groupId: Uint8Array; readonly resumption: readonly ResumptionSecret[] },
  lookup: PskLookup | undefined,
): readonly PreSharedKey[] {
  return ids.map((id) => {
    const secret = ownResumption(id, group) ?? lookup?.(id)
    if (secret === undefined)
      throw new MlsError('psk.unknown', `No ${id.kind} pre-shared key of that name is known.`)
    return { id, secret }
  })
}

function ownResumption(
  id: PreSharedKeyId,
  group: { readonly groupId: Uint8Array; readonly resumption: readonly ResumptionSecret[] },
): Uint8Array | undefined {
  if (id.kind !== 'resumption' || !equal(id.groupId, group.groupId)) return undefined
  return group.resumption.find(({ epoch }) => epoch === id.epoch)?.secret
}

/** Epoch secrets to keep for resumption after an epoch has begun. */
export function keptResumption(
  state: GroupState,
  epoch: bigint,
  secret: Uint8Array,
): readonly ResumptionSecret[] {
  return [{ epoch, secret }, ...state.resumption].slice(0, state.config.resumptionEpochs + 1)
}
