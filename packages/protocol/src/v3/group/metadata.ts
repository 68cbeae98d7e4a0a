import { decode, encode, MlsError, opaque } from '@xmtp-ts/mls'
import {
  ConversationType as WireType,
  GroupMetadataV1,
} from '@xmtp-ts/proto/mls/message_contents/group_metadata'
import { XmtpError } from '../../errors.ts'
import {
  bytesField,
  enumField,
  messageField,
  readMessage,
  textField,
  uint64Field,
  type WireMessage,
} from './protobuf.ts'
import { writeReaddRequest, type ReaddRequest } from './readd.ts'

/** What a group is for (v3-mls §3.3). Sync and oneshot groups are never shown. */
export type ConversationType = 'group' | 'dm' | 'sync' | 'oneshot'

/**
 * Extension 0xf000 of the group context. Other clients let any member replace it (v3-mls §3.2): decisions of trust use
 * the one that came with the welcome.
 */
export type GroupMetadata = {
  readonly type: ConversationType
  readonly creatorInboxId: string
  /** Of direct messages: the creator and the other one. */
  readonly dmMembers?: readonly [string, string]
  /** Of oneshot groups: what the welcome is there to say. */
  readonly oneshot?: ReaddRequest
}

const malformed = 'v3.group.malformed'

const wireTypes = {
  group: WireType.CONVERSATION_TYPE_GROUP,
  dm: WireType.CONVERSATION_TYPE_DM,
  sync: WireType.CONVERSATION_TYPE_SYNC,
  oneshot: WireType.CONVERSATION_TYPE_ONESHOT,
} as const satisfies Record<ConversationType, WireType>

const typesByNumber: ReadonlyMap<number, ConversationType> = new Map([
  [1, 'group'],
  [2, 'dm'],
  [3, 'sync'],
  [4, 'oneshot'],
])

/** The data of extension 0xf000: the protobuf in one more TLS vector (v3-mls §2). */
export function encodeGroupMetadata(metadata: GroupMetadata): Uint8Array {
  const { type, creatorInboxId, dmMembers, oneshot } = metadata
  const [one, two] = dmMembers ?? []
  const bytes = GroupMetadataV1.encode({
    conversationType: wireTypes[type],
    creatorAccountAddress: '',
    creatorInboxId,
    dmMembers:
      one === undefined || two === undefined
        ? undefined
        : { dmMemberOne: { inboxId: one }, dmMemberTwo: { inboxId: two } },
    oneshotMessage: oneshot && writeReaddRequest(oneshot),
  }).finish()
  return encode(opaque, bytes)
}

/** @throws XmtpError `v3.group.malformed` */
export function decodeGroupMetadata(data: Uint8Array): GroupMetadata {
  const message = readMessage(openGroupMetadata(data), malformed)
  const wireType = enumField(message, 1)
  const type = typesByNumber.get(wireType)
  if (type === undefined)
    throw new XmtpError(malformed, `There is no conversation of type ${wireType}.`)
  textField(message, 2)
  const creatorInboxId = textField(message, 3)
  const dmMembers = readDmMembers(messageField(message, 4))
  const oneshot = readOneshot(messageField(message, 5))
  return { type, creatorInboxId, ...(dmMembers && { dmMembers }), ...(oneshot && { oneshot }) }
}

/** The protobuf within the data of extension 0xf000. @throws XmtpError `v3.group.malformed` */
export function openGroupMetadata(data: Uint8Array): Uint8Array {
  try {
    return decode(opaque, data)
  } catch (cause) {
    if (!(cause instanceof MlsError)) throw cause
    throw new XmtpError(malformed, 'The immutable metadata is no TLS vector.', { cause })
  }
}

function readDmMembers(message: WireMessage | undefined): readonly [string, string] | undefined {
  if (message === undefined) return undefined
  const one = messageField(message, 1)
  const two = messageField(message, 2)
  if (one === undefined || two === undefined)
    throw new XmtpError(malformed, 'A member of the direct message is missing.')
  return [textField(one, 1), textField(two, 1)]
}

function readOneshot(message: WireMessage | undefined): ReaddRequest | undefined {
  const request = message && messageField(message, 1)
  return (
    request && {
      groupId: bytesField(request, 1),
      latestCommitSequenceId: uint64Field(request, 2),
    }
  )
}
