import type { Group } from '@xmtp-ts/client'
import { findGroup } from '../../find.ts'
import { openSynced, type Session, type SessionOptions } from '../../session.ts'
import { conversationReport } from '../../show/conversation.ts'
import { describeOne } from '../../show/describe.ts'
import type { VerbContext } from '../../verb.ts'

type Work = (group: Group, session: Session) => Promise<void>

/** Opens a group, up to date, for as long as the work takes. */
export async function withGroup(
  options: SessionOptions,
  context: VerbContext,
  { name, work }: { readonly name: string; readonly work: Work },
): Promise<void> {
  await using session = await openSynced(options, context)
  await work(await findGroup(session, name), session)
}

/** The same for a change, and shows what has become of the group. */
export async function changeGroup(
  options: SessionOptions,
  context: VerbContext,
  { name, work }: { readonly name: string; readonly work: Work },
): Promise<void> {
  await withGroup(options, context, {
    name,
    async work(group, session) {
      await context.reporter.during('Changing the group …', work(group, session))
      await context.reporter.result(conversationReport(await describeOne(session, group)))
    },
  })
}
