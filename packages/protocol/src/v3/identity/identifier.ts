import {
  IdentifierKind,
  type MemberIdentifier as WireMemberIdentifier,
} from '@xmtp-ts/proto/identity/associations/association'
import type { Brand } from '../../brand.ts'
import { bytesFromHex, bytesToHex, utf8 } from '../../bytes.ts'
import { XmtpError, type ErrorCode } from '../../errors.ts'
import { platform } from '#platform'

/** 64 lower-case hex digits: the SHA-256 of the identifier that created the inbox and its nonce (v3-mls §1.1). */
export type InboxId = Brand<string, 'InboxId'>

/** A wallet. What a log says is kept as it came; only `0x` and 40 lower-case hex digits can ever sign. */
export type EthereumIdentifier = { readonly kind: 'ethereum'; readonly address: string }

/** A passkey. Two are equal when their keys are: the relying party is a note. */
export type PasskeyIdentifier = {
  readonly kind: 'passkey'
  /** SEC1 P-256 point, 33 or 65 bytes */
  readonly key: Uint8Array
  /** The origin that made it, e.g. `https://xmtp.chat`. */
  readonly relyingParty: string | undefined
}

/** One app instance, by its Ed25519 public key of 32 bytes. */
export type InstallationIdentifier = { readonly kind: 'installation'; readonly key: Uint8Array }

/** Who can own an inbox. */
export type Identifier = EthereumIdentifier | PasskeyIdentifier

/** Who can be a member of an inbox. */
export type MemberIdentifier = Identifier | InstallationIdentifier

const inboxIdShape = /^[0-9a-f]{64}$/
const addressShape = /^0x[0-9a-fA-F]{40}$/
const canonicalAddressShape = /^0x[0-9a-f]{40}$/

/** @throws XmtpError `v3.identity.inboxId.malformed` */
export function parseInboxId(text: string): InboxId {
  if (!inboxIdShape.test(text))
    throw new XmtpError(
      'v3.identity.inboxId.malformed',
      `${JSON.stringify(text.slice(0, 80))} is no inbox id.`,
    )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape has just been checked
  return text as InboxId
}

/** Any case; the result is lower case, as logs and indexes have it. @throws XmtpError `v3.identity.identifier.malformed` */
export function ethereumIdentifier(address: string): EthereumIdentifier {
  if (!addressShape.test(address))
    throw new XmtpError(
      'v3.identity.identifier.malformed',
      `${JSON.stringify(address.slice(0, 80))} is no address.`,
    )
  return { kind: 'ethereum', address: address.toLowerCase() }
}

/** @param key 33 bytes from 02 or 03, or 65 from 04. @throws XmtpError `v3.identity.identifier.malformed` */
export function passkeyIdentifier(key: Uint8Array, relyingParty?: string): PasskeyIdentifier {
  if (!isPasskey(key))
    throw new XmtpError(
      'v3.identity.identifier.malformed',
      `A passkey has ${key.length} bytes in no known form.`,
    )
  return { kind: 'passkey', key, relyingParty }
}

/** @param key 32 bytes. @throws XmtpError `v3.identity.identifier.malformed` */
export function installationIdentifier(key: Uint8Array): InstallationIdentifier {
  if (key.length !== 32)
    throw new XmtpError(
      'v3.identity.identifier.malformed',
      `An installation key has ${key.length} bytes, not 32.`,
    )
  return { kind: 'installation', key }
}

/**
 * Reads an identifier that somebody looks up: an address in any case, or a passkey in hex.
 * @throws XmtpError `v3.identity.identifier.malformed`
 */
export function parseIdentifier(text: string, kind: Identifier['kind']): Identifier {
  if (kind === 'ethereum') return ethereumIdentifier(text)
  const key = bytesFromHex(text)
  if (key === undefined)
    throw new XmtpError(
      'v3.identity.identifier.malformed',
      `${JSON.stringify(text.slice(0, 80))} is no passkey.`,
    )
  return passkeyIdentifier(key)
}

/** The text of an identifier in signature texts, in hashes and in the API (v3-mls §1.1). */
export function identifierText(identifier: MemberIdentifier): string {
  return identifier.kind === 'ethereum' ? identifier.address : bytesToHex(identifier.key)
}

/** One string per member, equal exactly when the members are. */
export function memberKey(identifier: MemberIdentifier): string {
  return `${identifier.kind}:${identifierText(identifier)}`
}

export function equalMembers(a: MemberIdentifier, b: MemberIdentifier): boolean {
  return memberKey(a) === memberKey(b)
}

/** Whether every client reads this identifier alike, and it can sign at all. */
export function isCanonicalIdentifier(identifier: MemberIdentifier): boolean {
  if (identifier.kind === 'ethereum') return canonicalAddressShape.test(identifier.address)
  return identifier.kind === 'passkey' ? isPasskey(identifier.key) : identifier.key.length === 32
}

/** The nonce of clients that choose none (v3-mls §1.1). Nonce 0 is for inboxes of V2 keys. */
export const defaultInboxNonce = 1n

/**
 * The id of the inbox that an identifier creates (v3-mls §1.1).
 * @param nonce 0 to 2^64 - 1
 * @throws XmtpError `v3.identity.identifier.malformed`
 */
export function deriveInboxId(identifier: Identifier, nonce: bigint): InboxId {
  // Mixed case is hashed as it is: such an inbox fails later, because no signer is ever mixed-case.
  if (identifier.kind === 'ethereum' && !addressShape.test(identifier.address))
    throw new XmtpError(
      'v3.identity.identifier.malformed',
      `${JSON.stringify(identifier.address.slice(0, 80))} is no address.`,
    )
  const text = `${identifierText(identifier)}${nonce}`
  return parseInboxId(bytesToHex(platform.sha256(utf8(text))))
}

/** @throws XmtpError with `code` when no kind is set */
export function readMemberIdentifier(
  wire: WireMemberIdentifier | undefined,
  code: ErrorCode,
): MemberIdentifier {
  const kind = wire?.kind
  switch (kind?.$case) {
    case 'ethereumAddress':
      return { kind: 'ethereum', address: kind.value }
    case 'installationPublicKey':
      return { kind: 'installation', key: kind.value }
    case 'passkey':
      return { kind: 'passkey', key: kind.value.key, relyingParty: kind.value.relyingParty }
    case undefined:
      throw new XmtpError(code, 'A member identifier is missing.')
    default:
      return kind satisfies never
  }
}

export function writeMemberIdentifier(identifier: MemberIdentifier): WireMemberIdentifier {
  switch (identifier.kind) {
    case 'ethereum':
      return { kind: { $case: 'ethereumAddress', value: identifier.address } }
    case 'installation':
      return { kind: { $case: 'installationPublicKey', value: identifier.key } }
    case 'passkey': {
      const { key, relyingParty } = identifier
      return { kind: { $case: 'passkey', value: { key, relyingParty } } }
    }
    default:
      return identifier satisfies never
  }
}

/** An identifier spread over three fields, as actions and states carry it. */
export type WireIdentifier = {
  readonly text: string
  readonly kind: IdentifierKind
  readonly relyingParty: string | undefined
}

/** Every kind but passkey is Ethereum, as libxmtp reads it; an address is kept as it came. @throws XmtpError with `code` */
export function readIdentifier(wire: WireIdentifier, code: ErrorCode): Identifier {
  const { text, kind, relyingParty } = wire
  if (kind !== IdentifierKind.IDENTIFIER_KIND_PASSKEY) return { kind: 'ethereum', address: text }
  const key = bytesFromHex(text)
  if (key === undefined) throw new XmtpError(code, 'A passkey is not in hex.')
  return { kind: 'passkey', key, relyingParty }
}

export function writeIdentifier(identifier: Identifier): WireIdentifier {
  const text = identifierText(identifier)
  return identifier.kind === 'passkey'
    ? {
        text,
        kind: IdentifierKind.IDENTIFIER_KIND_PASSKEY,
        relyingParty: identifier.relyingParty,
      }
    : { text, kind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM, relyingParty: undefined }
}

function isPasskey(key: Uint8Array): boolean {
  return key.length === 65 ? key[0] === 4 : key.length === 33 && (key[0] === 2 || key[0] === 3)
}
