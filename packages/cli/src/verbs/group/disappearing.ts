import { parseDurationNs } from '../../arguments.ts'
import { findConversation } from '../../find.ts'
import { openSynced, type SessionOptions } from '../../session.ts'
import { duration } from '../../terminal/time.ts'
import type { Verb } from '../../verb.ts'

/** Has the messages from now on disappear after a time, or stay; without either, shows which it is. */
export const disappearing: Verb<
  SessionOptions,
  [conversation: string, after: string | undefined]
> = async (options, context, name, after) => {
  const inNs = after === undefined || after === 'off' ? undefined : parseDurationNs(after)
  await using session = await openSynced(options, context)
  const conversation = await findConversation(session, name)
  if (inNs !== undefined) {
    const { fromNs } = startingNow(inNs)
    await conversation.updateMessageDisappearingSettings(fromNs, inNs)
  } else if (after === 'off') await conversation.removeMessageDisappearingSettings()
  const settings = conversation.messageDisappearingSettings()
  await context.reporter.result({
    json: {
      conversation: conversation.id,
      fromNs: settings?.fromNs.toString() ?? null,
      inNs: settings?.inNs.toString() ?? null,
    },
    text:
      settings === undefined
        ? 'Messages stay.'
        : `Messages disappear after ${duration(settings.inNs)}.`,
  })
}

export function startingNow(inNs: bigint) {
  return { fromNs: BigInt(Date.now()) * 1_000_000n, inNs }
}
