import { empty } from '../bytes.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { hashLength } from '../crypto/suite.ts'
import type { Random } from '../hpke/kem.ts'
import type { GroupContext } from '../message/group-context.ts'
import { protocolVersion } from '../message/group-context.ts'
import type { Extension } from '../tree/extension.ts'
import { nodeOfLeaf } from '../tree/math.ts'
import { checkMembersTogether } from '../tree/leaf-rules.ts'
import { emptyTree } from '../tree/ratchet-tree.ts'
import { addLeaf } from '../tree/members.ts'
import { treeHash } from '../tree/tree-hash.ts'
import type { GroupConfig } from './config.ts'
import { firstState } from './first-state.ts'
import type { OwnKeyPackage } from './key-package.ts'
import { scheduleFrom } from './next-epoch.ts'
import type { GroupState } from './state.ts'

/** What a new group is made of. */
export type CreateGroupOptions = {
  readonly suite: CipherSuite
  /** Unique among all groups its members will ever be in; 16 random bytes will do. */
  readonly groupId: Uint8Array
  /** The creator's leaf is taken from it; the key package itself is not used up. */
  readonly own: Pick<OwnKeyPackage, 'keyPackage' | 'leafPrivateKey'>
  readonly signaturePrivateKey: Uint8Array
  readonly extensions?: readonly Extension[]
  readonly config: GroupConfig
  readonly random: Random
}

/**
 * A group of one, in epoch 0 (RFC 9420 §11).
 *
 * @throws MlsError `leaf.*` if the creator does not meet what the extensions require
 */
export function createGroup(options: CreateGroupOptions): GroupState {
  const { suite, groupId, own, random } = options
  const { tree, leafIndex } = addLeaf(emptyTree(), own.keyPackage.leafNode)
  const extensions = options.extensions ?? []
  checkMembersTogether(tree, extensions)
  const context: GroupContext = {
    version: protocolVersion,
    cipherSuite: suite.id,
    groupId,
    epoch: 0n,
    treeHash: treeHash(suite, tree),
    confirmedTranscriptHash: empty,
    extensions,
  }
  const secret = random(hashLength(suite))
  return firstState({
    suite,
    config: options.config,
    context,
    tree,
    ownLeaf: leafIndex,
    nodeKeys: new Map([[nodeOfLeaf(leafIndex), own.leafPrivateKey]]),
    schedule: scheduleFrom(suite, secret, context.confirmedTranscriptHash, tree.depth),
    signaturePrivateKey: options.signaturePrivateKey,
  })
}
