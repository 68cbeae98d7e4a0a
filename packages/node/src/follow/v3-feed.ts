import type { V3Entry, V3Log } from '../log/v3-store.ts'
import type { Logger } from '../logger.ts'
import { openFeed, type Feed } from './feed.ts'

/** The feed of group messages or of welcomes. What is stored goes out as it is. */
export function openV3Feed(log: V3Log, logger: Logger): Promise<Feed> {
  return openFeed<V3Entry>(
    {
      head: () => log.head(),
      onAppend: (wake) => log.onAppend(wake),
      read: (read) => log.read(read),
      deliver: ({ sequence, topic, payload }) => ({ sequence, topic, bytes: payload }),
      isOfEveryTopic: () => true,
    },
    logger,
  )
}
