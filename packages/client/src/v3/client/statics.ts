import { v3 } from '@xmtp-ts/protocol'
import { openMemoryRecords } from '../../store/memory-records.ts'
import { revokeInstallationsOf } from '../identity/accounts.ts'
import { createInboxDirectory, type InboxDirectory } from '../identity/directory.ts'
import {
  canMessage,
  fetchInboxId,
  isAddressAuthorized,
  isInstallationAuthorized,
  resolveRecipients,
  type InboxState,
  type Recipient,
} from '../identity/inbox-state.ts'
import { readIdentifier, type AccountName } from '../identity/public-identifier.ts'
import type { Network } from '../open-core.ts'
import { statesOf } from '../preferences.ts'
import { contractsOf, toInboxSigner, type AnyInboxSigner } from '../signer.ts'
import { backendOf, networkOf, type Backend, type NetworkOptions, type XmtpEnv } from './backend.ts'

/** Which node: `local` unless given. */
export type Where = XmtpEnv | Backend | NetworkOptions | { readonly backend: Backend }

/**
 * Revokes installations of an inbox; its recovery identifier signs.
 * @param installationIds 32 bytes each
 * @throws XmtpError `client.inbox.notRecovery`, `client.inbox.unknown`, `client.signer.*`
 */
export async function revokeInstallationsAt(
  signer: AnyInboxSigner,
  inboxId: string,
  installationIds: readonly Uint8Array[],
  where?: Where,
): Promise<void> {
  const network = networkOf(backendOf(where))
  const recovery = await toInboxSigner(signer, contractsOf(network.identity))
  const request = { inboxId: v3.parseInboxId(inboxId), installationIds }
  await revokeInstallationsOf(network, recovery, request)
}

/** @throws XmtpError `client.inbox.*` */
export function fetchInboxStatesAt(
  people: readonly Recipient[],
  where?: Where,
): Promise<InboxState[]> {
  return lookUp(where, async (parts) => {
    const inboxIds = await resolveRecipients(parts, people)
    return statesOf(await parts.inboxes.latest(inboxIds), inboxIds)
  })
}

/** Who has an inbox, by the name that was given. */
export function canMessageAt(
  people: readonly Recipient[],
  where?: Where,
): Promise<Map<string, boolean>> {
  return lookUp(where, (parts) => canMessage(parts, people))
}

/** Whether an address is of an inbox now. @throws XmtpError `client.inbox.*` */
export function isAddressAuthorizedAt(
  inboxId: string,
  address: string,
  where?: Where,
): Promise<boolean> {
  return lookUp(where, (parts) => isAddressAuthorized(parts, inboxId, address))
}

/** Whether an installation is of an inbox now. @param installation 32 bytes @throws XmtpError `client.inbox.*` */
export function isInstallationAuthorizedAt(
  inboxId: string,
  installation: Uint8Array,
  where?: Where,
): Promise<boolean> {
  return lookUp(where, (parts) => isInstallationAuthorized(parts, inboxId, installation))
}

/** Whether an installation signed a text with `signWithInstallationKey`. @param publicKey 32 bytes */
export function verifySignedWithPublicKey(
  text: string,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  return v3.isPublicTextSigned(text, { publicKey, bytes: signature })
}

/** The inbox id that an account gets when it creates one. @throws XmtpError `v3.identity.identifier.malformed` */
export function generateInboxId(account: AccountName, nonce = v3.defaultInboxNonce): string {
  return v3.deriveInboxId(readIdentifier(account), nonce)
}

export async function getInboxIdForIdentifier(
  where: Where,
  account: AccountName,
): Promise<string | null> {
  return (await fetchInboxId(networkOf(backendOf(where)), account)) ?? null
}

async function lookUp<T>(
  where: Where | undefined,
  look: (parts: Network & { readonly inboxes: InboxDirectory }) => Promise<T>,
): Promise<T> {
  const network = networkOf(backendOf(where))
  await using store = openMemoryRecords()
  const inboxes = createInboxDirectory({ store, api: network.identity })
  return await look({ ...network, inboxes })
}
