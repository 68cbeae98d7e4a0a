import { PermissionLevel, type Group } from '@xmtp-ts/client'
import { fullNameOf, recipientOf } from '../../people.ts'
import type { Session, SessionOptions } from '../../session.ts'
import type { Verb, VerbContext } from '../../verb.ts'
import { roles } from './members.ts'
import { withGroup } from './with-group.ts'

export type AdminsOptions = SessionOptions & {
  readonly promote?: readonly string[]
  readonly super?: readonly string[]
  readonly demote?: readonly string[]
}

/** Makes members admins or super admins, or members again; shows who is one. */
export const admins: Verb<AdminsOptions, [group: string]> = async (options, context, name) => {
  const promote = (options.promote ?? []).map(recipientOf)
  const promoteFurther = (options.super ?? []).map(recipientOf)
  const demote = (options.demote ?? []).map(recipientOf)
  await withGroup(options, context, {
    name,
    async work(group, session) {
      for (const person of promote) await group.addAdmin(person)
      for (const person of promoteFurther) await group.addSuperAdmin(person)
      for (const person of demote) await demoteOne(group, person)
      await report(group, session, context)
    },
  })
}

/** What somebody is not cannot be taken from them, and costs nothing. */
async function demoteOne(group: Group, person: string): Promise<void> {
  await group.removeSuperAdmin(person)
  await group.removeAdmin(person)
}

async function report(group: Group, { people }: Session, { reporter }: VerbContext): Promise<void> {
  const members = await group.members()
  const chosen = members
    .filter(({ permissionLevel }) => permissionLevel !== PermissionLevel.Member)
    .toSorted((a, b) => b.permissionLevel - a.permissionLevel)
  const known = await people.find(chosen.map(({ inboxId }) => inboxId))
  await reporter.list({
    columns: [{ head: 'ADMIN', isFlexible: true }, { head: 'ROLE' }],
    rows: chosen.map(({ inboxId, permissionLevel }) => ({
      json: {
        conversation: group.id,
        inboxId,
        address: known.get(inboxId)?.address ?? null,
        role: roles[permissionLevel],
      },
      cells: [fullNameOf(known.get(inboxId), inboxId), roles[permissionLevel]],
    })),
    none: 'The group has no admins.',
  })
}
