import {
  changesSince,
  chacha20Poly1305Suite,
  createGroup as createMlsGroup,
  type GroupState,
} from '@xmtp-ts/mls'
import { Consent, Conversation, Membership, Progress } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, type v3 } from '@xmtp-ts/protocol'
import {
  attributeNames,
  createInstallationKeyPackage,
  groupConfig,
  groupExtensions,
  policyPresets,
  type GroupMetadata,
  type PolicySet,
} from '@xmtp-ts/protocol/group'
import type { StoredRecord } from '../../store/record-store.ts'
import { beginning } from '../commit-log/local.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeNumber, encodeNumber, encodeRow } from '../records/rows.ts'
import { directIdOf, newConversationRow, type KeptType } from './conversation-row.ts'
import { describeState } from './group-change.ts'

export type NewGroup = {
  readonly type: KeptType
  /** The other one, of a direct message. */
  readonly peerInboxId?: v3.InboxId
  readonly attributes: ReadonlyMap<string, string>
  readonly policies: PolicySet
}

export const groupIdBytes = 16

/**
 * Makes a group of one, here only: nobody hears of it before somebody is added (v3-mls §3).
 * @returns its id, hex
 */
export async function createLocalGroup(core: Core, wanted: NewGroup): Promise<string> {
  const { self } = core
  const metadata = metadataOf(core, wanted)
  const groupId = core.environment.random(groupIdBytes)
  const superAdmins = wanted.type === 'dm' ? [] : [self.inboxId]
  const state = await newGroupState(core, { ...wanted, groupId, metadata, superAdmins })
  const row: Conversation = {
    ...newConversationRow({
      groupId,
      type: wanted.type,
      metadata,
      addedByInboxId: self.inboxId,
      createdAtNs: nowNs(core),
      membership: Membership.MEMBERSHIP_ALLOWED,
    }),
    ...describeState(state),
    rotatedAtNs: nowNs(core),
  }
  const id = bytesToHex(groupId)
  const records = [...changesSince(undefined, state).put].map(([key, value]) => ({
    key: keys.mlsRecords(id) + key,
    value,
  }))
  const consent = { state: 2, consentedAtNs: nowNs(core) }
  await core.store.write({
    put: [
      ...records,
      ...conversationRecords(row),
      { key: keys.consent('conversation', id), value: encodeRow(Consent, consent) },
    ],
    append: [
      { prefix: keys.arrived, value: groupId },
      beginning(id, state, { kind: 'GroupCreation', actor: self }),
    ],
  })
  core.signals.raise('conversations')
  core.signals.raise('groupsToFollow')
  return id
}

/** The state of a group in which nobody else is yet. */
export async function newGroupState(
  { self, environment }: Core,
  group: Pick<NewGroup, 'attributes' | 'policies'> & {
    readonly groupId: Uint8Array
    readonly metadata: GroupMetadata
    readonly superAdmins: readonly string[]
  },
): Promise<GroupState> {
  const { random } = environment
  const { groupId, metadata, superAdmins, policies } = group
  const { own } = await createInstallationKeyPackage({
    installationSecretKey: self.signingKey,
    inboxId: self.inboxId,
    nowSeconds: nowNs({ environment }) / 1_000_000_000n,
    random,
    postQuantum: false,
  })
  const attributes = new Map([
    ...group.attributes,
    [attributeNames.commitLogSigner, bytesToHex(random(32))],
  ])
  return createMlsGroup({
    suite: chacha20Poly1305Suite,
    groupId,
    own,
    signaturePrivateKey: self.signingKey,
    extensions: groupExtensions({
      metadata,
      mutableMetadata: { attributes, admins: [], superAdmins },
      membership: { members: new Map([[self.inboxId, 0n]]), failedInstallations: [] },
      policies,
    }),
    config: groupConfig,
    random,
  })
}

/** What makes a conversation known, beside its MLS records. */
export function conversationRecords(
  row: Conversation,
  {
    progress = {},
    after,
  }: {
    readonly progress?: Partial<Progress>
    /** The revision that it replaces. */
    readonly after?: Uint8Array | undefined
  } = {},
): readonly StoredRecord[] {
  const id = bytesToHex(row.groupId)
  const directId = directIdOf(row)
  const none = {
    cursor: 0n,
    lastMessageNs: 0n,
    installationsCheckedNs: 0n,
    epochBegan: 0n,
    doubtedFrom: 0n,
    rereads: 0,
  }
  return [
    { key: keys.conversation(id), value: encodeRow(Conversation, row) },
    { key: keys.progress(id), value: encodeRow(Progress, { ...none, ...progress }) },
    { key: keys.revision(id), value: encodeNumber(decodeNumber(after) + 1n) },
    ...(directId === undefined
      ? []
      : [{ key: keys.direct(directId, id), value: new Uint8Array() }]),
  ]
}

function metadataOf({ self }: Core, { type, peerInboxId }: NewGroup): GroupMetadata {
  const metadata = { type, creatorInboxId: self.inboxId }
  if (type !== 'dm') return metadata
  if (peerInboxId === undefined) throw new TypeError('A direct message needs the other one.')
  return { ...metadata, dmMembers: [self.inboxId, peerInboxId] }
}

/** The attributes with which libxmtp begins (v3-mls §3.4). */
export function firstAttributes(options: {
  readonly type: KeptType
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly imageUrl?: string | undefined
  readonly appData?: string | undefined
  readonly disappearing?: { readonly fromNs: bigint; readonly inNs: bigint } | undefined
}): ReadonlyMap<string, string> {
  const { type, name = '', description = '', imageUrl = '', appData = '', disappearing } = options
  const { groupName, description: descriptionName, imageUrl: imageName } = attributeNames
  const { appData: appDataName, disappearFromNs, disappearInNs } = attributeNames
  return new Map([
    [groupName, name],
    [descriptionName, description],
    [imageName, imageUrl],
    ...(type === 'dm' ? [] : [[appDataName, appData] as const]),
    ...(disappearing === undefined
      ? []
      : [
          [disappearFromNs, disappearing.fromNs.toString()] as const,
          [disappearInNs, disappearing.inNs.toString()] as const,
        ]),
  ])
}

export function policiesFor(type: KeptType): PolicySet {
  return type === 'dm' ? policyPresets.direct : policyPresets.default
}
