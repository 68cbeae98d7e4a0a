import { equal, equalConstantTime } from '../bytes.ts'
import { MlsError } from '../errors.ts'
import type { Proposal } from '../message/proposal.ts'
import {
  checkContentSignature,
  membershipTagOf,
  openPrivateMessage,
  openSenderData,
} from '../message/protect.ts'
import type {
  AuthenticatedContent,
  FramedContent,
  PrivateMessage,
  PublicMessage,
  Sender,
} from '../message/wire.ts'
import { contentTypes, decodeMessage, wireFormats } from '../message/wire.ts'
import { takeKey } from '../schedule/secret-tree.ts'
import type { SecretTree } from '../schedule/secret-tree.ts'
import { readExternalSenders } from '../tree/extension.ts'
import type { LeafNode } from '../tree/leaf-node.ts'
import { checkProposer } from './proposal-rules.ts'
import { proposalReference, withProposal } from './send.ts'
import type { ProcessOptions } from './stage.ts'
import { stageCommit } from './stage.ts'
import type { StagedCommit } from './staged-commit.ts'
import type { GroupState, Member, PastEpoch } from './state.ts'
import { expectActive, memberAt } from './state.ts'

/** What a message turned out to be. `state` is the one to go on with, whatever becomes of a staged commit. */
export type Received =
  | {
      readonly kind: 'application'
      readonly state: GroupState
      readonly data: Uint8Array
      /** The sender's leaf as it was in the epoch of the message. */
      readonly sender: Member
      readonly authenticatedData: Uint8Array
      readonly epoch: bigint
      readonly generation: number
      /** Messages that its sender encrypted between the newest one that came before and this one. */
      readonly skipped: number
    }
  | {
      readonly kind: 'proposal'
      readonly state: GroupState
      readonly proposal: Proposal
      readonly reference: Uint8Array
      readonly sender: Sender
      readonly authenticatedData: Uint8Array
    }
  | { readonly kind: 'commit'; readonly state: GroupState; readonly staged: StagedCommit }

type Opened = {
  readonly state: GroupState
  readonly content: AuthenticatedContent
  readonly sender: Member | undefined
  readonly generation: number
  readonly skipped: number
}

/**
 * Reads one message of the group (RFC 9420 §6, §12.4.2, §15). Nothing is changed: the result holds the state after
 * the message, and a commit has to be adopted besides.
 *
 * @param bytes an MLSMessage with a PublicMessage or PrivateMessage
 * @throws MlsError `message.*`, `codec.*`, `group.*`, and for commits all of `stageCommit`
 */
export async function processMessage(
  state: GroupState,
  bytes: Uint8Array,
  options: ProcessOptions = {},
): Promise<Received> {
  const message = decodeMessage(bytes, state.config.wire)
  if (message.kind === 'privateMessage')
    return received(state, await openPrivate(state, message.message), options)
  if (message.kind === 'publicMessage')
    return received(state, await openPublic(state, message.message), options)
  throw new MlsError('message.unexpectedWireFormat', `A ${message.kind} is no message of a group.`)
}

async function received(
  before: GroupState,
  { state, content, sender, generation, skipped }: Opened,
  options: ProcessOptions,
): Promise<Received> {
  const { body, authenticatedData, epoch } = content.content
  if (body.kind === 'application') {
    if (sender === undefined)
      throw new MlsError('message.senderNotAllowed', 'Application data from outside.')
    return {
      kind: 'application',
      state,
      data: body.data,
      sender,
      authenticatedData,
      epoch,
      generation,
      skipped,
    }
  }
  expectActive(before)
  if (body.kind === 'commit') {
    const staged = await stageCommit(state, content, body.commit, options)
    return { kind: 'commit', state, staged }
  }
  const { proposal } = body
  checkProposer(proposal, content.content.sender)
  const reference = proposalReference(state.suite, state.config.wire, content)
  const known = state.proposals.some((pending) => equal(pending.reference, reference))
  const pending = {
    reference,
    proposal,
    sender: content.content.sender,
    leafPrivateKey: undefined,
  }
  return {
    kind: 'proposal',
    state: known ? state : withProposal(state, pending),
    proposal,
    reference,
    sender: content.content.sender,
    authenticatedData,
  }
}

function checkFrame(
  state: GroupState,
  message: { readonly groupId: Uint8Array; readonly epoch: bigint },
): void {
  if (!equal(message.groupId, state.context.groupId))
    throw new MlsError('message.wrongGroup', 'The message belongs to another group.')
  if (message.epoch > state.context.epoch)
    throw new MlsError(
      'message.epochInFuture',
      `The message is of epoch ${message.epoch}, the group in ${state.context.epoch}.`,
    )
}

/** The epoch of a late message: only application data may come late (RFC 9420 §12.4.2, §15.3). */
function epochOf(
  state: GroupState,
  message: PrivateMessage,
): Pick<PastEpoch, 'contextBytes' | 'tree' | 'ownLeaf' | 'senderDataSecret' | 'secretTree'> {
  if (message.epoch === state.context.epoch)
    return { ...state, senderDataSecret: state.secrets.senderDataSecret }
  const past = state.pastEpochs.find(({ epoch }) => epoch === message.epoch)
  if (past === undefined || message.contentType !== contentTypes.application)
    throw new MlsError(
      'message.epochTooOld',
      `The message is of epoch ${message.epoch}, the group in ${state.context.epoch}.`,
    )
  return past
}

function withSecretTree(state: GroupState, epoch: bigint, secretTree: SecretTree): GroupState {
  if (epoch === state.context.epoch) return { ...state, secretTree }
  const pastEpochs = state.pastEpochs.map((past) =>
    past.epoch === epoch ? { ...past, secretTree } : past,
  )
  return { ...state, pastEpochs }
}

async function openPrivate(state: GroupState, message: PrivateMessage): Promise<Opened> {
  checkFrame(state, message)
  const { suite, config } = state
  const epoch = epochOf(state, message)
  if (message.epoch === state.context.epoch && state.status === 'removed') expectActive(state)
  const senderData = openSenderData(suite, epoch.senderDataSecret, message)
  const { leafIndex, generation } = senderData
  if (leafIndex === epoch.ownLeaf)
    throw new MlsError('message.fromSelf', 'The keys of own messages are gone when they are sent.')
  const sender = memberAt(epoch.tree, leafIndex)
  const kind = message.contentType === contentTypes.application ? 'application' : 'handshake'
  const taken = takeKey(suite, epoch.secretTree, leafIndex, kind, generation, config)
  const content = openPrivateMessage(suite, config.wire, message, senderData, taken.key)
  const { signatureKey } = sender.leaf
  await checkContentSignature(suite, config.wire, content, epoch.contextBytes, signatureKey)
  taken.key.key.fill(0)
  taken.key.nonce.fill(0)
  return {
    state: withSecretTree(state, message.epoch, taken.tree),
    content,
    sender,
    generation,
    skipped: taken.skipped,
  }
}

async function openPublic(state: GroupState, message: PublicMessage): Promise<Opened> {
  const { suite, config, contextBytes } = state
  const { content, auth, membershipTag } = message
  checkFrame(state, content)
  if (content.epoch !== state.context.epoch)
    throw new MlsError('message.epochTooOld', `A public message of epoch ${content.epoch}.`)
  if (content.body.kind === 'application')
    throw new MlsError('message.applicationInPublic', 'Application data must be encrypted.')
  const authenticated = { wireFormat: wireFormats.publicMessage, content, auth }
  const fromMember = content.sender.kind === 'member'
  if (fromMember && !config.acceptPublicHandshake)
    throw new MlsError('message.unexpectedWireFormat', 'Members must encrypt in this group.')
  checkSenderOf(content)
  if (fromMember) {
    const key = state.secrets.membershipKey
    const tag = membershipTagOf(suite, config.wire, key, authenticated, contextBytes)
    if (membershipTag === undefined || !equalConstantTime(tag, membershipTag))
      throw new MlsError('message.badMembershipTag', 'The sender is not in this epoch.')
  }
  const signatureKey = publicSignatureKey(state, content)
  await checkContentSignature(suite, config.wire, authenticated, contextBytes, signatureKey)
  if (content.sender.kind === 'member' && content.sender.leafIndex === state.ownLeaf)
    checkOwnPublic(content)
  return { state, content: authenticated, sender: undefined, generation: 0, skipped: 0 }
}

/** A commit of one's own is adopted from where it was staged: its path cannot be opened by its maker. */
function checkOwnPublic(content: FramedContent): void {
  if (content.body.kind === 'commit')
    throw new MlsError('message.fromSelf', 'Adopt the commit that was staged when it was made.')
}

/** Which kinds of content each kind of sender may send (RFC 9420 §6, §12.1.8, §12.4.3.2). */
function checkSenderOf({ sender, body }: FramedContent): void {
  const allowed =
    sender.kind === 'member' ||
    (sender.kind === 'newMemberCommit' ? body.kind === 'commit' : body.kind === 'proposal')
  if (!allowed)
    throw new MlsError('message.senderNotAllowed', `A ${body.kind} from ${sender.kind}.`)
}

function publicSignatureKey(state: GroupState, { sender, body }: FramedContent): Uint8Array {
  if (sender.kind === 'member') return memberAt(state.tree, sender.leafIndex).leaf.signatureKey
  if (sender.kind === 'external') {
    const known = readExternalSenders(state.context.extensions)?.[sender.senderIndex]
    if (known === undefined)
      throw new MlsError('message.unknownSender', `No external sender ${sender.senderIndex}.`)
    return known.signatureKey
  }
  const leaf = newcomerLeaf(body)
  if (leaf === undefined)
    throw new MlsError('message.senderNotAllowed', `A ${body.kind} without a leaf of its sender.`)
  return leaf.signatureKey
}

function newcomerLeaf(body: FramedContent['body']): LeafNode | undefined {
  if (body.kind === 'commit') return body.commit.path?.leafNode
  if (body.kind === 'proposal' && body.proposal.kind === 'add')
    return body.proposal.keyPackage.leafNode
  return undefined
}
