import { openAccount, type AccountOptions } from '../account.ts'
import { messageReport } from '../show.ts'
import type { Verb } from '../../verb.ts'

/** Prints messages as they come, until Ctrl-C. */
export const stream: Verb<AccountOptions> = async (options, context) => {
  const { io, reporter } = context
  await using client = await openAccount(options, context)
  await using messages = await client.conversations.streamAllMessages(() =>
    reporter.progress('The connection was lost; opening another …'),
  )
  reporter.progress(`Messages for ${client.address}; Ctrl-C ends.`)
  io.signal.addEventListener('abort', () => void client.close(), { once: true })
  if (io.signal.aborted) await client.close()
  for await (const message of messages) await reporter.result(messageReport(message))
}
