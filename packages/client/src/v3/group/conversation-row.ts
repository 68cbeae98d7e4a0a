import {
  ConversationType as RowType,
  type Conversation,
  type Membership,
} from '@xmtp-ts/proto/store/v1/store'
import { bytesFromHex, v3, XmtpError } from '@xmtp-ts/protocol'
import type { ConversationType, GroupMetadata } from '@xmtp-ts/protocol/group'

const rowTypes = {
  group: RowType.CONVERSATION_TYPE_GROUP,
  dm: RowType.CONVERSATION_TYPE_DM,
  sync: RowType.CONVERSATION_TYPE_SYNC,
} as const

/** Kinds of conversations that a client keeps. */
export type KeptType = keyof typeof rowTypes

export function keptTypeOf(row: Pick<Conversation, 'type'>): KeptType {
  if (row.type === RowType.CONVERSATION_TYPE_DM) return 'dm'
  return row.type === RowType.CONVERSATION_TYPE_SYNC ? 'sync' : 'group'
}

/** The two of a direct message as they were when we came; undefined for groups. */
export function directMembers(
  row: Pick<Conversation, 'dmMembers'>,
): readonly [string, string] | undefined {
  const [one, two] = row.dmMembers
  return one === undefined || two === undefined ? undefined : [one, two]
}

/** What all duplicates of one direct message have in common; undefined for groups. */
export function directIdOf(row: Pick<Conversation, 'dmMembers'>): string | undefined {
  const pair = directMembers(row)
  return pair && v3.directMessageId(v3.parseInboxId(pair[0]), v3.parseInboxId(pair[1]))
}

/** The other one of a direct message. */
export function peerOf(
  row: Pick<Conversation, 'dmMembers'>,
  selfInboxId: string,
): string | undefined {
  return row.dmMembers.find((inboxId) => inboxId !== selfInboxId) ?? row.dmMembers[0]
}

export function isOfType(type: ConversationType): type is KeptType {
  return type !== 'oneshot'
}

/** A conversation that begins for us now; what its state says is added by `describeState`. */
export function newConversationRow(options: {
  readonly groupId: Uint8Array
  readonly type: KeptType
  readonly metadata: GroupMetadata
  readonly addedByInboxId: string
  readonly createdAtNs: bigint
  readonly membership: Membership
}): Conversation {
  const { groupId, type, metadata, addedByInboxId, createdAtNs, membership } = options
  return {
    groupId,
    type: rowTypes[type],
    creatorInboxId: metadata.creatorInboxId,
    dmMembers: [...(metadata.dmMembers ?? [])],
    addedByInboxId,
    createdAtNs,
    active: true,
    membership,
    welcomeId: 0n,
    mutableMetadata: new Uint8Array(),
    policies: new Uint8Array(),
    members: new Uint8Array(),
    pausedForVersion: '',
    maybeForked: false,
    leavingInboxIds: [],
    rotatedAtNs: 0n,
    epoch: 0n,
    forkDetails: '',
    lostEpoch: 0n,
  }
}

/** @throws XmtpError `client.conversation.unknown` */
export function groupIdOf(id: string): Uint8Array {
  const bytes = bytesFromHex(id)
  if (bytes === undefined || bytes.length === 0)
    throw new XmtpError('client.conversation.unknown', `${JSON.stringify(id)} is no conversation.`)
  return bytes
}
