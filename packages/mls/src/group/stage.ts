import { empty, equalConstantTime } from '../bytes.ts'
import { hashLength } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import { exportSecret, setupReceiver } from '../hpke/hpke.ts'
import type { AuthenticatedContent, Commit, Sender, UpdatePath } from '../message/wire.ts'
import {
  confirmedTranscriptHashOf,
  externalKeyPair,
  pskSecretOf,
} from '../schedule/key-schedule.ts'
import type { LeafNode } from '../tree/leaf-node.ts'
import { checkLeaf, checkMembersTogether, checkSupport } from '../tree/leaf-rules.ts'
import { nodeOfLeaf } from '../tree/math.ts'
import type { MergedPath, NodeKeys, PathSecrets } from '../tree/path.ts'
import { decryptPath, keptKeys, mergePath } from '../tree/path.ts'
import { leafAt } from '../tree/ratchet-tree.ts'
import { withRoom } from '../tree/members.ts'
import type { AppliedProposals } from './apply.ts'
import { applyProposals, checkUnique } from './apply.ts'
import { externalInitLabel } from './external-init.ts'
import { proposalFinder } from './find-proposal.ts'
import type { PskLookup } from './next-epoch.ts'
import {
  joinerAfter,
  nextContext,
  provisionalContext,
  resolvePsks,
  startEpoch,
  stateAfter,
} from './next-epoch.ts'
import type { CommittedProposal } from './proposal-rules.ts'
import type { StagedCommit } from './staged-commit.ts'
import type { GroupState } from './state.ts'
import { memberAt } from './state.ts'

/** What processing may need from outside. */
export type ProcessOptions = {
  readonly psk?: PskLookup
  /** Unix seconds to check the lifetimes of added key packages with; unchecked if left out. */
  readonly nowSeconds?: bigint
}

/** A commit's proposals and where its path starts. */
type Opened = {
  readonly proposals: readonly CommittedProposal[]
  readonly applied: AppliedProposals
  readonly committer: number
  readonly isMember: boolean
}

/**
 * Checks a commit whose signature is good, up to its confirmation tag, and works out the epoch it leads to
 * (RFC 9420 §12.4.2).
 *
 * @throws MlsError `proposal.*`, `externalCommit.*`, `commit.*`, `leaf.*`, `keyPackage.*`, `psk.unknown`,
 * `hpke.openFailed`, `crypto.badKey`, `tree.full`
 */
export async function stageCommit(
  state: GroupState,
  content: AuthenticatedContent,
  commit: Commit,
  options: ProcessOptions,
): Promise<StagedCommit> {
  const opened = await openProposals(state, content.content.sender, commit, options)
  const { applied } = opened
  if (commit.path === undefined && (applied.needsPath || !opened.isMember))
    throw new MlsError('commit.missingPath', 'One of its proposals needs a path.')
  const merged = commit.path && (await mergeCommitPath(state, opened, commit.path))
  const tree = merged?.tree ?? applied.tree
  const { suite, config } = state
  const confirmed = confirmedTranscriptHashOf(
    suite,
    config.wire,
    state.interimTranscriptHash,
    content,
  )
  const groupContext = nextContext(suite, state.context, tree, applied.extensions, confirmed)
  const described = describe(state, opened, commit, content, groupContext)
  if (described.removesSelf) return { ...described, epochAuthenticator: undefined, next: state }

  const keys = currentKeys(state, opened)
  const secrets =
    merged && commit.path && (await openPath(state, opened, merged, commit.path, keys))
  const commitSecret = secrets?.commitSecret ?? new Uint8Array(hashLength(suite))
  const initSecret = await initSecretFor(state, applied.kemOutput)
  const joiner = joinerAfter(suite, initSecret, commitSecret, groupContext)
  const psks = resolvePsks(applied.psks, state, options.psk)
  const start = startEpoch(suite, joiner, pskSecretOf(suite, psks), groupContext, tree.depth)
  const tag = content.auth.confirmationTag ?? empty
  if (!equalConstantTime(tag, start.confirmationTag))
    throw new MlsError('commit.badConfirmationTag', 'The committer is in another epoch than we.')
  for (const secret of [joiner, commitSecret, start.memberSecret]) secret.fill(0)
  for (const secret of secrets?.pathSecrets.values() ?? []) secret.fill(0)
  const nodeKeys = new Map([...keptKeys(applied.tree, tree, keys), ...(secrets?.privateKeys ?? [])])
  const parts = { reInit: applied.reInit, context: groupContext, tree, nodeKeys }
  const next = stateAfter(state, parts, start)
  return { ...described, epochAuthenticator: start.secrets.epochAuthenticator, next }
}

async function openProposals(
  state: GroupState,
  sender: Sender,
  commit: Commit,
  options: ProcessOptions,
): Promise<Opened> {
  const find = proposalFinder(state)
  const proposals = commit.proposals.map((entry): CommittedProposal => {
    if (entry.kind === 'proposal') return { proposal: entry.proposal, sender, byReference: false }
    const { proposal, sender: proposer } = find(entry.reference)
    return { proposal, sender: proposer, byReference: true }
  })
  const member = sender.kind === 'member' ? sender.leafIndex : undefined
  const applied = await applyProposals(state, proposals, member, options.nowSeconds)
  if (member !== undefined) return { proposals, applied, committer: member, isMember: true }
  const { tree, leafIndex } = withRoom(applied.tree)
  return { proposals, applied: { ...applied, tree }, committer: leafIndex, isMember: false }
}

async function mergeCommitPath(
  state: GroupState,
  { applied, committer }: Opened,
  path: UpdatePath,
): Promise<MergedPath> {
  const { suite, context } = state
  const { leafNode } = path
  const place = { groupId: context.groupId, leafIndex: committer }
  await checkLeaf(suite, leafNode, { source: 'commit', place, nowSeconds: undefined })
  checkSupport(leafNode.capabilities, applied.extensions)
  const merged = mergePath(suite, applied.tree, committer, path, addedLeaves(applied))
  checkUnique(merged.tree, [{ leafIndex: committer, leaf: leafNode }])
  checkMembersTogether(merged.tree, applied.extensions)
  return merged
}

function addedLeaves(applied: AppliedProposals): ReadonlySet<number> {
  return new Set(applied.added.map(({ leafIndex }) => leafIndex))
}

/** Our private keys after the proposals: some nodes are blank now, and our own Update may have been taken. */
function currentKeys(state: GroupState, { applied, proposals }: Opened): NodeKeys {
  const keys = new Map(keptKeys(state.tree, applied.tree, state.nodeKeys))
  for (const { proposal, sender, byReference } of proposals) {
    const own = sender.kind === 'member' && sender.leafIndex === state.ownLeaf
    if (proposal.kind !== 'update' || !own || !byReference) continue
    const pending = state.proposals.find((candidate) => candidate.proposal === proposal)
    if (pending?.leafPrivateKey) keys.set(nodeOfLeaf(state.ownLeaf), pending.leafPrivateKey)
  }
  return keys
}

function openPath(
  state: GroupState,
  { applied }: Opened,
  merged: MergedPath,
  path: UpdatePath,
  keys: NodeKeys,
): Promise<PathSecrets> {
  const { suite, context, ownLeaf } = state
  const contextBytes = provisionalContext(suite, context, merged.tree, applied.extensions)
  const own = { leafIndex: ownLeaf, keys }
  return decryptPath(suite, merged, path, own, addedLeaves(applied), contextBytes)
}

async function initSecretFor(
  state: GroupState,
  kemOutput: Uint8Array | undefined,
): Promise<Uint8Array> {
  const { suite, secrets } = state
  if (kemOutput === undefined) return secrets.initSecret
  const keys = await externalKeyPair(suite, secrets.externalSecret)
  const receiver = await setupReceiver(suite.hpke, kemOutput, keys, empty)
  return exportSecret(receiver, externalInitLabel, hashLength(suite))
}

function describe(
  state: GroupState,
  { proposals, applied, committer, isMember }: Opened,
  commit: Commit,
  content: AuthenticatedContent,
  groupContext: StagedCommit['groupContext'],
): Omit<StagedCommit, 'epochAuthenticator' | 'next'> {
  const after: LeafNode | undefined = commit.path?.leafNode
  const joined =
    !isMember && after ? [{ leafIndex: committer, leaf: after, keyPackage: undefined }] : []
  const before = isMember ? leafAt(state.tree, committer) : undefined
  const renewed = before && after ? [{ leafIndex: committer, before, after }] : []
  return {
    sender:
      isMember || after === undefined
        ? { kind: 'member', ...memberAt(state.tree, committer) }
        : { kind: 'newMember', leafIndex: committer, leaf: after },
    proposals,
    added: [...applied.added, ...joined],
    removed: applied.removed,
    updated: [...applied.updated, ...renewed],
    psks: applied.psks,
    reInit: applied.reInit,
    hasPath: commit.path !== undefined,
    authenticatedData: content.content.authenticatedData,
    groupContext,
    removesSelf: applied.removed.some(({ leafIndex }) => leafIndex === state.ownLeaf),
  }
}
