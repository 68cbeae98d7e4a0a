import {
  PrivatePreferencesAction as WireAction,
  PrivatePreferencesPayload as WirePayload,
} from '@xmtp-ts/proto/message_contents/ciphertext'
import { base64urlnopad } from '@scure/base'
import { utf8, type Random } from '../bytes.ts'
import { decrypt, encodeCiphertext, encrypt, parseCiphertext } from '../crypto/ciphertext.ts'
import { XmtpError } from '../errors.ts'
import type { PrivateKey } from '../keys/private-key-bundle.ts'
import { preferencesTopic, type ContentTopic } from '../topic/topic.ts'
import { decodeWire } from '../wire.ts'
import { platform } from '#platform'

/** Who or what an entry of the consent list is about. */
export type ConsentEntity = 'address' | 'groupId' | 'inboxId'

export type ConsentState = 'allowed' | 'denied'

/** One line of the consent list; the last one about a value wins, none means unknown (v1-v2 §14). */
export type ConsentEntry = {
  readonly entity: ConsentEntity
  /** As written; callers compare addresses by their checksummed form. */
  readonly value: string
  readonly state: ConsentState
}

const empty = new Uint8Array()

/** The topic of an account's consent list. Only the holder of the identity key can name it. */
export function preferencesTopicOf(identityKey: PrivateKey): ContentTopic {
  const derived = derive(identityKey, 'XMTP_PRIVATE_PREFERENCES_TOPIC')
  return preferencesTopic(base64urlnopad.encode(platform.sha256(derived)))
}

/** Seals entries, of any mix, for one envelope. Symmetric encryption to oneself (v1-v2 §14). */
export function sealPreferences(
  entries: readonly ConsentEntry[],
  { identityKey, random }: { identityKey: PrivateKey; random: Random },
): Uint8Array {
  const ciphertext = encrypt(WireAction.encode(encodeEntries(entries)).finish(), {
    secret: encryptionKey(identityKey),
    aad: identityKey.publicKey.point,
    random,
  })
  const value = encodeCiphertext(ciphertext)
  return WirePayload.encode({ version: { $case: 'v1', value } }).finish()
}

/** @throws XmtpError `preferences.malformed`, `ciphertext.malformed` or `ciphertext.undecryptable` */
export function openPreferences(
  bytes: Uint8Array,
  { identityKey }: { identityKey: PrivateKey },
): readonly ConsentEntry[] {
  const { version } = decodeWire(WirePayload, bytes, 'preferences.malformed')
  if (version === undefined)
    throw new XmtpError('preferences.malformed', 'A preferences entry has no version.')
  const plaintext = decrypt(parseCiphertext(version.value), {
    secret: encryptionKey(identityKey),
    aad: identityKey.publicKey.point,
  })
  return decodeEntries(decodeWire(WireAction, plaintext, 'preferences.malformed'))
}

function encodeEntries(entries: readonly ConsentEntry[]): WireAction {
  const values = (entity: ConsentEntity, state: ConsentState) =>
    entries.filter((entry) => entry.entity === entity && entry.state === state).map((e) => e.value)
  const addresses = (state: ConsentState) => some(values('address', state), 'walletAddresses')
  const groupIds = (state: ConsentState) => some(values('groupId', state), 'groupIds')
  const inboxIds = (state: ConsentState) => some(values('inboxId', state), 'inboxIds')
  return {
    allowAddress: addresses('allowed'),
    denyAddress: addresses('denied'),
    allowGroup: groupIds('allowed'),
    denyGroup: groupIds('denied'),
    allowInboxId: inboxIds('allowed'),
    denyInboxId: inboxIds('denied'),
  }
}

/** A member of the message, or none when it would be empty: an empty list would still be written. */
function some<Name extends string>(
  values: string[],
  name: Name,
): Record<Name, string[]> | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one computed key, of that very name
  return values.length === 0 ? undefined : ({ [name]: values } as Record<Name, string[]>)
}

/** Reads every member that is present: some writers set several in one message. */
function decodeEntries(action: WireAction): readonly ConsentEntry[] {
  const entries = (entity: ConsentEntity, state: ConsentState, values: string[] | undefined) =>
    (values ?? []).map((value) => ({ entity, value, state }))
  return [
    ...entries('address', 'allowed', action.allowAddress?.walletAddresses),
    ...entries('address', 'denied', action.denyAddress?.walletAddresses),
    ...entries('groupId', 'allowed', action.allowGroup?.groupIds),
    ...entries('groupId', 'denied', action.denyGroup?.groupIds),
    ...entries('inboxId', 'allowed', action.allowInboxId?.inboxIds),
    ...entries('inboxId', 'denied', action.denyInboxId?.inboxIds),
  ]
}

function encryptionKey(identityKey: PrivateKey): Uint8Array {
  return derive(identityKey, 'XMTP_PRIVATE_PREFERENCES_ENCRYPTION')
}

function derive({ secret }: PrivateKey, salt: string): Uint8Array {
  return platform.hkdfSha256(secret, { salt: utf8(salt), info: empty })
}
