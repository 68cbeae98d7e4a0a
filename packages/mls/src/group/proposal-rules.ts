import { equal, toHex } from '../bytes.ts'
import { encode } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { hashLength } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { GroupContext } from '../message/group-context.ts'
import type { PreSharedKeyId, Proposal } from '../message/proposal.ts'
import { preSharedKeyIdCodec, proposalType } from '../message/proposal.ts'
import type { Sender } from '../message/wire.ts'
import {
  extensionTypes,
  findExtension,
  proposalTypes,
  readRequiredCapabilities,
} from '../tree/extension.ts'

/** A proposal as a commit applies it. */
export type CommittedProposal = {
  readonly proposal: Proposal
  readonly sender: Sender
  /** Whether it was sent on its own before. */
  readonly byReference: boolean
}

const pathKinds: ReadonlySet<Proposal['kind']> = new Set([
  'update',
  'remove',
  'externalInit',
  'groupContextExtensions',
  'selfRemove',
])

/** Whether a commit with this proposal must have a path (RFC 9420 §12.4, §17.4; draft-ietf-mls-extensions, IANA). */
export function needsPath(
  proposal: Proposal,
  custom: readonly { readonly type: number; readonly needsPath: boolean }[],
): boolean {
  if (proposal.kind !== 'custom') return pathKinds.has(proposal.kind)
  return custom.find(({ type }) => type === proposal.type)?.needsPath ?? true
}

/**
 * Whether this sender may propose this at all (RFC 9420 §12.1.8).
 *
 * @throws MlsError `proposal.notAllowedFromSender`, `proposal.updateNotFromMember`
 */
export function checkProposer(proposal: Proposal, sender: Sender): void {
  const { kind } = proposal
  if (kind === 'update' && sender.kind !== 'member')
    throw new MlsError('proposal.updateNotFromMember', `An update from ${sender.kind}.`)
  const fromOutside = ['add', 'remove', 'preSharedKey', 'reInit', 'groupContextExtensions']
  const allowed =
    sender.kind === 'member'
      ? kind !== 'externalInit'
      : sender.kind === 'external'
        ? fromOutside.includes(kind) || kind === 'custom'
        : sender.kind === 'newMemberProposal'
          ? kind === 'add'
          : true
  if (!allowed) throw new MlsError('proposal.notAllowedFromSender', `${kind} from ${sender.kind}.`)
}

/**
 * The rules about the list of proposals in one commit, whoever made it (RFC 9420 §12.2).
 *
 * @param committer the committer's leaf; undefined for an external commit
 * @throws MlsError `proposal.*`, `externalCommit.*`, `commit.tooManyProposals`
 */
export function checkProposalList(
  suite: CipherSuite,
  context: GroupContext,
  proposals: readonly CommittedProposal[],
  committer: number | undefined,
): void {
  if (proposals.length > limits.commitProposals)
    throw new MlsError('commit.tooManyProposals', `${proposals.length} proposals.`)
  if (committer === undefined) checkExternalList(proposals)
  else checkMemberList(proposals, committer)
  checkLeavesOnce(proposals)
  checkAddsOnce(proposals)
  checkPsks(suite, context, proposals)
  checkOnce(proposals, 'groupContextExtensions', 'proposal.groupContextExtensionsTwice')
  checkAppData(context, proposals)
}

function checkMemberList(proposals: readonly CommittedProposal[], committer: number): void {
  for (const { proposal, sender, byReference } of proposals) {
    const own = sender.kind === 'member' && sender.leafIndex === committer
    switch (proposal.kind) {
      case 'update':
        checkProposer(proposal, sender)
        if (own) throw new MlsError('proposal.updateFromCommitter', 'The path updates its leaf.')
        break
      case 'remove':
        if (proposal.removed === committer)
          throw new MlsError('proposal.removeOfCommitter', 'A committer cannot remove itself.')
        break
      case 'selfRemove':
        if (!byReference)
          throw new MlsError('proposal.selfRemoveNotByReference', 'Whoever leaves sends it alone.')
        if (own) throw new MlsError('proposal.selfRemoveOfCommitter', 'It cannot commit to it.')
        break
      case 'externalInit':
        throw new MlsError('proposal.externalInitFromMember', 'Members have the init secret.')
      case 'reInit':
        if (proposals.length !== 1)
          throw new MlsError('proposal.reInitNotAlone', `${proposals.length} proposals.`)
        break
      case 'add':
      case 'preSharedKey':
      case 'groupContextExtensions':
      case 'appDataUpdate':
      case 'appEphemeral':
      case 'custom':
        break
    }
  }
}

function checkExternalList(proposals: readonly CommittedProposal[]): void {
  let inits = 0
  let removes = 0
  for (const { proposal, byReference } of proposals) {
    const { kind } = proposal
    // Who joins cannot know what was proposed before; leaving is the one thing that others may have said.
    const allowed = byReference
      ? kind === 'selfRemove'
      : kind === 'externalInit' || kind === 'remove' || kind === 'preSharedKey'
    if (!allowed)
      throw new MlsError('externalCommit.proposalNotAllowed', `${kind} in an external commit.`)
    if (kind === 'externalInit') inits++
    if (kind === 'remove') removes++
  }
  if (inits !== 1)
    throw new MlsError('externalCommit.externalInitCount', `${inits} ExternalInit proposals.`)
  if (removes > 1) throw new MlsError('externalCommit.removeTwice', `${removes} Remove proposals.`)
}

function targetOf({ proposal, sender }: CommittedProposal): number | undefined {
  if (proposal.kind === 'remove') return proposal.removed
  if (proposal.kind !== 'update' && proposal.kind !== 'selfRemove') return undefined
  return sender.kind === 'member' ? sender.leafIndex : undefined
}

function checkLeavesOnce(proposals: readonly CommittedProposal[]): void {
  const seen = new Set<number>()
  for (const proposal of proposals) {
    const target = targetOf(proposal)
    if (target === undefined) continue
    if (seen.has(target))
      throw new MlsError('proposal.sameLeafTwice', `Two proposals change leaf ${target}.`)
    seen.add(target)
  }
}

function checkAddsOnce(proposals: readonly CommittedProposal[]): void {
  const seen = new Set<string>()
  for (const { proposal } of proposals) {
    if (proposal.kind !== 'add') continue
    const key = toHex(proposal.keyPackage.leafNode.signatureKey)
    if (seen.has(key)) throw new MlsError('proposal.addTwice', 'One client is added twice.')
    seen.add(key)
  }
}

/**
 * The form of one pre-shared key id (RFC 9420 §12.1.4).
 *
 * @throws MlsError `proposal.badPsk`
 */
export function checkPskId(suite: CipherSuite, context: GroupContext, psk: PreSharedKeyId): void {
  if (psk.nonce.length !== hashLength(suite))
    throw new MlsError('proposal.badPsk', `The nonce has ${psk.nonce.length} bytes.`)
  // The other usages belong to the first commit of a new group alone (RFC 9420 §11.2, §11.3).
  if (psk.kind === 'resumption' && psk.usage !== 'application' && context.epoch !== 0n)
    throw new MlsError('proposal.badPsk', `Usage ${psk.usage} in epoch ${context.epoch}.`)
}

function checkPsks(
  suite: CipherSuite,
  context: GroupContext,
  proposals: readonly CommittedProposal[],
): void {
  const seen = new Set<string>()
  for (const { proposal } of proposals) {
    if (proposal.kind !== 'preSharedKey') continue
    checkPskId(suite, context, proposal.psk)
    const id = toHex(encode(preSharedKeyIdCodec, proposal.psk))
    if (seen.has(id))
      throw new MlsError('proposal.samePskTwice', 'One pre-shared key is there twice.')
    seen.add(id)
  }
}

function checkOnce(
  proposals: readonly CommittedProposal[],
  kind: Proposal['kind'],
  code: 'proposal.groupContextExtensionsTwice',
): void {
  const count = proposals.filter(({ proposal }) => proposal.kind === kind).length
  if (count > 1) throw new MlsError(code, `${count} proposals of type ${kind}.`)
}

/** AppDataUpdate among themselves and after GroupContextExtensions (draft-ietf-mls-extensions). */
function checkAppData(context: GroupContext, proposals: readonly CommittedProposal[]): void {
  const removed = new Set<number>()
  const updated = new Set<number>()
  let sawUpdate = false
  for (const { proposal } of proposals) {
    if (proposal.kind === 'groupContextExtensions') {
      if (sawUpdate)
        throw new MlsError('proposal.appDataUnordered', 'AppDataUpdate comes before extensions.')
      checkDictionaryUntouched(context, proposal)
    }
    if (proposal.kind !== 'appDataUpdate') continue
    sawUpdate = true
    const { componentId, update } = proposal
    const isRemove = update.kind === 'remove'
    if (removed.has(componentId) || (isRemove && updated.has(componentId)))
      throw new MlsError('proposal.appDataConflict', `Component ${componentId} is also removed.`)
    ;(isRemove ? removed : updated).add(componentId)
  }
}

/** Where AppDataUpdate is required of all, the dictionary changes by it alone. */
function checkDictionaryUntouched(
  context: GroupContext,
  proposal: Extract<Proposal, { kind: 'groupContextExtensions' }>,
): void {
  const required = readRequiredCapabilities(context.extensions)
  if (!required?.proposals.includes(proposalTypes.appDataUpdate)) return
  const type = extensionTypes.appDataDictionary
  const before = findExtension(context.extensions, type)
  const after = findExtension(proposal.extensions, type)
  if (before !== undefined && (after === undefined || !equal(before, after)))
    throw new MlsError('proposal.appDataConflict', 'Extensions replace the app data dictionary.')
}

/** The type numbers of a list, for the check of who supports them. */
export function typesOf(proposals: readonly CommittedProposal[]): ReadonlySet<number> {
  return new Set(proposals.map(({ proposal }) => proposalType(proposal)))
}
