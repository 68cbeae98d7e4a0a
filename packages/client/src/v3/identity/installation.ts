import { Self as SelfRow } from '@xmtp-ts/proto/store/v1/store'
import { equalConstantTime, v3, XmtpError } from '@xmtp-ts/protocol'
import type { Environment } from '../../environment.ts'
import type { RecordStore } from '../../store/record-store.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow, scanAll } from '../records/rows.ts'

/** This client as it stands in its store. */
export type Installation = {
  readonly inboxId: v3.InboxId
  /** The account that the client was made for. */
  readonly identifier: v3.Identifier
  /** The Ed25519 public key, 32 bytes. */
  readonly installationId: Uint8Array
  /** The Ed25519 seed, 32 bytes. */
  readonly signingKey: Uint8Array
  /** 42 bytes, as libxmtp has them; installations of one inbox agree on one later. */
  readonly hmacRootKey: Uint8Array
  /** Whether the log of the inbox is known to have it. */
  readonly registered: boolean
  /** Its record, so that a write can say what it relied on. */
  readonly record: Uint8Array
}

type InstallationParts = { readonly store: RecordStore; readonly environment: Environment }
type Owner = { readonly inboxId: v3.InboxId; readonly identifier: v3.Identifier }

/** Bytes of the secret from which keys for push servers are derived, as in libxmtp. */
export const hmacRootKeyBytes = 42

/** @throws XmtpError `client.store.damaged` */
export async function loadInstallation(store: RecordStore): Promise<Installation | undefined> {
  const [record] = await store.get([keys.self])
  return record && readInstallation(record)
}

/**
 * This store's installation, made at the first call. Of several processes that open an empty store the first one makes
 * it, and all get the same keys. One that was made for another inbox and never registered is made anew.
 * @throws XmtpError `client.inbox.other` when the store belongs to another inbox
 */
export async function openInstallation(
  { store, environment }: InstallationParts,
  owner: Owner,
): Promise<Installation> {
  for (;;) {
    const stored = await loadInstallation(store)
    if (stored?.inboxId === owner.inboxId) return stored
    if (stored?.registered === true)
      throw new XmtpError(
        'client.inbox.other',
        `The store is of inbox ${stored.inboxId}, not of ${owner.inboxId}.`,
      )
    // Key packages name the inbox: those of the one that never came to be go with its keys.
    const packages = stored === undefined ? [] : await scanAll(store, keys.keyPackages)
    const record = newRecord(owner, environment)
    const isWritten = await store.write({
      expect: [{ key: keys.self, value: stored?.record }],
      remove: stored === undefined ? [] : [keys.rotation, ...packages.map(({ key }) => key)],
      put: [{ key: keys.self, value: record }],
    })
    if (isWritten !== undefined) return readInstallation(record)
  }
}

/** Notes that the log of the inbox has the installation. */
export async function markRegistered(
  store: RecordStore,
  installation: Installation,
): Promise<Installation> {
  let current = installation
  while (!current.registered) {
    const record = encodeRow(SelfRow, {
      ...decodeRow(SelfRow, current.record),
      registered: true,
    })
    const isWritten = await store.write({
      expect: [{ key: keys.self, value: current.record }],
      put: [{ key: keys.self, value: record }],
    })
    const stored = isWritten ? readInstallation(record) : await loadInstallation(store)
    if (stored?.inboxId !== installation.inboxId)
      throw new XmtpError('client.inbox.other', 'Another process gave the store to another inbox.')
    current = stored
  }
  return current
}

/**
 * The record of an installation with a key for push servers that another installation of the inbox, or this one, made.
 * @returns undefined if the record has it, or one that was made later
 */
export function withHmacKey(
  record: Uint8Array,
  { key, cycledAtNs }: { readonly key: Uint8Array; readonly cycledAtNs: bigint },
): Uint8Array | undefined {
  const row = decodeRow(SelfRow, record)
  if (row.hmacCycledAtNs > cycledAtNs || equalConstantTime(row.hmacRootKey, key)) return undefined
  return encodeRow(SelfRow, { ...row, hmacRootKey: key, hmacCycledAtNs: cycledAtNs })
}

/** Signs a text of an app as this installation; no identity update can be mistaken for it. @returns 64 bytes */
export function signWithInstallationKey(
  { signingKey }: Pick<Installation, 'signingKey'>,
  text: string,
): Uint8Array {
  return v3.signPublicText(signingKey, text)
}

/** Whether an installation signed a text of an app. What has the wrong size is no signature. */
export function isSignedWithInstallationKey(
  text: string,
  { installationId, signature }: { installationId: Uint8Array; signature: Uint8Array },
): boolean {
  if (installationId.length !== 32 || signature.length !== 64) return false
  return v3.isPublicTextSigned(text, { publicKey: installationId, bytes: signature })
}

function newRecord({ inboxId, identifier }: Owner, { random }: Environment): Uint8Array {
  return encodeRow(SelfRow, {
    inboxId,
    identifier: v3.identifierText(identifier),
    identifierKind: identifier.kind,
    signingKey: random(32),
    hmacRootKey: random(hmacRootKeyBytes),
    hmacCycledAtNs: 0n,
    registered: false,
  })
}

function readInstallation(record: Uint8Array): Installation {
  const { inboxId, identifier, identifierKind, signingKey, hmacRootKey, registered } = decodeRow(
    SelfRow,
    record,
  )
  const isKnownKind = identifierKind === 'ethereum' || identifierKind === 'passkey'
  if (!isKnownKind || signingKey.length !== 32 || hmacRootKey.length !== hmacRootKeyBytes)
    throw new XmtpError('client.store.damaged', 'The record of this installation is incomplete.')
  return {
    inboxId: v3.parseInboxId(inboxId),
    identifier: v3.parseIdentifier(identifier, identifierKind),
    installationId: v3.installationKey(signingKey),
    signingKey,
    hmacRootKey,
    registered,
    record,
  }
}
