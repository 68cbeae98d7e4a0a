import { limits, v3, XmtpError } from '@xmtp-ts/protocol'
import { msToNs, type Environment } from '../../environment.ts'
import { manyInstallations, manyUpdates } from '../../limits.ts'
import type { IdentityApi } from '../../network/identity-api.ts'
import type { UpdateSigner } from '../signer.ts'
import type { InboxDirectory, KnownInbox } from './directory.ts'

/** An inbox gets near a limit that it cannot pass. */
export type InboxWarning = {
  readonly code: 'inbox.manyInstallations' | 'inbox.manyUpdates'
  readonly inboxId: v3.InboxId
  /** With the change that is under way. */
  readonly count: number
  readonly limit: number
}

/** What changes of inboxes are made with. */
export type InboxParts = {
  readonly identity: IdentityApi
  readonly inboxes: InboxDirectory
  readonly environment: Environment
  /** Hears of a limit before anything is signed. */
  readonly onWarning?: ((warning: InboxWarning) => void) | undefined
}

/** What is to change in an inbox. */
export type InboxPlan = {
  readonly inboxId: v3.InboxId
  /** Undefined: the change creates the inbox. */
  readonly known: KnownInbox | undefined
  readonly actions: readonly v3.DraftAction[]
}

/** A change of an inbox, and who can sign for it. */
export type InboxChange = InboxPlan & { readonly signers: readonly UpdateSigner[] }

/**
 * Signs a change and checks it by the rules of nodes and clients, so that nothing is published that they refuse. The
 * text shows whole seconds and most signers are deterministic: the same change twice within a second has the same
 * signatures, which count once, so that the second one waits for the next second and is signed anew.
 * @throws XmtpError `v3.identity.*` for what is not allowed, `client.signer.*`
 */
export async function signChange(
  { environment, onWarning }: Pick<InboxParts, 'environment' | 'onWarning'>,
  change: InboxChange,
): Promise<v3.IdentityUpdate> {
  checkRoom(change, onWarning)
  const first = environment.nowMs()
  try {
    return await signAt(change, first)
  } catch (error) {
    if (!(error instanceof XmtpError) || error.code !== 'v3.identity.signature.replayed')
      throw error
    await environment.sleep(1_000 - (first % 1_000))
    return signAt(change, environment.nowMs())
  }
}

async function signAt(change: InboxChange, nowMs: number): Promise<v3.IdentityUpdate> {
  const draft = draftPlan(change, nowMs)
  const signatures: v3.IdentitySignature[] = []
  // One after the other: wallets ask their users.
  for (const signer of draft.signers) {
    const found = change.signers.find(({ identifier }) => v3.equalMembers(identifier, signer))
    if (found !== undefined) signatures.push(await found.sign(draft.text))
  }
  return finishPlan(change, draft, signatures)
}

/** What is to be signed for a plan. */
export function draftPlan({ inboxId, actions }: InboxPlan, nowMs: number): v3.IdentityDraft {
  return v3.draftIdentityUpdate({ inboxId, clientTimestampNs: msToNs(nowMs), actions })
}

/**
 * Puts a signed change together and checks it by the rules of nodes and clients. Contract wallets are taken at their
 * word: they were asked when they signed.
 * @throws XmtpError `v3.identity.*` for what is not allowed, or not signed
 */
export function finishPlan(
  { known }: InboxPlan,
  draft: v3.IdentityDraft,
  signatures: readonly v3.IdentitySignature[],
): v3.IdentityUpdate {
  const update = v3.parseIdentityUpdate(v3.finishIdentityUpdate(draft, signatures))
  const verdicts = new Map(
    Array.from(v3.contractChecks(update), ([key, { blockNumber }]) => [
      key,
      { isValid: true, blockNumber },
    ]),
  )
  v3.admitIdentityUpdate(known?.state, v3.verifyIdentityUpdate(update, verdicts))
  return update
}

/**
 * Publishes a change and reads it back. An answer that is lost is no failure: what counts is the log.
 * @returns the inbox with the change
 * @throws XmtpError what publishing throws when the log does not have the change, `client.inbox.unconfirmed` when the
 * node took the change and its log does not have it
 */
export async function publishChange(
  { identity, inboxes }: Pick<InboxParts, 'identity' | 'inboxes'>,
  { inboxId, actions }: InboxPlan,
  update: v3.IdentityUpdate,
): Promise<KnownInbox> {
  let failure: unknown
  try {
    await identity.publishIdentityUpdate(update)
  } catch (error) {
    failure = error
  }
  const inbox = await readBack(inboxes, inboxId, failure)
  if (actions.every((action) => isDone(inbox.state, action))) return inbox
  throw (
    failure ??
    new XmtpError(
      'client.inbox.unconfirmed',
      `The node took an update of ${inboxId} that is not in its log.`,
    )
  )
}

/** Signs, publishes and reads back. */
export async function changeInbox(parts: InboxParts, change: InboxChange): Promise<KnownInbox> {
  return publishChange(parts, change, await signChange(parts, change))
}

/** @throws XmtpError the problem of the inbox */
export async function refreshOne(inboxes: InboxDirectory, inboxId: string): Promise<KnownInbox> {
  return only(await inboxes.refresh([inboxId]), inboxId)
}

/** @throws XmtpError the problem of the inbox */
export function only(
  answers: Awaited<ReturnType<InboxDirectory['refresh']>>,
  inboxId: string,
): KnownInbox {
  const inbox = answers.get(inboxId)
  if (inbox !== undefined) return inbox
  throw (
    answers.problems.get(inboxId) ??
    new XmtpError('client.inbox.unknown', `Nobody told of ${JSON.stringify(inboxId.slice(0, 80))}.`)
  )
}

async function readBack(
  inboxes: InboxDirectory,
  inboxId: v3.InboxId,
  failure: unknown,
): Promise<KnownInbox> {
  try {
    return await refreshOne(inboxes, inboxId)
  } catch (error) {
    throw failure ?? error
  }
}

/**
 * Before anybody is asked to sign: room for the update and for an installation that it grants.
 * @throws XmtpError `v3.identity.member.tooMany`, `v3.identity.log.full` or `v3.identity.update.tooLong`
 */
export function checkRoom({ known, actions }: InboxPlan, onWarning: InboxParts['onWarning']): void {
  if (known === undefined) return
  const { state } = known
  const { inboxId, updateCount } = state
  const grants = actions.some(
    (action) =>
      action.kind === 'add' &&
      action.member.kind === 'installation' &&
      v3.memberOf(state, action.member) === undefined,
  )
  if (grants) v3.checkRoomForInstallation(state)
  if (updateCount >= limits.maxIdentityLogUpdates)
    throw new XmtpError('v3.identity.log.full', `inbox log is full: it has ${updateCount} updates.`)
  const installations = v3.installationsOf(state).length + 1
  if (grants && installations >= manyInstallations) {
    const limit = limits.maxInboxInstallations
    onWarning?.({ code: 'inbox.manyInstallations', inboxId, count: installations, limit })
  }
  const updates = updateCount + 1
  if (updates >= manyUpdates) {
    const limit = limits.maxIdentityLogUpdates
    onWarning?.({ code: 'inbox.manyUpdates', inboxId, count: updates, limit })
  }
}

/** Whether a log shows what an action asks for. */
function isDone(state: v3.AssociationState, action: v3.DraftAction): boolean {
  switch (action.kind) {
    case 'createInbox':
      return true
    case 'add':
      return v3.memberOf(state, action.member) !== undefined
    case 'revoke':
      return v3.memberOf(state, action.member) === undefined
    case 'changeRecovery':
      return v3.equalMembers(state.recovery, action.identifier)
    default:
      return action satisfies never
  }
}
