import { GroupPermissionsOptions } from '@xmtp-ts/client'
import { parseDurationNs } from '../../arguments.ts'
import { recipientOf } from '../../people.ts'
import { openSynced, type SessionOptions } from '../../session.ts'
import { conversationReport } from '../../show/conversation.ts'
import { describeOne } from '../../show/describe.ts'
import type { Verb } from '../../verb.ts'
import type { Preset } from './permissions.ts'
import { startingNow } from './disappearing.ts'

export type CreateOptions = SessionOptions & {
  readonly name?: string
  readonly description?: string
  readonly image?: string
  readonly preset?: Preset
  readonly disappearing?: string
}

/** Makes a group with these people. */
export const createGroup: Verb<CreateOptions, [who: string[]]> = async (options, context, who) => {
  const people = who.map(recipientOf)
  const { name, description, image, preset, disappearing } = options
  const inNs = disappearing === undefined ? undefined : parseDurationNs(disappearing)
  await using session = await openSynced(options, context)
  const making = session.client.conversations.createGroup(people, {
    groupName: name,
    groupDescription: description,
    groupImageUrlSquare: image,
    permissions: preset === 'admin-only' ? GroupPermissionsOptions.AdminOnly : undefined,
    messageDisappearingSettings: inNs === undefined ? undefined : startingNow(inNs),
  })
  const group = await context.reporter.during('Making the group …', making)
  await context.reporter.result(conversationReport(await describeOne(session, group)))
}
