import { Dm, PermissionLevel, type Group, type GroupMember } from '@xmtp-ts/client'
import { findConversation, type AnyConversation } from '../../find.ts'
import { accountText, fullNameOf, recipientOf } from '../../people.ts'
import { openSynced, type Session, type SessionOptions } from '../../session.ts'
import { consentNames } from '../../show/conversation.ts'
import type { Verb, VerbContext } from '../../verb.ts'
import { withGroup } from './with-group.ts'

export const roles = {
  [PermissionLevel.Member]: 'member',
  [PermissionLevel.Admin]: 'admin',
  [PermissionLevel.SuperAdmin]: 'super-admin',
} as const

/** Lists who is in a group, or in a direct message. */
export const listMembers: Verb<SessionOptions, [conversation: string]> = async (
  options,
  context,
  name,
) => {
  await using session = await openSynced(options, context)
  await reportMembers(await findConversation(session, name), { session, context })
}

/** Takes people in; who is in already stays as they are. */
export const addMembers: Verb<SessionOptions, [group: string, who: string[]]> = (
  options,
  context,
  name,
  who,
) => changeMembers(options, context, { name, who, change: 'addMembers' })

/** Takes people out. */
export const removeMembers: Verb<SessionOptions, [group: string, who: string[]]> = (
  options,
  context,
  name,
  who,
) => changeMembers(options, context, { name, who, change: 'removeMembers' })

async function changeMembers(
  options: SessionOptions,
  context: VerbContext,
  {
    name,
    who,
    change,
  }: {
    readonly name: string
    readonly who: readonly string[]
    readonly change: 'addMembers' | 'removeMembers'
  },
): Promise<void> {
  const people = who.map(recipientOf)
  await withGroup(options, context, {
    name,
    async work(group, session) {
      await context.reporter.during('Changing the group …', group[change](people))
      await reportMembers(group, { session, context })
    },
  })
}

export async function reportMembers(
  conversation: AnyConversation,
  { session, context }: { readonly session: Session; readonly context: VerbContext },
): Promise<void> {
  const members = await conversation.members()
  const known = await session.people.find(members.map(({ inboxId }) => inboxId))
  await context.reporter.list({
    columns: [
      { head: 'MEMBER', isFlexible: true },
      { head: 'ROLE' },
      { head: 'DEVICES' },
      { head: 'CONSENT', isDim: true },
    ],
    rows: inOrder(members).map((member) => ({
      json: memberJson(member, conversation),
      cells: [
        fullNameOf(known.get(member.inboxId), member.inboxId),
        roleOf(member, conversation),
        String(member.installationIds.length),
        member.inboxId === session.client.inboxId ? '' : consentNames[member.consentState],
      ],
    })),
    none: 'Nobody is in there.',
  })
}

/** Those with the most rights first. */
function inOrder(members: readonly GroupMember[]): readonly GroupMember[] {
  return members.toSorted((a, b) => b.permissionLevel - a.permissionLevel)
}

function memberJson(member: GroupMember, conversation: AnyConversation) {
  return {
    conversation: conversation.id,
    inboxId: member.inboxId,
    accounts: member.accountIdentifiers.map(accountText),
    installations: member.installationIds,
    role: roleOf(member, conversation),
    consent: consentNames[member.consentState],
  }
}

/** A direct message has no roles. */
function roleOf({ permissionLevel }: GroupMember, conversation: Group | Dm): string {
  return conversation instanceof Dm ? 'member' : roles[permissionLevel]
}
