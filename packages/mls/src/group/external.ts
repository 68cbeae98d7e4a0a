import { empty } from '../bytes.ts'
import { encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { findSuite, hashLength } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import { exportSecret, setupSender } from '../hpke/hpke.ts'
import type { Random } from '../hpke/kem.ts'
import { groupContextCodec } from '../message/group-context.ts'
import type { PreSharedKeyId, Proposal } from '../message/proposal.ts'
import { signContent } from '../message/protect.ts'
import type { AuthenticatedContent, Commit, FramedContent, Sender } from '../message/wire.ts'
import type { GroupInfo } from '../message/welcome.ts'
import { decodeMessage, wireFormats } from '../message/wire.ts'
import {
  confirmedTranscriptHashOf,
  interimTranscriptHashOf,
  pskSecretOf,
} from '../schedule/key-schedule.ts'
import type { Credential } from '../tree/credential.ts'
import type { Extension } from '../tree/extension.ts'
import { readExternalPub } from '../tree/extension.ts'
import type { Capabilities } from '../tree/leaf-node.ts'
import { checkOwnCapabilities, checkSupport } from '../tree/leaf-rules.ts'
import { withLeafKey } from '../tree/path.ts'
import type { RatchetTree } from '../tree/ratchet-tree.ts'
import { withRoom } from '../tree/members.ts'
import type { AppliedProposals } from './apply.ts'
import { applyProposals } from './apply.ts'
import { makePath } from './commit.ts'
import type { GroupConfig } from './config.ts'
import { externalInitLabel } from './external-init.ts'
import { firstState } from './first-state.ts'
import { checkGroupInfo } from './group-info.ts'
import type { PskLookup } from './next-epoch.ts'
import { joinerAfter, nextContext, resolvePsks, startEpoch } from './next-epoch.ts'
import type { GroupState } from './state.ts'

/** What joining without an invitation takes. */
export type ExternalJoinOptions = {
  readonly signaturePrivateKey: Uint8Array
  readonly credential: Credential
  readonly capabilities: Capabilities
  readonly leafExtensions?: readonly Extension[]
  /** The encoded tree, if the GroupInfo does not carry it. */
  readonly ratchetTree?: Uint8Array
  /** The leaf of this client's earlier self, to be replaced ("resync", RFC 9420 §12.4.3.2). */
  readonly replaces?: number
  readonly psks?: readonly PreSharedKeyId[]
  readonly psk?: PskLookup
  readonly authenticatedData?: Uint8Array
  readonly config: GroupConfig
  readonly nowSeconds?: bigint
  readonly random: Random
}

/** The commit that joins, and the state that counts once the group has taken it. */
export type ExternalJoin = { readonly state: GroupState; readonly message: Uint8Array }

/**
 * Joins a group by a commit of one's own (RFC 9420 §12.4.3.2).
 *
 * @param bytes an MLSMessage with a GroupInfo
 * @throws MlsError `externalCommit.*`, `groupInfo.*`, `tree.*`, `leaf.*`, `psk.*`, `crypto.badKey`, `codec.*`
 */
export async function joinByExternalCommit(
  bytes: Uint8Array,
  options: ExternalJoinOptions,
): Promise<ExternalJoin> {
  const { config } = options
  const decoded = decodeMessage(bytes, config.wire)
  if (decoded.kind !== 'groupInfo')
    throw new MlsError('message.unexpectedWireFormat', `A ${decoded.kind} is no GroupInfo.`)
  const info = decoded.groupInfo
  const suite = findSuite(config.suites, info.context.cipherSuite)
  const tree = await checkGroupInfo(suite, info, options.ratchetTree, options.nowSeconds)
  const init = await externalInit(suite, info, options.random)
  const proposals = externalProposals(init.kemOutput, options)
  const sender: Sender = { kind: 'newMemberCommit' }
  const committed = proposals.map((proposal) => ({ proposal, sender, byReference: false }))
  const group = { suite, config, context: info.context, tree }
  const applied = await applyProposals(group, committed, undefined, options.nowSeconds)
  const room = withRoom(applied.tree)
  const own = await pathOf(suite, info, applied, room, options)
  const commit: Commit = {
    proposals: proposals.map((proposal) => ({ kind: 'proposal', proposal })),
    path: own.encrypted,
  }
  const signed = await signExternal(suite, config, info, commit, options)
  const psks = resolvePsks(applied.psks, undefined, options.psk)
  const before = interimTranscriptHashOf(
    suite,
    info.context.confirmedTranscriptHash,
    info.confirmationTag,
  )
  const confirmed = confirmedTranscriptHashOf(suite, config.wire, before, signed)
  const newTree = own.path.tree
  const context = nextContext(suite, info.context, newTree, applied.extensions, confirmed)
  const joiner = joinerAfter(suite, init.initSecret, own.path.commitSecret, context)
  const start = startEpoch(suite, joiner, pskSecretOf(suite, psks), context, newTree.depth)
  for (const secret of [init.initSecret, joiner, start.memberSecret]) secret.fill(0)
  const { leafIndex } = room
  const state = firstState({
    suite,
    config,
    context,
    tree: newTree,
    ownLeaf: leafIndex,
    nodeKeys: withLeafKey(own.path.privateKeys, leafIndex, own.leafPrivateKey),
    schedule: start,
    signaturePrivateKey: options.signaturePrivateKey,
  })
  const message = {
    content: signed.content,
    auth: { ...signed.auth, confirmationTag: start.confirmationTag },
    membershipTag: undefined,
  }
  return { state, message: encode(config.wire.message, { kind: 'publicMessage', message }) }
}

/** The external half of the init secret (RFC 9420 §8.3). */
async function externalInit(
  suite: CipherSuite,
  info: GroupInfo,
  random: Random,
): Promise<{ readonly kemOutput: Uint8Array; readonly initSecret: Uint8Array }> {
  const externalPub = readExternalPub(info.extensions)
  if (externalPub === undefined)
    throw new MlsError('externalCommit.noExternalPub', 'The GroupInfo has no external key.')
  const { kemOutput, context } = await setupSender(suite.hpke, externalPub, empty, random)
  return { kemOutput, initSecret: exportSecret(context, externalInitLabel, hashLength(suite)) }
}

function externalProposals(kemOutput: Uint8Array, options: ExternalJoinOptions): Proposal[] {
  const proposals: Proposal[] = [{ kind: 'externalInit', kemOutput }]
  if (options.replaces !== undefined) proposals.push({ kind: 'remove', removed: options.replaces })
  for (const psk of options.psks ?? []) proposals.push({ kind: 'preSharedKey', psk })
  return proposals
}

async function pathOf(
  suite: CipherSuite,
  info: GroupInfo,
  applied: AppliedProposals,
  room: { readonly tree: RatchetTree; readonly leafIndex: number },
  options: ExternalJoinOptions,
) {
  const { signaturePrivateKey, credential, capabilities, random } = options
  const leaf = {
    signatureKey: await suite.signature.publicKey(signaturePrivateKey),
    credential,
    capabilities,
    extensions: options.leafExtensions ?? [],
  }
  const source = { kind: 'update' } as const
  checkOwnCapabilities(suite, { ...leaf, encryptionKey: empty, source, signature: empty })
  checkSupport(capabilities, info.context.extensions)
  const { leafIndex } = room
  const { context } = info
  const maker = { suite, context, leafIndex, leaf, signaturePrivateKey, random }
  return makePath(maker, applied, room.tree)
}

function signExternal(
  suite: CipherSuite,
  config: GroupConfig,
  info: GroupInfo,
  commit: Commit,
  options: ExternalJoinOptions,
): Promise<AuthenticatedContent> {
  const { groupId, epoch } = info.context
  const content: FramedContent = {
    groupId,
    epoch,
    sender: { kind: 'newMemberCommit' },
    authenticatedData: options.authenticatedData ?? empty,
    body: { kind: 'commit', commit },
  }
  const contextBytes = encode(groupContextCodec, info.context)
  const format = wireFormats.publicMessage
  const key = options.signaturePrivateKey
  return signContent(suite, config.wire, format, content, contextBytes, key)
}

/** A proposal from outside the group: what it needs to be addressed and signed. */
export type OutsideProposal = {
  readonly suite: CipherSuite
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly proposal: Proposal
  readonly signaturePrivateKey: Uint8Array
  readonly config: GroupConfig
}

/**
 * Proposes to add oneself (RFC 9420 §12.1.8): the proposal is an Add of one's own key package.
 */
export function proposeSelf(proposal: OutsideProposal): Promise<Uint8Array> {
  return signOutside(proposal, { kind: 'newMemberProposal' })
}

/**
 * Proposes as one of the parties in the group's external_senders extension (RFC 9420 §12.1.8.1).
 *
 * @param senderIndex the place in the extension's list
 */
export function proposeAsExternalSender(
  proposal: OutsideProposal,
  senderIndex: number,
): Promise<Uint8Array> {
  return signOutside(proposal, { kind: 'external', senderIndex })
}

async function signOutside(outside: OutsideProposal, sender: Sender): Promise<Uint8Array> {
  const { suite, groupId, epoch, proposal, signaturePrivateKey } = outside
  const { wire } = outside.config
  const content: FramedContent = {
    groupId,
    epoch,
    sender,
    authenticatedData: empty,
    body: { kind: 'proposal', proposal },
  }
  const format = wireFormats.publicMessage
  const signed = await signContent(suite, wire, format, content, empty, signaturePrivateKey)
  const message = { content, auth: signed.auth, membershipTag: undefined }
  return encode(wire.message, { kind: 'publicMessage', message })
}
