import { changesSince } from '@xmtp-ts/mls'
import { ConversationTypeSave, type GroupSave } from '@xmtp-ts/proto/device_sync/group_backup'
import { Membership } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { checkAttributes, encodeMutableMetadata, type GroupMetadata } from '@xmtp-ts/protocol/group'
import { maxConflicts, maxGroupIdBytes } from '../../limits.ts'
import { beginning } from '../commit-log/local.ts'
import type { Core } from '../core.ts'
import { newConversationRow } from '../group/conversation-row.ts'
import { conversationRecords, newGroupState, policiesFor } from '../group/create.ts'
import {
  contended,
  describeState,
  openChange,
  setProgress,
  writeChange,
} from '../group/group-change.ts'
import type { LoadedGroup } from '../group/loaded-group.ts'
import { keys } from '../records/keys.ts'

/**
 * Makes a conversation known that is not here: it is shown, and cannot be written in before a welcome leads into it. One that
 * is here stays as it is.
 * @throws XmtpError `client.archive.malformed`, `v3.group.attributeTooLong`
 */
export async function restoreGroup(core: Core, save: GroupSave): Promise<void> {
  const { length } = save.id
  if (length === 0 || length > maxGroupIdBytes) throw malformed(`a group id of ${length} bytes`)
  const metadata = metadataOf(core, save)
  if (metadata === undefined) return
  const id = bytesToHex(save.id)
  await core.groups.turn(id, async () => {
    for (let tries = 0; tries < maxConflicts; tries += 1) {
      const known = await core.groups.load(id)
      const isDone =
        known === undefined
          ? await writeRestored(core, save, metadata)
          : await noteActivity(core, known, save)
      if (isDone) return
    }
    throw contended()
  })
}

async function noteActivity(core: Core, known: LoadedGroup, save: GroupSave): Promise<boolean> {
  const lastMessageNs = save.lastMessageNs ?? 0n
  if (lastMessageNs <= known.progress.lastMessageNs) return true
  const change = openChange(known)
  setProgress(change, { lastMessageNs })
  return (await writeChange(core, change)) !== undefined
}

/** The state is a stub, as in libxmtp, which the welcome replaces: all that reads a group finds one. */
async function writeRestored(
  core: Core,
  save: GroupSave,
  metadata: RestoredMetadata,
): Promise<boolean> {
  const { type } = metadata
  const { attributes = {}, adminList = [], superAdminList = [] } = save.mutableMetadata ?? {}
  const named = new Map(Object.entries(attributes))
  checkAttributes(named)
  const groupId = save.id
  const state = await newGroupState(core, {
    groupId,
    metadata,
    attributes: named,
    policies: policiesFor(type),
    superAdmins: superAdminList,
  })
  const id = bytesToHex(groupId)
  const row = {
    ...newConversationRow({
      groupId,
      type,
      metadata,
      addedByInboxId: save.addedByInboxId,
      createdAtNs: atLeastZero(save.createdAtNs),
      membership: Membership.MEMBERSHIP_RESTORED,
    }),
    ...describeState(state),
    mutableMetadata: encodeMutableMetadata({
      attributes: named,
      admins: adminList,
      superAdmins: superAdminList,
    }),
    active: false,
  }
  const mls = [...changesSince(undefined, state).put].map(([key, value]) => ({
    key: keys.mlsRecords(id) + key,
    value,
  }))
  const progress = { lastMessageNs: atLeastZero(save.lastMessageNs ?? 0n) }
  const written = await core.store.write({
    expect: [{ key: keys.revision(id), value: undefined }],
    put: [...mls, ...conversationRecords(row, { progress })],
    append: [beginning(id, state, { kind: 'BackupRestore', actor: core.self })],
  })
  return written !== undefined
}

type RestoredMetadata = GroupMetadata & { readonly type: 'group' | 'dm' }

/** @returns undefined for kinds that are not restored: sync groups are not for people */
function metadataOf({ self }: Core, save: GroupSave): RestoredMetadata | undefined {
  const creatorInboxId = parseInbox(save.metadata?.creatorInboxId ?? '')
  if (save.conversationType === ConversationTypeSave.CONVERSATION_TYPE_SAVE_GROUP)
    return { type: 'group', creatorInboxId }
  if (save.conversationType !== ConversationTypeSave.CONVERSATION_TYPE_SAVE_DM) return undefined
  const [prefix, one = '', two = '', ...rest] = (save.dmId ?? '').split(':')
  if (prefix !== 'dm' || rest.length > 0 || ![one, two].includes(self.inboxId))
    throw malformed('a direct message of others')
  return { type: 'dm', creatorInboxId, dmMembers: [parseInbox(one), parseInbox(two)] }
}

function parseInbox(text: string): v3.InboxId {
  try {
    return v3.parseInboxId(text)
  } catch (cause) {
    throw new XmtpError('client.archive.malformed', 'An archive names no inbox.', { cause })
  }
}

function atLeastZero(ns: bigint): bigint {
  return ns < 0n ? 0n : ns
}

function malformed(what: string): XmtpError {
  return new XmtpError('client.archive.malformed', `An archive has ${what}.`)
}
