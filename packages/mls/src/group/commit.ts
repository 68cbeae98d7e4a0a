import { empty } from '../bytes.ts'
import { encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { hashLength } from '../crypto/suite.ts'
import type { Random } from '../hpke/kem.ts'
import type { GroupContext } from '../message/group-context.ts'
import type { Proposal } from '../message/proposal.ts'
import type { AuthenticatedContent, Commit, ProposalOrRef, UpdatePath } from '../message/wire.ts'
import type { PreSharedKey } from '../schedule/key-schedule.ts'
import { confirmedTranscriptHashOf, pskSecretOf } from '../schedule/key-schedule.ts'
import type { LeafNode, UnsignedLeafNode } from '../tree/leaf-node.ts'
import { checkOwnCapabilities, signLeaf } from '../tree/leaf-rules.ts'
import type { NewPath } from '../tree/path.ts'
import { createPath, encryptPath, keptKeys, withLeafKey } from '../tree/path.ts'
import type { AppliedProposals } from './apply.ts'
import { applyProposals } from './apply.ts'
import { proposalFinder } from './find-proposal.ts'
import type { EpochStart, PskLookup } from './next-epoch.ts'
import {
  joinerAfter,
  nextContext,
  provisionalContext,
  resolvePsks,
  startEpoch,
  stateAfter,
} from './next-epoch.ts'
import type { CommittedProposal } from './proposal-rules.ts'
import type { LeafChange, SendOptions } from './send.ts'
import { frame, handshakeWireFormat, signAsMember } from './send.ts'
import type { StagedCommit } from './staged-commit.ts'
import type { GroupState } from './state.ts'
import { expectActive, memberAt } from './state.ts'
import type { WelcomeOptions } from './welcome.ts'
import { makeWelcome } from './welcome.ts'

/** What a commit does, beside the proposals that already wait. */
export type CommitOptions = SendOptions &
  WelcomeOptions & {
    /** Changes that travel in the commit itself. */
    readonly proposals?: readonly Proposal[]
    /** Which of the waiting proposals to commit to; all if left out. */
    readonly references?: readonly Uint8Array[]
    /** Without a path the committer's keys stay as they are; where the RFC requires one it is made all the same. */
    readonly path?: 'always' | 'whenRequired'
    readonly leafChange?: LeafChange
    /** A new signature key for the committer's leaf. */
    readonly newSignaturePrivateKey?: Uint8Array
    readonly psk?: PskLookup
    /** Unix seconds to check the lifetimes of added key packages with; unchecked if left out. */
    readonly nowSeconds?: bigint
  }

/** A commit of one's own: nothing counts before the group has taken it and it is adopted. */
export type CreatedCommit = {
  /** The state of now: its sending key has moved on. */
  readonly state: GroupState
  readonly message: Uint8Array
  readonly staged: StagedCommit
  /** An MLSMessage for the added members; undefined if there are none. */
  readonly welcome: Uint8Array | undefined
}

/**
 * Makes a commit and what comes after it (RFC 9420 §12.4.1).
 *
 * @throws MlsError `proposal.*`, `leaf.*`, `keyPackage.*`, `psk.unknown`, `group.*`, `tree.full`
 */
export async function createCommit(
  state: GroupState,
  options: CommitOptions,
): Promise<CreatedCommit> {
  expectActive(state)
  const { entries, proposals } = chooseProposals(state, options)
  const applied = await applyProposals(state, proposals, state.ownLeaf, options.nowSeconds)
  const withPath = applied.needsPath || options.path !== 'whenRequired'
  return buildCommit(state, entries, proposals, applied, { ...options, withPath })
}

function chooseProposals(
  state: GroupState,
  options: CommitOptions,
): { readonly entries: ProposalOrRef[]; readonly proposals: CommittedProposal[] } {
  const wanted = options.references
  const waiting = wanted ? wanted.map(proposalFinder(state)) : state.proposals
  const own = { kind: 'member', leafIndex: state.ownLeaf } as const
  const inline = options.proposals ?? []
  return {
    entries: [
      ...inline.map((proposal) => ({ kind: 'proposal' as const, proposal })),
      ...waiting.map(({ reference }) => ({ kind: 'reference' as const, reference })),
    ],
    proposals: [
      ...inline.map((proposal) => ({ proposal, sender: own, byReference: false })),
      ...waiting.map(({ proposal, sender }) => ({ proposal, sender, byReference: true })),
    ],
  }
}

/** The committer's new leaf, its keys and the path above. */
export type OwnPath = {
  readonly path: NewPath
  readonly encrypted: UpdatePath
  readonly leafPrivateKey: Uint8Array
}

/** Whose path it is, and what its leaf says. */
export type PathMaker = {
  readonly suite: CipherSuite
  readonly context: GroupContext
  readonly leafIndex: number
  readonly leaf: Omit<UnsignedLeafNode, 'encryptionKey' | 'source'>
  readonly signaturePrivateKey: Uint8Array
  readonly random: Random
}

/** Makes a path over a tree to which proposals have been applied, and encrypts it (RFC 9420 §7.5). */
export async function makePath(
  maker: PathMaker,
  applied: AppliedProposals,
  tree: AppliedProposals['tree'],
): Promise<OwnPath> {
  const { suite, context, leafIndex, random } = maker
  const { kem } = suite.hpke
  const keys = await kem.deriveKeyPair(random(kem.privateKeyLength))
  const place = { groupId: context.groupId, leafIndex }
  const makeLeaf = (parentHash: Uint8Array): Promise<LeafNode> => {
    const leaf: UnsignedLeafNode = {
      ...maker.leaf,
      encryptionKey: keys.publicKey,
      source: { kind: 'commit', parentHash },
    }
    return signLeaf(suite, leaf, place, maker.signaturePrivateKey)
  }
  const path = await createPath(suite, tree, leafIndex, makeLeaf, random)
  const addedLeaves = new Set(applied.added.map((added) => added.leafIndex))
  const contextBytes = provisionalContext(suite, context, path.tree, applied.extensions)
  const encrypted = await encryptPath(suite, path, addedLeaves, contextBytes, random)
  return { path, encrypted, leafPrivateKey: keys.privateKey }
}

async function ownPath(
  state: GroupState,
  applied: AppliedProposals,
  options: CommitOptions,
): Promise<OwnPath> {
  const { suite, context, ownLeaf } = state
  const signaturePrivateKey = options.newSignaturePrivateKey ?? state.signaturePrivateKey
  const leaf = {
    ...memberAt(applied.tree, ownLeaf).leaf,
    ...options.leafChange,
    signatureKey: await suite.signature.publicKey(signaturePrivateKey),
  }
  checkOwnCapabilities(suite, leaf)
  const { random } = options
  const maker = { suite, context, leafIndex: ownLeaf, leaf, signaturePrivateKey, random }
  return makePath(maker, applied, applied.tree)
}

/** @internal Skips the rules about proposals: `createCommit` has applied them, tests break them. */
export async function buildCommit(
  state: GroupState,
  entries: readonly ProposalOrRef[],
  proposals: readonly CommittedProposal[],
  applied: AppliedProposals,
  options: CommitOptions & { readonly withPath: boolean },
): Promise<CreatedCommit> {
  const { config } = state
  const own = options.withPath ? await ownPath(state, applied, options) : undefined
  const commit: Commit = { proposals: entries, path: own?.encrypted }
  const authenticatedData = options.authenticatedData ?? empty
  const signed = await signAsMember(
    state,
    handshakeWireFormat(state),
    { kind: 'commit', commit },
    authenticatedData,
  )
  const psks = resolvePsks(applied.psks, state, options.psk)
  const { start, context } = startAfter(state, applied, own, signed, psks)
  const next = nextState(state, applied, own, start, context, options.newSignaturePrivateKey)
  const confirmed: AuthenticatedContent = {
    ...signed,
    auth: { ...signed.auth, confirmationTag: start.confirmationTag },
  }
  const framed = frame(state, confirmed, options.random)
  const welcome =
    applied.added.length === 0
      ? undefined
      : await makeWelcome(next, applied.added, own?.path, start, psks, options)
  wipeStart(start, own)
  const sender = memberAt(state.tree, state.ownLeaf)
  const staged: StagedCommit = {
    sender: { kind: 'member', ...sender },
    proposals,
    added: applied.added,
    removed: applied.removed,
    updated: own
      ? [
          ...applied.updated,
          { leafIndex: state.ownLeaf, before: sender.leaf, after: own.path.leaf },
        ]
      : applied.updated,
    psks: applied.psks,
    reInit: applied.reInit,
    hasPath: own !== undefined,
    authenticatedData,
    groupContext: context,
    epochAuthenticator: start.secrets.epochAuthenticator,
    removesSelf: false,
    next,
  }
  return {
    state: framed.state,
    message: framed.message,
    staged,
    welcome: welcome && encode(config.wire.message, { kind: 'welcome', welcome }),
  }
}

function startAfter(
  state: GroupState,
  applied: AppliedProposals,
  own: OwnPath | undefined,
  signed: AuthenticatedContent,
  psks: readonly PreSharedKey[],
): { readonly start: EpochStart; readonly context: GroupContext } {
  const { suite, config, secrets, interimTranscriptHash } = state
  const tree = own?.path.tree ?? applied.tree
  const confirmed = confirmedTranscriptHashOf(suite, config.wire, interimTranscriptHash, signed)
  const context = nextContext(suite, state.context, tree, applied.extensions, confirmed)
  const commitSecret = own?.path.commitSecret ?? new Uint8Array(hashLength(suite))
  const joiner = joinerAfter(suite, secrets.initSecret, commitSecret, context)
  const start = startEpoch(suite, joiner, pskSecretOf(suite, psks), context, tree.depth)
  return { start, context }
}

function nextState(
  state: GroupState,
  applied: AppliedProposals,
  own: OwnPath | undefined,
  start: EpochStart,
  context: GroupContext,
  newSignaturePrivateKey: Uint8Array | undefined,
): GroupState {
  const tree = own?.path.tree ?? applied.tree
  const kept = keptKeys(state.tree, tree, state.nodeKeys)
  const nodeKeys = own
    ? new Map([...withLeafKey(kept, state.ownLeaf, own.leafPrivateKey), ...own.path.privateKeys])
    : kept
  const signaturePrivateKey = newSignaturePrivateKey ?? state.signaturePrivateKey
  const parts = { reInit: applied.reInit, context, tree, nodeKeys }
  return { ...stateAfter(state, parts, start), signaturePrivateKey }
}

/** Nothing that was only a step may outlive it (RFC 9420 §9.2). */
function wipeStart(start: EpochStart, own: OwnPath | undefined): void {
  start.joinerSecret.fill(0)
  start.memberSecret.fill(0)
  own?.path.commitSecret.fill(0)
  for (const secret of own?.path.pathSecrets.values() ?? []) secret.fill(0)
}
