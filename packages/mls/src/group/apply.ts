import { equal } from '../bytes.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { GroupContext } from '../message/group-context.ts'
import type { PreSharedKeyId, ReInit } from '../message/proposal.ts'
import { commonOf } from '../tree/common.ts'
import type { Extension } from '../tree/extension.ts'
import {
  appDataDictionaryExtension,
  checkTypesOnce,
  extensionTypes,
  readAppDataDictionary,
  readExternalSenders,
} from '../tree/extension.ts'
import type { KeyPackage } from '../tree/key-package.ts'
import type { LeafNode } from '../tree/leaf-node.ts'
import {
  checkLeaf,
  checkMembersTogether,
  checkSupport,
  supportsProposal,
} from '../tree/leaf-rules.ts'
import { nodeOfLeaf } from '../tree/math.ts'
import type { RatchetTree } from '../tree/ratchet-tree.ts'
import { leafAt, leavesWithSignatureKey, nodesWithEncryptionKey } from '../tree/ratchet-tree.ts'
import { addLeaf, removeLeaf, updateLeaf } from '../tree/members.ts'
import type { ApplyAppData, GroupConfig } from './config.ts'
import { checkKeyPackage } from './key-package.ts'
import type { CommittedProposal } from './proposal-rules.ts'
import { checkProposalList, needsPath, typesOf } from './proposal-rules.ts'

/** A member that came with a commit. */
export type AddedMember = {
  readonly leafIndex: number
  readonly leaf: LeafNode
  /** Undefined for who joined by external commit. */
  readonly keyPackage: KeyPackage | undefined
}

/** A member that went with a commit. */
export type RemovedMember = { readonly leafIndex: number; readonly leaf: LeafNode }

/** A member whose leaf a commit replaced. */
export type UpdatedMember = {
  readonly leafIndex: number
  readonly before: LeafNode
  readonly after: LeafNode
}

/** What a list of proposals makes of a group, before any path. */
export type AppliedProposals = {
  readonly tree: RatchetTree
  readonly extensions: readonly Extension[]
  readonly added: readonly AddedMember[]
  readonly removed: readonly RemovedMember[]
  readonly updated: readonly UpdatedMember[]
  readonly psks: readonly PreSharedKeyId[]
  readonly reInit: ReInit | undefined
  readonly kemOutput: Uint8Array | undefined
  readonly needsPath: boolean
}

/** The group that proposals are applied to. */
export type ApplyTo = {
  readonly suite: CipherSuite
  readonly config: Pick<GroupConfig, 'wire' | 'applyAppData'>
  readonly context: GroupContext
  readonly tree: RatchetTree
}

/**
 * Applies the proposals of one commit in the order of RFC 9420 §12.3, after the checks of §12.2.
 *
 * @param committer the committer's leaf; undefined for an external commit
 * @param nowSeconds Unix seconds for lifetimes of added members; undefined leaves them unchecked
 * @throws MlsError `proposal.*`, `externalCommit.*`, `leaf.*`, `keyPackage.*`, `tree.full`
 */
export async function applyProposals(
  group: ApplyTo,
  proposals: readonly CommittedProposal[],
  committer: number | undefined,
  nowSeconds: bigint | undefined,
): Promise<AppliedProposals> {
  const { suite, context, config } = group
  checkProposalList(suite, context, proposals, committer)
  const extensions = newExtensions(context, proposals, config.applyAppData)
  const updates = await applyUpdates(group, proposals)
  const removals = applyRemovals(updates.tree, proposals)
  checkTypesSupported(removals.tree, proposals, committer)
  const adds = await applyAdds(group, removals.tree, proposals, extensions, nowSeconds)
  checkUnique(adds.tree, [
    ...updates.updated.map(({ leafIndex, after }) => ({ leafIndex, leaf: after })),
    ...adds.added,
  ])
  checkMembersTogether(adds.tree, extensions)
  const reInit = findReInit(context, proposals)
  const kinds = proposals.map(({ proposal }) => proposal)
  return {
    tree: adds.tree,
    extensions,
    added: adds.added,
    removed: removals.removed,
    updated: updates.updated,
    psks: kinds.flatMap((p) => (p.kind === 'preSharedKey' ? [p.psk] : [])),
    reInit,
    kemOutput: kinds.find((p) => p.kind === 'externalInit')?.kemOutput,
    needsPath: kinds.length === 0 || kinds.some((p) => needsPath(p, config.wire.customProposals)),
  }
}

function newExtensions(
  context: GroupContext,
  proposals: readonly CommittedProposal[],
  applyAppData: ApplyAppData,
): readonly Extension[] {
  const replaced = proposals.find(({ proposal }) => proposal.kind === 'groupContextExtensions')
  const extensions =
    replaced?.proposal.kind === 'groupContextExtensions'
      ? replaced.proposal.extensions
      : context.extensions
  checkTypesOnce(extensions, 'proposal.duplicateGroupExtension')
  // Members must agree now that the list can be read, not when one of them first needs it.
  readExternalSenders(extensions)
  return withAppData(extensions, proposals, applyAppData)
}

function withAppData(
  extensions: readonly Extension[],
  proposals: readonly CommittedProposal[],
  applyAppData: ApplyAppData,
): readonly Extension[] {
  const updates = new Map<number, Uint8Array[] | 'remove'>()
  for (const { proposal } of proposals) {
    if (proposal.kind !== 'appDataUpdate') continue
    const { componentId, update } = proposal
    const before = updates.get(componentId)
    if (update.kind === 'remove') updates.set(componentId, 'remove')
    else updates.set(componentId, [...(Array.isArray(before) ? before : []), update.data])
  }
  if (updates.size === 0) return extensions
  const entries = new Map(
    (readAppDataDictionary(extensions) ?? []).map(({ componentId, data }) => [componentId, data]),
  )
  for (const [componentId, change] of updates) {
    const data =
      change === 'remove' ? undefined : applyAppData(componentId, entries.get(componentId), change)
    if (data === undefined) entries.delete(componentId)
    else entries.set(componentId, data)
  }
  const sorted = [...entries]
    .map(([componentId, data]) => ({ componentId, data }))
    .sort((a, b) => a.componentId - b.componentId)
  const extension = appDataDictionaryExtension(sorted)
  const type = extensionTypes.appDataDictionary
  return extensions.some((other) => other.type === type)
    ? extensions.map((other) => (other.type === type ? extension : other))
    : [...extensions, extension]
}

async function applyUpdates(
  { suite, context, tree }: ApplyTo,
  proposals: readonly CommittedProposal[],
): Promise<{ readonly tree: RatchetTree; readonly updated: readonly UpdatedMember[] }> {
  const updated: UpdatedMember[] = []
  let next = tree
  for (const { proposal, sender } of proposals) {
    if (proposal.kind !== 'update' || sender.kind !== 'member') continue
    const { leafIndex } = sender
    const before = leafAt(tree, leafIndex)
    if (before === undefined)
      throw new MlsError('message.unknownSender', `Leaf ${leafIndex} is blank.`)
    await checkUpdate(suite, context, before, proposal.leafNode, leafIndex)
    next = updateLeaf(next, leafIndex, proposal.leafNode)
    updated.push({ leafIndex, before, after: proposal.leafNode })
  }
  return { tree: next, updated }
}

/**
 * Checks the leaf of an Update against the one it replaces (RFC 9420 §12.1.2).
 *
 * @throws MlsError `leaf.*`
 */
export async function checkUpdate(
  suite: CipherSuite,
  context: GroupContext,
  before: LeafNode,
  after: LeafNode,
  leafIndex: number,
): Promise<void> {
  const place = { groupId: context.groupId, leafIndex }
  await checkLeaf(suite, after, { source: 'update', place, nowSeconds: undefined })
  if (equal(before.encryptionKey, after.encryptionKey))
    throw new MlsError('leaf.encryptionKeyUnchanged', `Leaf ${leafIndex} kept its key.`)
}

function applyRemovals(
  tree: RatchetTree,
  proposals: readonly CommittedProposal[],
): { readonly tree: RatchetTree; readonly removed: readonly RemovedMember[] } {
  const removed: RemovedMember[] = []
  let next = tree
  for (const { proposal, sender } of proposals) {
    const leafIndex =
      proposal.kind === 'remove'
        ? proposal.removed
        : proposal.kind === 'selfRemove' && sender.kind === 'member'
          ? sender.leafIndex
          : undefined
    if (leafIndex === undefined) continue
    const leaf = leafAt(next, leafIndex)
    if (leaf === undefined)
      throw new MlsError('proposal.removeOfNonMember', `Leaf ${leafIndex} is blank.`)
    next = removeLeaf(next, leafIndex)
    removed.push({ leafIndex, leaf })
  }
  return { tree: next, removed }
}

/** Types beyond RFC 9420 must be known to all who process the commit (RFC 9420 §12.2). */
function checkTypesSupported(
  tree: RatchetTree,
  proposals: readonly CommittedProposal[],
  committer: number | undefined,
): void {
  const common = commonOf(tree)
  if (common === undefined || committer === undefined) return
  for (const type of typesOf(proposals))
    if (!supportsProposal(common, type))
      throw new MlsError('proposal.unsupportedType', `A member does not support type ${type}.`)
}

async function applyAdds(
  { suite }: ApplyTo,
  tree: RatchetTree,
  proposals: readonly CommittedProposal[],
  extensions: readonly Extension[],
  nowSeconds: bigint | undefined,
): Promise<{ readonly tree: RatchetTree; readonly added: readonly AddedMember[] }> {
  const added: AddedMember[] = []
  let next = tree
  for (const { proposal } of proposals) {
    if (proposal.kind !== 'add') continue
    const { keyPackage } = proposal
    await checkKeyPackage(suite, keyPackage, nowSeconds)
    checkSupport(keyPackage.leafNode.capabilities, extensions)
    const result = addLeaf(next, keyPackage.leafNode)
    next = result.tree
    added.push({ leafIndex: result.leafIndex, leaf: keyPackage.leafNode, keyPackage })
  }
  return { tree: next, added }
}

/**
 * No two members share a key (RFC 9420 §7.3). Only changed leaves are looked at; the rest was checked before.
 *
 * @throws MlsError `leaf.duplicateSignatureKey`, `leaf.duplicateEncryptionKey`
 */
export function checkUnique(
  tree: RatchetTree,
  changed: readonly { readonly leafIndex: number; readonly leaf: LeafNode }[],
): void {
  for (const { leafIndex, leaf } of changed) {
    if (leavesWithSignatureKey(tree, leaf.signatureKey).some((other) => other !== leafIndex))
      throw new MlsError('leaf.duplicateSignatureKey', `Leaf ${leafIndex} shares its key.`)
    const nodes = nodesWithEncryptionKey(tree, leaf.encryptionKey)
    if (nodes.some((other) => other !== nodeOfLeaf(leafIndex)))
      throw new MlsError('leaf.duplicateEncryptionKey', `Leaf ${leafIndex} shares its key.`)
  }
}

function findReInit(
  context: GroupContext,
  proposals: readonly CommittedProposal[],
): ReInit | undefined {
  const found = proposals.find(({ proposal }) => proposal.kind === 'reInit')?.proposal
  if (found?.kind !== 'reInit') return undefined
  if (found.version < context.version)
    throw new MlsError('proposal.reInitVersion', `Version ${found.version} would be a step back.`)
  const { groupId, version, cipherSuite, extensions } = found
  return { groupId, version, cipherSuite, extensions }
}
