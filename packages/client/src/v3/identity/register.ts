import { v3, XmtpError } from '@xmtp-ts/protocol'
import type { MlsApi } from '../../network/mls-api.ts'
import type { RecordStore } from '../../store/record-store.ts'
import { installationSigner, type InboxSigner } from '../signer.ts'
import type { KnownInbox } from './directory.ts'
import {
  loadInstallation,
  markRegistered,
  openInstallation,
  type Installation,
} from './installation.ts'
import { createKeyPackages } from './key-packages.ts'
import {
  only,
  publishChange,
  signChange,
  type InboxParts,
  type InboxPlan,
} from './publish-update.ts'

export type RegisterParts = InboxParts & {
  readonly store: RecordStore
  readonly mls: Pick<MlsApi, 'uploadKeyPackage'>
}

export type InboxChoice = {
  /** Of an inbox that has to be created; if left out, 1. */
  readonly nonce?: bigint | undefined
}

export type RegisterOptions = InboxChoice & {
  /** Never publishes anything: an installation that is not registered stays so. */
  readonly disableAutoRegister?: boolean | undefined
}

/** This client before it is registered, and what is known of its inbox. */
export type Candidate = {
  readonly installation: Installation
  /** Undefined: the inbox does not exist yet, or nobody had to be asked. */
  readonly inbox: KnownInbox | undefined
  readonly nonce: bigint
}

/** A client that others can see. */
export type Registered = { readonly installation: Installation; readonly inbox: KnownInbox }

/**
 * Finds the inbox of an account and makes this store's installation for it, without anything that others can see. A
 * registered store of the same account asks nobody. A store that was registered in a run that did not live to note it
 * is noted to be now.
 * @throws XmtpError `client.inbox.other` when the store is of another inbox, `client.inbox.unconfirmed` when the node
 * names an inbox whose log does not have the account, the problem of that log, or what the network throws
 */
export async function findCandidate(
  parts: Pick<RegisterParts, 'store' | 'identity' | 'inboxes' | 'environment'>,
  identifier: v3.Identifier,
  { nonce = v3.defaultInboxNonce }: InboxChoice = {},
): Promise<Candidate> {
  const { store, identity, inboxes } = parts
  const stored = await loadInstallation(store)
  if (stored?.registered === true && v3.equalMembers(stored.identifier, identifier))
    return { installation: stored, inbox: undefined, nonce }
  const [named] = await identity.getInboxIds([identifier])
  const asked = [stored?.inboxId, named].filter((inboxId) => inboxId !== undefined)
  // What was never published has no log: nothing is asked about a new account.
  const answers = named === undefined ? undefined : await inboxes.refresh(asked)
  const own = stored && answers?.get(stored.inboxId)
  if (stored && own && hasInstallation(own, stored)) {
    if (stored.inboxId !== named) throw otherInbox(stored, named)
    return { installation: await markRegistered(store, stored), inbox: own, nonce }
  }
  if (stored?.registered === true && stored.inboxId !== named) throw otherInbox(stored, named)
  const inbox = named && answers && confirmed(only(answers, named), identifier)
  const inboxId = named ?? v3.deriveInboxId(identifier, nonce)
  return { installation: await openInstallation(parts, { inboxId, identifier }), inbox, nonce }
}

/**
 * Registers this installation: creates the inbox of the signer's account, or grants access to the one that it has. In
 * the order of v3-mls §1.9: the key package is at the node before anybody can see the installation. Four calls for a new
 * inbox. Killed at any point and started again it ends with the same one installation.
 * @throws XmtpError what `findCandidate` throws, `v3.identity.member.tooMany` for an eleventh installation,
 * `v3.identity.log.full` after 256 updates, `client.signer.*`, or what the network throws
 */
export async function register(
  parts: RegisterParts,
  signer: InboxSigner,
  { nonce, disableAutoRegister = false }: RegisterOptions = {},
): Promise<{ readonly installation: Installation; readonly inbox: KnownInbox | undefined }> {
  const candidate = await findCandidate(parts, signer.identifier, { nonce })
  if (candidate.installation.registered || disableAutoRegister) return candidate
  return registerCandidate(parts, signer, candidate)
}

/** An account creates its inbox, or grants the candidate's installation access to the one that there is. */
export function planRegistration(
  { installation, inbox: known, nonce }: Candidate,
  identifier: v3.Identifier,
): InboxPlan {
  const { inboxId, installationId } = installation
  const grant: v3.DraftAction = {
    kind: 'add',
    member: v3.installationIdentifier(installationId),
    existing: identifier,
  }
  const create: v3.DraftAction = { kind: 'createInbox', identifier, nonce }
  return { inboxId, known, actions: known === undefined ? [create, grant] : [grant] }
}

/** Goes on where `findCandidate` ended. */
export async function registerCandidate(
  parts: RegisterParts,
  signer: InboxSigner,
  candidate: Candidate,
): Promise<Registered> {
  const plan = planRegistration(candidate, signer.identifier)
  const signers = [signer, installationSigner(candidate.installation.signingKey)]
  const update = await signChange(parts, { ...plan, signers })
  return publishRegistration(parts, candidate.installation, { plan, update })
}

/** Publishes a registration that has been signed. */
export async function publishRegistration(
  parts: RegisterParts,
  installation: Installation,
  { plan, update }: { readonly plan: InboxPlan; readonly update: v3.IdentityUpdate },
): Promise<Registered> {
  const { store, mls } = parts
  const keyPackage = await createKeyPackages({ ...parts, self: installation }).prepare()
  await mls.uploadKeyPackage(keyPackage)
  const inbox = await publishChange(parts, plan, update)
  return { installation: await markRegistered(store, installation), inbox }
}

function hasInstallation({ state }: KnownInbox, { installationId }: Installation): boolean {
  return v3.memberOf(state, v3.installationIdentifier(installationId)) !== undefined
}

/** The node's word is not enough: it could give the account's installation to somebody else's inbox. */
function confirmed(inbox: KnownInbox, identifier: v3.Identifier): KnownInbox {
  if (v3.memberOf(inbox.state, identifier) !== undefined) return inbox
  throw new XmtpError(
    'client.inbox.unconfirmed',
    `The node names ${inbox.inboxId} for ${v3.identifierText(identifier)}, which is no member of it.`,
  )
}

function otherInbox(stored: Installation, named: v3.InboxId | undefined): XmtpError {
  return new XmtpError(
    'client.inbox.other',
    `The store is of inbox ${stored.inboxId}; the account belongs to ${named ?? 'none'}.`,
  )
}
