import { GroupMutableMetadataV1 } from '@xmtp-ts/proto/mls/message_contents/group_mutable_metadata'
import { utf8 } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'
import { groupAttributeMaxBytes } from '../../limits.ts'
import {
  mapField,
  mapRecord,
  messageField,
  readMessage,
  textField,
  textsField,
  type WireMessage,
} from './protobuf.ts'

/** Extension 0xff00 of the group context (v3-mls §3.4). The lists may hold anything that a super admin wrote. */
export type MutableMetadata = {
  readonly attributes: ReadonlyMap<string, string>
  readonly admins: readonly string[]
  readonly superAdmins: readonly string[]
}

/** The attributes that have a meaning; a group may have others. */
export const attributeNames = {
  groupName: 'group_name',
  description: 'description',
  imageUrl: 'group_image_url_square',
  appData: 'app_data',
  disappearFromNs: 'message_disappear_from_ns',
  disappearInNs: 'message_disappear_in_ns',
  minimumVersion: 'minimum_supported_protocol_version',
  /** Hex of the 32-byte Ed25519 seed that signs the commit log. Every member has it. */
  commitLogSigner: '_commit_log_signer',
} as const

/** Which messages disappear, and when (v3-mls §6.5). */
export type DisappearingSettings = {
  /** Nanoseconds since 1970: messages from then on disappear. */
  readonly fromNs: bigint
  /** How long after it was received. */
  readonly inNs: bigint
}

const malformed = 'v3.group.malformed'

/** Both lists are written although they may be empty: other clients refuse the message otherwise. */
export function encodeMutableMetadata(metadata: MutableMetadata): Uint8Array {
  const { attributes, admins, superAdmins } = metadata
  return GroupMutableMetadataV1.encode({
    attributes: mapRecord(attributes),
    adminList: { inboxIds: [...admins] },
    superAdminList: { inboxIds: [...superAdmins] },
  }).finish()
}

/** @throws XmtpError `v3.group.malformed` */
export function decodeMutableMetadata(bytes: Uint8Array): MutableMetadata {
  const message = readMessage(bytes, malformed)
  return {
    attributes: mapField(message, 1, (entry) => textField(entry, 2)),
    admins: inboxIds(messageField(message, 2)),
    superAdmins: inboxIds(messageField(message, 3)),
  }
}

function inboxIds(message: WireMessage | undefined): readonly string[] {
  if (message === undefined) throw new XmtpError(malformed, 'A list of admins is missing.')
  return textsField(message, 1)
}

/** The first attribute that is longer than all clients allow, if there is one (v3-mls §3.4). */
export function tooLongAttribute(
  attributes: Iterable<readonly [string, string]>,
): string | undefined {
  for (const [name, value] of attributes) {
    const limit = groupAttributeMaxBytes.get(name)
    if (limit !== undefined && utf8(value).length > limit) return name
  }
  return undefined
}

/** @throws XmtpError `v3.group.attributeTooLong` */
export function checkAttributes(attributes: Iterable<readonly [string, string]>): void {
  const name = tooLongAttribute(attributes)
  if (name !== undefined)
    throw new XmtpError(
      'v3.group.attributeTooLong',
      `${name} has more than ${groupAttributeMaxBytes.get(name)} bytes.`,
    )
}

const int64Shape = /^[+-]?[0-9]+$/

function int64(text: string | undefined): bigint {
  if (text === undefined || !int64Shape.test(text) || text.length > 40) return 0n
  const value = BigInt(text.replace(/^\+/, ''))
  return BigInt.asIntN(64, value) === value ? value : 0n
}

/** @returns undefined while messages stay, which is also what zeros and anything unreadable mean */
export function disappearingSettings(metadata: MutableMetadata): DisappearingSettings | undefined {
  const fromNs = int64(metadata.attributes.get(attributeNames.disappearFromNs))
  const inNs = int64(metadata.attributes.get(attributeNames.disappearInNs))
  return fromNs > 0n && inNs > 0n ? { fromNs, inNs } : undefined
}

/** The oldest version of libxmtp that the group wants to be read with; not checked. */
export function minimumVersion(metadata: MutableMetadata): string | undefined {
  return metadata.attributes.get(attributeNames.minimumVersion)
}
