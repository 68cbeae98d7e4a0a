import { empty } from '../bytes.ts'
import { encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { refHash } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { Random } from '../hpke/kem.ts'
import { limits } from '../limits.ts'
import type { Proposal } from '../message/proposal.ts'
import { signContent, toPrivateMessage, toPublicMessage } from '../message/protect.ts'
import type {
  AuthenticatedContent,
  FramedContent,
  GroupWireFormat,
  MessageBody,
  Sender,
  Wire,
} from '../message/wire.ts'
import { wireFormats } from '../message/wire.ts'
import type { RatchetKind } from '../schedule/secret-tree.ts'
import { takeNextKey } from '../schedule/secret-tree.ts'
import type { LeafNode, UnsignedLeafNode } from '../tree/leaf-node.ts'
import { checkOwnCapabilities, signLeaf } from '../tree/leaf-rules.ts'
import { checkProposer } from './proposal-rules.ts'
import type { GroupState } from './state.ts'
import { expectActive, memberAt } from './state.ts'

/** A message to send, and the state after it. */
export type Sent = { readonly state: GroupState; readonly message: Uint8Array }

/** What every send may say. */
export type SendOptions = {
  readonly random: Random
  /** Bytes that everyone can read and no one can change. */
  readonly authenticatedData?: Uint8Array
}

/** The name of a proposal in a commit (RFC 9420 §5.2). */
export function proposalReference(
  suite: CipherSuite,
  wire: Wire,
  content: AuthenticatedContent,
): Uint8Array {
  const label = 'MLS 1.0 Proposal Reference'
  return refHash(suite, label, encode(wire.authenticatedContent, content))
}

/** Signs a body as this member, in the framing that will carry it. */
export function signAsMember(
  state: GroupState,
  wireFormat: GroupWireFormat,
  body: MessageBody,
  authenticatedData: Uint8Array,
): Promise<AuthenticatedContent> {
  const { suite, config, context, contextBytes } = state
  const sender: Sender = { kind: 'member', leafIndex: state.ownLeaf }
  const { groupId, epoch } = context
  const content: FramedContent = { groupId, epoch, sender, authenticatedData, body }
  const key = state.signaturePrivateKey
  return signContent(suite, config.wire, wireFormat, content, contextBytes, key)
}

/** Encrypts signed content with this member's next key. */
function sealPrivate(state: GroupState, content: AuthenticatedContent, random: Random): Sent {
  const { suite, config, ownLeaf } = state
  const kind: RatchetKind =
    content.content.body.kind === 'application' ? 'application' : 'handshake'
  const taken = takeNextKey(suite, state.secretTree, ownLeaf, kind)
  const message = toPrivateMessage(suite, config.wire, content, {
    senderDataSecret: state.secrets.senderDataSecret,
    key: taken.key,
    sender: { leafIndex: ownLeaf, generation: taken.generation, reuseGuard: random(4) },
    paddedTo: config.paddedTo,
  })
  taken.key.key.fill(0)
  taken.key.nonce.fill(0)
  return {
    state: { ...state, secretTree: taken.tree },
    message: encode(config.wire.message, { kind: 'privateMessage', message }),
  }
}

/** Frames signed content in the format it was signed for. */
export function frame(state: GroupState, content: AuthenticatedContent, random: Random): Sent {
  if (content.wireFormat === wireFormats.privateMessage) return sealPrivate(state, content, random)
  const { suite, config, contextBytes, secrets } = state
  const key = secrets.membershipKey
  const message = toPublicMessage(suite, config.wire, key, content, contextBytes)
  return { state, message: encode(config.wire.message, { kind: 'publicMessage', message }) }
}

/** The framing that the group's settings want for proposals and commits. */
export function handshakeWireFormat(state: GroupState): GroupWireFormat {
  return state.config.handshakeFormat === 'private'
    ? wireFormats.privateMessage
    : wireFormats.publicMessage
}

/**
 * Encrypts application data for the group (RFC 9420 §15).
 *
 * @throws MlsError `group.removed`, `group.reInitPending`, `group.proposalsPending`
 */
export async function encryptMessage(
  state: GroupState,
  data: Uint8Array,
  options: SendOptions,
): Promise<Sent> {
  expectActive(state)
  if (state.proposals.length > 0)
    throw new MlsError('group.proposalsPending', 'Commit to the proposals of this epoch first.')
  const body: MessageBody = { kind: 'application', data }
  const aad = options.authenticatedData ?? empty
  const signed = await signAsMember(state, wireFormats.privateMessage, body, aad)
  return sealPrivate(state, signed, options.random)
}

/** A proposal to send, its name, and the state in which it waits for a commit. */
export type SentProposal = Sent & { readonly reference: Uint8Array }

/**
 * Proposes a change for someone else to commit (RFC 9420 §12.1). One's own Update is `proposeUpdate`, which keeps its key.
 *
 * @throws MlsError `proposal.notAllowedFromSender`, `group.*`, `message.tooManyProposals`
 */
export async function propose(
  state: GroupState,
  proposal: Exclude<Proposal, { kind: 'update' }>,
  options: SendOptions,
): Promise<SentProposal> {
  return sendProposal(state, proposal, undefined, options)
}

/**
 * Proposes new keys for one's own leaf (RFC 9420 §12.1.2).
 *
 * @param change what else the new leaf says differently
 * @throws MlsError `leaf.*`, `group.*`, `message.tooManyProposals`
 */
export async function proposeUpdate(
  state: GroupState,
  options: SendOptions & { readonly change?: LeafChange },
): Promise<SentProposal> {
  const { suite, context, ownLeaf, signaturePrivateKey } = state
  const { kem } = suite.hpke
  const keys = await kem.deriveKeyPair(options.random(kem.privateKeyLength))
  const unsigned: UnsignedLeafNode = {
    ...memberAt(state.tree, ownLeaf).leaf,
    ...options.change,
    encryptionKey: keys.publicKey,
    source: { kind: 'update' },
  }
  checkOwnCapabilities(suite, { ...unsigned, signature: empty })
  const place = { groupId: context.groupId, leafIndex: ownLeaf }
  const leafNode: LeafNode = await signLeaf(suite, unsigned, place, signaturePrivateKey)
  return sendProposal(state, { kind: 'update', leafNode }, keys.privateKey, options)
}

/** What a member may say differently about itself when it renews its leaf. */
export type LeafChange = Partial<
  Pick<UnsignedLeafNode, 'credential' | 'capabilities' | 'extensions'>
>

async function sendProposal(
  state: GroupState,
  proposal: Proposal,
  leafPrivateKey: Uint8Array | undefined,
  options: SendOptions,
): Promise<SentProposal> {
  expectActive(state)
  const sender: Sender = { kind: 'member', leafIndex: state.ownLeaf }
  checkProposer(proposal, sender)
  const body: MessageBody = { kind: 'proposal', proposal }
  const format = handshakeWireFormat(state)
  const signed = await signAsMember(state, format, body, options.authenticatedData ?? empty)
  const reference = proposalReference(state.suite, state.config.wire, signed)
  const pending = withProposal(state, { reference, proposal, sender, leafPrivateKey })
  return { ...frame(pending, signed, options.random), reference }
}

/** @throws MlsError `message.tooManyProposals` */
export function withProposal(
  state: GroupState,
  pending: GroupState['proposals'][number],
): GroupState {
  if (state.proposals.length >= limits.pendingProposals)
    throw new MlsError('message.tooManyProposals', `${limits.pendingProposals} already wait.`)
  return { ...state, proposals: [...state.proposals, pending] }
}

/** Drops proposals that the application does not want committed. */
export function withoutProposals(
  state: GroupState,
  drop: (pending: GroupState['proposals'][number]) => boolean,
): GroupState {
  return { ...state, proposals: state.proposals.filter((pending) => !drop(pending)) }
}
