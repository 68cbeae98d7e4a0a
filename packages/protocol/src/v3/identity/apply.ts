import { XmtpError } from '../../errors.ts'
import { signaturesOf, type SignedAction } from './action.ts'
import {
  deriveInboxId,
  equalMembers,
  identifierText,
  memberKey,
  type Identifier,
  type InboxId,
  type MemberIdentifier,
} from './identifier.ts'
import { addSeen, hasSeenBytes, noSignatures } from './seen.ts'
import type { AssociationState, Member } from './state.ts'
import type { VerifiedIdentityUpdate, VerifiedSignature } from './verify.ts'

/** A state in the making: the members change in place, in a map that nobody else holds. */
type Draft = {
  readonly inboxId: InboxId
  readonly members: Map<string, Member>
  recovery: Identifier
  /** Of earlier updates alone: one signature may serve several actions of one update. */
  readonly seen: AssociationState['seenSignatures']
  readonly clientTimestampNs: bigint
}

type Action<Kind extends SignedAction<unknown>['kind']> = Extract<
  SignedAction<VerifiedSignature>,
  { kind: Kind }
>

/**
 * The state after one more update, by the rules that libxmtp 1.10 replays a log with (v3-mls §1.8), in its order of
 * checks: all actions apply, or none. That a signature's kind fits its signer is so by construction: verifying one of a
 * kind gives a signer of the kind that may use it. For what one is asked to add to a log there is
 * `admitIdentityUpdate`.
 * @param state undefined: the inbox does not exist yet
 * @throws XmtpError `v3.identity.update.wrongInbox`, `v3.identity.log.created`, `v3.identity.log.notCreated`,
 * `v3.identity.signer.notAllowed`, `v3.identity.member.self`, `v3.identity.member.byInstallation`,
 * `v3.identity.identifier.malformed` or `v3.identity.signature.*`: `replayed`, `wrongKind`, `wrongSigner`,
 * `legacyReused`, `chainChanged`
 */
export function applyIdentityUpdate(
  state: AssociationState | undefined,
  update: VerifiedIdentityUpdate,
): AssociationState {
  const { clientTimestampNs } = update
  let draft = state && openDraft(state, clientTimestampNs)
  for (const action of update.actions) {
    if (action.kind === 'createInbox') draft = create(draft, action, clientTimestampNs)
    else if (draft === undefined) throw notCreated()
    else change(draft, action)
  }
  if (draft === undefined) throw notCreated()
  if (draft.inboxId !== update.inboxId)
    throw new XmtpError(
      'v3.identity.update.wrongInbox',
      `Wrong inbox_id specified on association: ${draft.inboxId} is the inbox of this log.`,
    )
  return {
    inboxId: draft.inboxId,
    members: draft.members,
    recovery: draft.recovery,
    seenSignatures: addSeen(draft.seen, update.actions.flatMap(signaturesOf)),
    updateCount: (state?.updateCount ?? 0) + 1,
  }
}

/**
 * The state that a log amounts to.
 * @throws XmtpError what `applyIdentityUpdate` throws for the first update that does not apply, and
 * `v3.identity.log.notCreated` for an empty log
 */
export function replayIdentityLog(updates: Iterable<VerifiedIdentityUpdate>): AssociationState {
  let state: AssociationState | undefined
  for (const update of updates) state = applyIdentityUpdate(state, update)
  if (state === undefined) throw notCreated()
  return state
}

function openDraft(state: AssociationState, clientTimestampNs: bigint): Draft {
  const { inboxId, members, recovery, seenSignatures: seen } = state
  return { inboxId, members: new Map(members), recovery, seen, clientTimestampNs }
}

function create(
  draft: Draft | undefined,
  { identifier, nonce, signature }: Action<'createInbox'>,
  clientTimestampNs: bigint,
): Draft {
  if (draft !== undefined)
    throw new XmtpError(
      'v3.identity.log.created',
      `Multiple create operations detected: ${draft.inboxId} exists.`,
    )
  if (!equalMembers(signature.signer, identifier)) throw notAllowed(signature, 'created it')
  if (signature.kind === 'legacy' && nonce !== 0n) throw legacyReused()
  const member: Member = {
    identifier,
    addedBy: undefined,
    clientTimestampNs: undefined,
    addedOnChainId: signature.chainId,
  }
  return {
    inboxId: deriveInboxId(identifier, nonce),
    members: new Map([[memberKey(identifier), member]]),
    recovery: identifier,
    seen: noSignatures,
    clientTimestampNs,
  }
}

function change(
  draft: Draft,
  action: Action<'add'> | Action<'revoke'> | Action<'changeRecovery'>,
): void {
  for (const signature of signaturesOf(action))
    if (hasSeenBytes(draft.seen, signature)) throw replayed(signature)
  switch (action.kind) {
    case 'add':
      add(draft, action)
      return
    case 'revoke':
      requireRecovery(draft, action.signature)
      revoke(draft, action.member)
      return
    case 'changeRecovery':
      requireRecovery(draft, action.signature)
      draft.recovery = action.identifier
      return
  }
}

function add(draft: Draft, { member, existingSignature, newSignature }: Action<'add'>): void {
  const existing = existingSignature.signer
  if (!equalMembers(newSignature.signer, member))
    throw new XmtpError(
      'v3.identity.signature.wrongSigner',
      `The new member identifier does not match the signer ${identifierText(newSignature.signer)}.`,
    )
  if (equalMembers(member, existing))
    throw new XmtpError('v3.identity.member.self', `${identifierText(existing)} adds itself.`)
  requireLegacyInbox(draft, { existing, signatures: [existingSignature, newSignature] })
  const addedBy = requireMemberOrRecovery(draft, existingSignature)
  if (existing.kind === 'installation' && member.kind === 'installation')
    throw new XmtpError(
      'v3.identity.member.byInstallation',
      'Member of kind installation not allowed to add installation.',
    )
  const key = memberKey(member)
  draft.members.set(key, {
    identifier: newSignature.signer,
    addedBy,
    clientTimestampNs: draft.clientTimestampNs,
    addedOnChainId: newSignature.chainId,
  })
}

/** Removes a member and the installations that it added, not its other children. An absent member is no error. */
function revoke(draft: Draft, member: MemberIdentifier): void {
  draft.members.delete(memberKey(member))
  for (const [key, { identifier, addedBy }] of draft.members)
    if (identifier.kind === 'installation' && addedBy && equalMembers(addedBy, member))
      draft.members.delete(key)
}

/** A V2 key counts only in the inbox that its wallet would create with nonce 0. An installation has no such inbox. */
function requireLegacyInbox(
  draft: Draft,
  { existing, signatures }: { existing: MemberIdentifier; signatures: VerifiedSignature[] },
): void {
  const isLegacy = signatures.some(({ kind }) => kind === 'legacy')
  if (existing.kind === 'installation' || !isLegacy) return
  if (draft.inboxId !== deriveInboxId(existing, 0n)) throw legacyReused()
}

function requireMemberOrRecovery(draft: Draft, signature: VerifiedSignature): MemberIdentifier {
  const member = draft.members.get(memberKey(signature.signer))
  if (member !== undefined) {
    requireChain(member, signature)
    return member.identifier
  }
  if (!equalMembers(signature.signer, draft.recovery))
    throw notAllowed(signature, 'is a member or the recovery identifier')
  if (signature.kind === 'legacy') throw legacyReused()
  return draft.recovery
}

function requireRecovery(draft: Draft, signature: VerifiedSignature): void {
  const member = draft.members.get(memberKey(signature.signer))
  if (member !== undefined) requireChain(member, signature)
  if (signature.kind === 'legacy')
    throw new XmtpError(
      'v3.identity.signature.wrongKind',
      'Signature not allowed for role ethereum: a V2 key cannot recover an inbox.',
    )
  if (!equalMembers(signature.signer, draft.recovery))
    throw notAllowed(signature, 'is the recovery identifier')
}

function requireChain({ addedOnChainId }: Member, { chainId }: VerifiedSignature): void {
  if (addedOnChainId !== chainId)
    throw new XmtpError(
      'v3.identity.signature.chainChanged',
      `Wrong chain id. Initially added with ${addedOnChainId ?? 'none'} but now signing from ${chainId ?? 'none'}.`,
    )
}

function notAllowed({ signer }: VerifiedSignature, who: string): XmtpError {
  return new XmtpError(
    'v3.identity.signer.notAllowed',
    `Missing existing member: ${identifierText(signer)} signed, but is not the one who ${who}.`,
  )
}

function legacyReused(): XmtpError {
  return new XmtpError(
    'v3.identity.signature.legacyReused',
    'Legacy key is only allowed to be associated using a legacy signature with nonce 0.',
  )
}

function notCreated(): XmtpError {
  return new XmtpError('v3.identity.log.notCreated', 'XID not yet created.')
}

function replayed({ signer }: VerifiedSignature): XmtpError {
  return new XmtpError(
    'v3.identity.signature.replayed',
    `Replay detected: a signature of ${identifierText(signer)} is in an earlier update.`,
  )
}
