import {
  ConversationTypeSave,
  GroupMembershipStateSave,
  type GroupSave,
} from '@xmtp-ts/proto/device_sync/group_backup'
import { Membership } from '@xmtp-ts/proto/store/v1/store'
import {
  attributeNames,
  decodeMutableMetadata,
  disappearingSettings,
} from '@xmtp-ts/protocol/group'
import type { View } from '../conversation/view.ts'
import { directIdOf, keptTypeOf } from '../group/conversation-row.ts'

const memberships: Readonly<Record<Membership, GroupMembershipStateSave>> = {
  [Membership.MEMBERSHIP_ALLOWED]: GroupMembershipStateSave.GROUP_MEMBERSHIP_STATE_SAVE_ALLOWED,
  [Membership.MEMBERSHIP_PENDING]: GroupMembershipStateSave.GROUP_MEMBERSHIP_STATE_SAVE_PENDING,
  [Membership.MEMBERSHIP_PENDING_REMOVE]:
    GroupMembershipStateSave.GROUP_MEMBERSHIP_STATE_SAVE_PENDING_REMOVE,
  [Membership.MEMBERSHIP_RESTORED]: GroupMembershipStateSave.GROUP_MEMBERSHIP_STATE_SAVE_RESTORED,
  [Membership.UNRECOGNIZED]: GroupMembershipStateSave.GROUP_MEMBERSHIP_STATE_SAVE_UNSPECIFIED,
}

/** A conversation as archives have it (v3-mls §8.5): enough to show it, not to write to it. */
export function saveGroup({ row, lastMessageNs }: View): GroupSave {
  const { attributes, admins, superAdmins } = decodeMutableMetadata(row.mutableMetadata)
  const disappearing = disappearingSettings({ attributes, admins, superAdmins })
  // Whoever has it can sign the group's commit log: a group that is shown has no use for it.
  const { commitLogSigner } = attributeNames
  const shown = [...attributes].filter(([name]) => name !== commitLogSigner)
  return {
    id: row.groupId,
    createdAtNs: row.createdAtNs,
    membershipState: memberships[row.membership],
    installationsLastChecked: 0n,
    addedByInboxId: row.addedByInboxId,
    welcomeId: row.welcomeId === 0n ? undefined : row.welcomeId,
    rotatedAtNs: row.rotatedAtNs,
    conversationType:
      keptTypeOf(row) === 'dm'
        ? ConversationTypeSave.CONVERSATION_TYPE_SAVE_DM
        : ConversationTypeSave.CONVERSATION_TYPE_SAVE_GROUP,
    dmId: directIdOf(row),
    lastMessageNs: lastMessageNs === 0n ? undefined : lastMessageNs,
    messageDisappearFromNs: disappearing?.fromNs,
    messageDisappearInNs: disappearing?.inNs,
    metadata: { creatorInboxId: row.creatorInboxId },
    mutableMetadata: {
      attributes: Object.fromEntries(shown),
      adminList: [...admins],
      superAdminList: [...superAdmins],
    },
    pausedForVersion: row.pausedForVersion === '' ? undefined : row.pausedForVersion,
  }
}
