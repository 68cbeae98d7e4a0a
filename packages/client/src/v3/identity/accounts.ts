import { bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { openMemoryRecords } from '../../store/memory-records.ts'
import { installationSigner, type InboxSigner, type UpdateSigner } from '../signer.ts'
import { createInboxDirectory, type KnownInbox } from './directory.ts'
import { changeInbox, only, refreshOne, type InboxParts, type InboxPlan } from './publish-update.ts'

/** An inbox and the installation of it that acts. */
export type AccountParts = InboxParts & {
  readonly self: {
    readonly inboxId: v3.InboxId
    /** 32 bytes */
    readonly installationId: Uint8Array
    /** Ed25519 seed, 32 bytes */
    readonly signingKey: Uint8Array
  }
}

export type AddAccountOptions = {
  /** Whether to take an account that belongs to another inbox, which then cannot be found by it any more. */
  readonly allowReassign?: boolean | undefined
}

/** A change of an inbox that is there; no actions: it is so already. */
export type AccountPlan = InboxPlan & { readonly known: KnownInbox }

/**
 * The installation adds an account; both sign. All plans throw the problem of the inbox and what the network throws.
 * @throws XmtpError `client.inbox.taken`
 */
export async function planAddition(
  { identity, inboxes, self }: AccountParts,
  identifier: v3.Identifier,
  { allowReassign = false }: AddAccountOptions = {},
): Promise<AccountPlan> {
  const { inboxId, signingKey } = self
  const [answers, [named]] = await Promise.all([
    inboxes.refresh([inboxId]),
    identity.getInboxIds([identifier]),
  ])
  const known = only(answers, inboxId)
  if (v3.memberOf(known.state, identifier) !== undefined) return { inboxId, known, actions: [] }
  if (named !== undefined && !allowReassign)
    throw new XmtpError(
      'client.inbox.taken',
      `${v3.identifierText(identifier)} belongs to inbox ${named}.`,
    )
  const { identifier: existing } = installationSigner(signingKey)
  return { inboxId, known, actions: [{ kind: 'add', member: identifier, existing }] }
}

/** The recovery identifier removes an account, and with it the installations that it granted. */
export function planRemoval(parts: AccountParts, identifier: v3.Identifier): Promise<AccountPlan> {
  return planRevocation(parts, parts.self.inboxId, () => [identifier])
}

/**
 * The recovery identifier revokes installations; those that the inbox does not have are passed over.
 * @param installationIds 32 bytes each
 * @throws XmtpError `v3.identity.identifier.malformed`
 */
export async function planRevokeInstallations(
  parts: Pick<InboxParts, 'inboxes'>,
  inboxId: v3.InboxId,
  installationIds: readonly Uint8Array[],
): Promise<AccountPlan> {
  const members = installationIds.map((key) => v3.installationIdentifier(key))
  return planRevocation(parts, inboxId, () => members)
}

/** The recovery identifier revokes all installations but this one. */
export function planRevokeOthers(parts: AccountParts): Promise<AccountPlan> {
  const { inboxId, installationId } = parts.self
  const own = bytesToHex(installationId)
  return planRevocation(parts, inboxId, (state) =>
    v3
      .installationsOf(state)
      .filter(({ key }) => bytesToHex(key) !== own)
      .map(({ key }) => v3.installationIdentifier(key)),
  )
}

/** The recovery identifier names its successor. */
export async function planRecovery(
  { inboxes, self: { inboxId } }: AccountParts,
  identifier: v3.Identifier,
): Promise<AccountPlan> {
  const known = await refreshOne(inboxes, inboxId)
  const { recovery } = known.state
  if (v3.equalMembers(recovery, identifier)) return { inboxId, known, actions: [] }
  return { inboxId, known, actions: [{ kind: 'changeRecovery', identifier, recovery }] }
}

async function planRevocation(
  { inboxes }: Pick<InboxParts, 'inboxes'>,
  inboxId: v3.InboxId,
  choose: (state: v3.AssociationState) => readonly v3.MemberIdentifier[],
): Promise<AccountPlan> {
  const known = await refreshOne(inboxes, inboxId)
  const { state } = known
  const members = new Map(
    choose(state)
      .filter((member) => v3.memberOf(state, member) !== undefined)
      .map((member) => [v3.memberKey(member), member]),
  )
  const actions = Array.from(members.values(), (member): v3.DraftAction => ({
    kind: 'revoke',
    member,
    recovery: state.recovery,
  }))
  return { inboxId, known, actions }
}

/**
 * Adds an account to the inbox; the installation and the account sign. One that the inbox has already stays as it is.
 * All functions from here on return the inbox as it is afterwards and throw what their plan throws, `client.signer.*`, and
 * `v3.identity.log.full` after 256 updates.
 * @throws XmtpError `client.inbox.taken`; `v3.identity.signer.notAllowed` when this installation was revoked
 */
export async function addAccount(
  parts: AccountParts,
  signer: InboxSigner,
  options: AddAccountOptions = {},
): Promise<KnownInbox> {
  const plan = await planAddition(parts, signer.identifier, options)
  return carryOut(parts, plan, [installationSigner(parts.self.signingKey), signer])
}

/**
 * Removes an account, and the installations that it granted. The recovery identifier signs.
 * @throws XmtpError `client.inbox.notRecovery`
 */
export async function removeAccount(
  parts: AccountParts,
  recovery: InboxSigner,
  identifier: v3.Identifier,
): Promise<KnownInbox> {
  return recover(parts, recovery, await planRemoval(parts, identifier))
}

/**
 * Revokes installations of the inbox; those that it does not have are passed over.
 * @param installationIds 32 bytes each
 * @throws XmtpError `client.inbox.notRecovery`, `v3.identity.identifier.malformed`
 */
export async function revokeInstallations(
  parts: AccountParts,
  recovery: InboxSigner,
  installationIds: readonly Uint8Array[],
): Promise<KnownInbox> {
  const plan = await planRevokeInstallations(parts, parts.self.inboxId, installationIds)
  return recover(parts, recovery, plan)
}

/** Revokes all installations but this one. @throws XmtpError `client.inbox.notRecovery` */
export async function revokeAllOtherInstallations(
  parts: AccountParts,
  recovery: InboxSigner,
): Promise<KnownInbox> {
  return recover(parts, recovery, await planRevokeOthers(parts))
}

/**
 * Revokes installations of any inbox whose recovery identifier can sign: without a client and without a store.
 * @param request.installationIds 32 bytes each
 * @throws XmtpError `client.inbox.notRecovery`, `client.inbox.unknown`, `v3.identity.identifier.malformed`
 */
export async function revokeInstallationsOf(
  parts: Omit<InboxParts, 'inboxes'>,
  recovery: InboxSigner,
  request: { readonly inboxId: v3.InboxId; readonly installationIds: readonly Uint8Array[] },
): Promise<KnownInbox> {
  await using store = openMemoryRecords()
  const inboxes = createInboxDirectory({ store, api: parts.identity })
  const plan = await planRevokeInstallations({ inboxes }, request.inboxId, request.installationIds)
  return await recover({ ...parts, inboxes }, recovery, plan)
}

/**
 * Names another recovery identifier; the present one signs.
 * @throws XmtpError `client.inbox.notRecovery`
 */
export async function changeRecovery(
  parts: AccountParts,
  recovery: InboxSigner,
  identifier: v3.Identifier,
): Promise<KnownInbox> {
  return recover(parts, recovery, await planRecovery(parts, identifier))
}

/** What only the recovery identifier may: said before its wallet is asked for a signature that cannot count. */
async function recover(
  parts: InboxParts,
  recovery: InboxSigner,
  plan: AccountPlan,
): Promise<KnownInbox> {
  const { inboxId, known } = plan
  if (!v3.equalMembers(known.state.recovery, recovery.identifier))
    throw new XmtpError(
      'client.inbox.notRecovery',
      `${v3.identifierText(recovery.identifier)} is not the recovery identifier of ${inboxId}.`,
    )
  return carryOut(parts, plan, [recovery])
}

async function carryOut(
  parts: InboxParts,
  plan: AccountPlan,
  signers: readonly UpdateSigner[],
): Promise<KnownInbox> {
  return plan.actions.length === 0 ? plan.known : changeInbox(parts, { ...plan, signers })
}
