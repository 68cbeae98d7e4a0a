import { Membership } from '@xmtp-ts/proto/store/v1/store'
import { v3, XmtpError } from '@xmtp-ts/protocol'
import { checkAttributes, decodeMembership, policyPresets } from '@xmtp-ts/protocol/group'
import type { Core } from '../core.ts'
import { createLocalGroup, firstAttributes } from '../group/create.ts'
import type { MessageDisappearingSettings } from './conversation.ts'
import type { GroupPermissionsOptions } from './enums.ts'
import { firstPolicies, type PermissionPolicySet } from './permissions.ts'
import { changeMembers } from './plans.ts'
import { readDirects, type View } from './view.ts'

export type CreateGroupOptions = {
  readonly permissions?: GroupPermissionsOptions | undefined
  /** For `permissions: GroupPermissionsOptions.CustomPolicy`. */
  readonly customPermissionPolicySet?: PermissionPolicySet | undefined
  readonly groupName?: string | undefined
  readonly groupImageUrlSquare?: string | undefined
  readonly groupDescription?: string | undefined
  readonly appData?: string | undefined
  readonly messageDisappearingSettings?: MessageDisappearingSettings | undefined
}

export type CreateDmOptions = Pick<CreateGroupOptions, 'messageDisappearingSettings'>

/**
 * Makes a group of one, here only.
 * @returns its id, hex
 * @throws XmtpError `v3.group.attributeTooLong`; RangeError or TypeError for policies that cannot be
 */
export async function beginGroup(core: Core, options: CreateGroupOptions): Promise<string> {
  const attributes = firstAttributes({
    type: 'group',
    name: options.groupName,
    description: options.groupDescription,
    imageUrl: options.groupImageUrlSquare,
    appData: options.appData,
    disappearing: options.messageDisappearingSettings,
  })
  checkAttributes(attributes)
  const { permissions, customPermissionPolicySet } = options
  const policies = firstPolicies(permissions, customPermissionPolicySet)
  return createLocalGroup(core, { type: 'group', attributes, policies })
}

/**
 * The direct message with somebody: the most recently active one that is here, or a new one.
 * @returns its id, hex
 * @throws XmtpError `client.peer.self`, `client.group.noKeyPackage`, and as `changeGroup`
 */
export async function beginDirect(
  core: Core,
  peerInboxId: v3.InboxId,
  options: CreateDmOptions,
): Promise<string> {
  const { inboxId } = core.self
  if (peerInboxId === inboxId)
    throw new XmtpError('client.peer.self', 'A direct message is with somebody else.')
  // Two calls at once must not make two.
  const id = await core.groups.turn(`direct ${peerInboxId}`, async () => {
    const known = await findDirect(core, peerInboxId)
    if (known !== undefined) return known.id
    const attributes = firstAttributes({
      type: 'dm',
      disappearing: options.messageDisappearingSettings,
    })
    const policies = policyPresets.direct
    return createLocalGroup(core, { type: 'dm', peerInboxId, attributes, policies })
  })
  const known = await findDirect(core, peerInboxId)
  const isOurs = known?.row.creatorInboxId === inboxId
  // Also when an earlier try to add them has failed.
  if (
    known !== undefined &&
    isOurs &&
    !decodeMembership(known.row.members).members.has(peerInboxId)
  )
    await changeMembers(core, known.id, { add: [peerInboxId], remove: [] })
  return known?.id ?? id
}

/** The most recently active one of the direct messages with somebody that are here; not those of an archive. */
export async function findDirect(core: Core, peerInboxId: v3.InboxId): Promise<View | undefined> {
  const views = await readDirects(core, v3.directMessageId(core.self.inboxId, peerInboxId))
  return views.find(({ row }) => row.membership !== Membership.MEMBERSHIP_RESTORED)
}
