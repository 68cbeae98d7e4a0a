import { bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { openMemoryRecords } from '../../store/memory-records.ts'
import { installationSigner, type InboxSigner } from '../signer.ts'
import { createInboxDirectory, type KnownInbox } from './directory.ts'
import { changeInbox, only, refreshOne, type InboxParts } from './publish-update.ts'

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

/**
 * Adds an account to the inbox; the installation and the account sign. One that the inbox has already stays as it is.
 * All functions here return the inbox as it is afterwards and throw what the network throws, `client.signer.*`, and
 * `v3.identity.log.full` after 256 updates.
 * @throws XmtpError `client.inbox.taken`; `v3.identity.signer.notAllowed` when this installation was revoked
 */
export async function addAccount(
  parts: AccountParts,
  signer: InboxSigner,
  { allowReassign = false }: AddAccountOptions = {},
): Promise<KnownInbox> {
  const { identity, inboxes, self } = parts
  const [answers, [named]] = await Promise.all([
    inboxes.refresh([self.inboxId]),
    identity.getInboxIds([signer.identifier]),
  ])
  const known = only(answers, self.inboxId)
  if (v3.memberOf(known.state, signer.identifier) !== undefined) return known
  if (named !== undefined && !allowReassign)
    throw new XmtpError(
      'client.inbox.taken',
      `${v3.identifierText(signer.identifier)} belongs to inbox ${named}.`,
    )
  const installation = installationSigner(self.signingKey)
  return changeInbox(parts, {
    inboxId: self.inboxId,
    known,
    actions: [{ kind: 'add', member: signer.identifier, existing: installation.identifier }],
    signers: [installation, signer],
  })
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
  const { inboxId } = parts.self
  return revoke(parts, { inboxId, recovery, choose: () => [identifier] })
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
  const members = installationIds.map((key) => v3.installationIdentifier(key))
  return revoke(parts, { inboxId: parts.self.inboxId, recovery, choose: () => members })
}

/** Revokes all installations but this one. @throws XmtpError `client.inbox.notRecovery` */
export async function revokeAllOtherInstallations(
  parts: AccountParts,
  recovery: InboxSigner,
): Promise<KnownInbox> {
  const { inboxId, installationId } = parts.self
  const own = bytesToHex(installationId)
  const choose = (state: v3.AssociationState) =>
    v3
      .installationsOf(state)
      .filter(({ key }) => bytesToHex(key) !== own)
      .map(({ key }) => v3.installationIdentifier(key))
  return revoke(parts, { inboxId, recovery, choose })
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
  const members = request.installationIds.map((key) => v3.installationIdentifier(key))
  await using store = openMemoryRecords()
  const inboxes = createInboxDirectory({ store, api: parts.identity })
  const choose = () => members
  return await revoke({ ...parts, inboxes }, { inboxId: request.inboxId, recovery, choose })
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
  const { inboxId } = parts.self
  const known = await refreshOne(parts.inboxes, inboxId)
  requireRecovery(known, recovery)
  if (v3.equalMembers(known.state.recovery, identifier)) return known
  const actions = [
    { kind: 'changeRecovery', identifier, recovery: recovery.identifier },
  ] as const satisfies v3.DraftAction[]
  return changeInbox(parts, { inboxId, known, actions, signers: [recovery] })
}

type Revocation = {
  readonly inboxId: v3.InboxId
  readonly recovery: InboxSigner
  /** Whom to revoke; those who are no members are left out. */
  readonly choose: (state: v3.AssociationState) => readonly v3.MemberIdentifier[]
}

async function revoke(
  parts: InboxParts,
  { inboxId, recovery, choose }: Revocation,
): Promise<KnownInbox> {
  const known = await refreshOne(parts.inboxes, inboxId)
  requireRecovery(known, recovery)
  const members = new Map(
    choose(known.state)
      .filter((member) => v3.memberOf(known.state, member) !== undefined)
      .map((member) => [v3.memberKey(member), member]),
  )
  if (members.size === 0) return known
  const actions = Array.from(members.values(), (member): v3.DraftAction => ({
    kind: 'revoke',
    member,
    recovery: recovery.identifier,
  }))
  return changeInbox(parts, { inboxId, known, actions, signers: [recovery] })
}

/** Before the wallet is asked for a signature that cannot count. */
function requireRecovery({ inboxId, state }: KnownInbox, { identifier }: InboxSigner): void {
  if (!v3.equalMembers(state.recovery, identifier))
    throw new XmtpError(
      'client.inbox.notRecovery',
      `${v3.identifierText(identifier)} is not the recovery identifier of ${inboxId}.`,
    )
}
