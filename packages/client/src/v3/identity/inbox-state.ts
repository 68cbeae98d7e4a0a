import { attempt, bytesFromHex, bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { readKeyPackage } from '@xmtp-ts/protocol/group'
import type { Environment } from '../../environment.ts'
import type { IdentityApi } from '../../network/identity-api.ts'
import type { MlsApi } from '../../network/mls-api.ts'
import type { InboxDirectory } from './directory.ts'
import {
  readIdentifier,
  writeIdentifier,
  type AccountName,
  type Identifier,
} from './public-identifier.ts'
import { only, refreshOne } from './publish-update.ts'

/** One app instance of an inbox. */
export type InboxInstallation = {
  /** `bytes` in hex. */
  readonly id: string
  /** Ed25519 public key, 32 bytes. */
  readonly bytes: Uint8Array
  /** When it was added, by the clock of who added it. */
  readonly clientTimestampNs: bigint | undefined
}

/** An inbox as apps see it, in the order of libxmtp: oldest first, the account that created it last. */
export type InboxState = {
  readonly inboxId: string
  readonly recoveryIdentifier: Identifier
  readonly identifiers: readonly Identifier[]
  readonly installations: readonly InboxInstallation[]
}

/** Whether an installation can be added to groups. */
export type KeyPackageStatus = {
  /** Unix seconds. */
  readonly lifetime?: { readonly notBefore: bigint; readonly notAfter: bigint }
  readonly validationError?: string
}

/** Somebody to write to: an inbox id, an address, or an identifier with its kind. */
export type Recipient = AccountName

export type LookUpParts = {
  readonly identity: Pick<IdentityApi, 'getInboxIds'>
  readonly inboxes: InboxDirectory
}

export function toInboxState(state: v3.AssociationState): InboxState {
  return {
    inboxId: state.inboxId,
    recoveryIdentifier: writeIdentifier(state.recovery),
    identifiers: v3.identifiersOf(state).map(writeIdentifier),
    installations: v3.installationsOf(state).map(({ key, clientTimestampNs }) => ({
      id: bytesToHex(key),
      bytes: key,
      clientTimestampNs,
    })),
  }
}

/**
 * The inboxes of recipients, in their order: two calls for any number of them. What the node says of an account is
 * checked against the log.
 * @throws XmtpError `client.inbox.unknown`, `client.inbox.unconfirmed`, the problem of a log, or
 * `v3.identity.identifier.malformed` for what is no recipient
 */
export async function resolveRecipients(
  { identity, inboxes }: LookUpParts,
  recipients: readonly Recipient[],
): Promise<readonly v3.InboxId[]> {
  const wanted = recipients.map(readRecipient)
  const identifiers = wanted.filter((each) => typeof each !== 'string')
  const named = identifiers.length === 0 ? [] : await identity.getInboxIds(identifiers)
  const byMember = new Map(
    identifiers.map((identifier, index) => [v3.memberKey(identifier), named[index]]),
  )
  const found = wanted.map((each) => {
    const inboxId = typeof each === 'string' ? each : byMember.get(v3.memberKey(each))
    if (inboxId !== undefined) return inboxId
    const text = typeof each === 'string' ? each : v3.identifierText(each)
    throw new XmtpError('client.inbox.unknown', `${text} has no inbox.`)
  })
  const known = await inboxes.latest(found)
  // An account may have come in after what is stored.
  const isNews = found.filter(
    (inboxId, index) => !isMember(known.get(inboxId)?.state, wanted[index]),
  )
  const refreshed = isNews.length === 0 ? known : await inboxes.refresh(isNews)
  for (const [index, inboxId] of found.entries()) {
    const { state } = only(isNews.includes(inboxId) ? refreshed : known, inboxId)
    if (!isMember(state, wanted[index]))
      throw new XmtpError(
        'client.inbox.unconfirmed',
        `The node names ${inboxId} for an account that is no member of it.`,
      )
  }
  return found
}

/** The inbox of one recipient; see `resolveRecipients`. */
export async function resolveRecipient(
  parts: LookUpParts,
  recipient: Recipient,
): Promise<v3.InboxId> {
  const [inboxId] = await resolveRecipients(parts, [recipient])
  if (inboxId === undefined) throw new XmtpError('client.inbox.unknown', 'Nobody was named.')
  return inboxId
}

/**
 * The inbox that the node has for an account, or undefined.
 * @throws XmtpError `v3.identity.identifier.malformed`
 */
export async function fetchInboxId(
  { identity }: Pick<LookUpParts, 'identity'>,
  account: AccountName,
): Promise<v3.InboxId | undefined> {
  const [inboxId] = await identity.getInboxIds([readIdentifier(account)])
  return inboxId
}

/**
 * Who has an inbox, by the name that was given; what names nobody has none. Of accounts it is the node's word: who is
 * written to is looked at more closely.
 */
export async function canMessage(
  { identity, inboxes }: LookUpParts,
  people: readonly Recipient[],
): Promise<Map<string, boolean>> {
  const read = people.map((each) => attempt(() => readRecipient(each)))
  const asked = read.flatMap((each) => (each.ok ? [each.value] : []))
  const accounts = asked.filter((each) => typeof each !== 'string')
  const inboxIds = asked.filter((each) => typeof each === 'string')
  const [named, known] = await Promise.all([
    accounts.length === 0 ? [] : identity.getInboxIds(accounts),
    inboxIds.length === 0 ? new Map<string, unknown>() : inboxes.latest(inboxIds),
  ])
  const reachable = new Set(
    accounts.filter((_, index) => named[index] !== undefined).map((each) => v3.memberKey(each)),
  )
  const isReachable = (each: v3.InboxId | v3.Identifier) =>
    typeof each === 'string' ? known.has(each) : reachable.has(v3.memberKey(each))
  return new Map(
    people.map((person, index) => {
      const each = read[index]
      const name = typeof person === 'string' ? person : person.identifier
      return [name, each?.ok === true && isReachable(each.value)]
    }),
  )
}

/**
 * Whether each installation has a key package that can be used, by its id in hex.
 * @param installationIds in hex
 * @throws XmtpError `v3.identity.identifier.malformed`
 */
export async function keyPackageStatuses(
  { mls, environment }: { mls: Pick<MlsApi, 'fetchKeyPackages'>; environment: Environment },
  installationIds: readonly string[],
): Promise<Map<string, KeyPackageStatus>> {
  const installations = installationIds.map(readInstallationId)
  const packages = installations.length === 0 ? [] : await mls.fetchKeyPackages(installations)
  const nowSeconds = BigInt(Math.floor(environment.nowMs() / 1000))
  const statuses = installationIds.map(async (id, index): Promise<[string, KeyPackageStatus]> => {
    const bytes = packages[index]
    if (bytes === undefined) return [id, { validationError: 'There is no key package.' }]
    return [id, await statusOf(bytes, { nowSeconds, id })]
  })
  return new Map(await Promise.all(statuses))
}

/** Whether an address is a member of an inbox now. @throws XmtpError the problem of the log */
export async function isAddressAuthorized(
  { inboxes }: Pick<LookUpParts, 'inboxes'>,
  inboxId: string,
  address: string,
): Promise<boolean> {
  const member = v3.ethereumIdentifier(address)
  return v3.memberOf((await refreshOne(inboxes, inboxId)).state, member) !== undefined
}

/** Whether an installation is a member of an inbox now. @throws XmtpError the problem of the log */
export async function isInstallationAuthorized(
  { inboxes }: Pick<LookUpParts, 'inboxes'>,
  inboxId: string,
  installationId: Uint8Array,
): Promise<boolean> {
  const member = v3.installationIdentifier(installationId)
  return v3.memberOf((await refreshOne(inboxes, inboxId)).state, member) !== undefined
}

async function statusOf(
  bytes: Uint8Array,
  { nowSeconds, id }: { readonly nowSeconds: bigint; readonly id: string },
): Promise<KeyPackageStatus> {
  try {
    const { keyPackage, installationId } = await readKeyPackage(bytes, nowSeconds)
    if (bytesToHex(installationId) !== id.toLowerCase())
      return { validationError: 'The key package is of another installation.' }
    const { source } = keyPackage.leafNode
    return source.kind === 'keyPackage' ? { lifetime: source.lifetime } : {}
  } catch (error) {
    if (error instanceof XmtpError) return { validationError: error.message }
    throw error
  }
}

function readInstallationId(id: string): Uint8Array {
  const bytes = bytesFromHex(id) ?? new Uint8Array()
  return v3.installationIdentifier(bytes).key
}

function readRecipient(recipient: Recipient): v3.InboxId | v3.Identifier {
  const inboxId = typeof recipient === 'string' && attempt(() => v3.parseInboxId(recipient))
  return inboxId !== false && inboxId.ok ? inboxId.value : readIdentifier(recipient)
}

function isMember(
  state: v3.AssociationState | undefined,
  wanted: v3.InboxId | v3.Identifier | undefined,
): boolean {
  if (state === undefined || wanted === undefined) return false
  return typeof wanted === 'string' || v3.memberOf(state, wanted) !== undefined
}
