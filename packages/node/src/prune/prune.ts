import { setImmediate as nextTurn } from 'node:timers/promises'
import { pruneBatchEnvelopes, pruneEveryMs } from '../limits.ts'
import type { EnvelopeLog } from '../log/log.ts'
import type { Logger } from '../logger.ts'

export type PruneOptions = {
  readonly log: EnvelopeLog
  readonly logger: Logger
  readonly retentionMs: number
  readonly nowMs: () => number
}

/** Removes what has expired, in small transactions so that publishes are not held up. @returns how many */
export async function pruneExpired({ log, retentionMs, nowMs }: PruneOptions): Promise<number> {
  let removed = 0
  for (;;) {
    const batch = await log.prune(nowMs() - retentionMs, pruneBatchEnvelopes)
    removed += batch
    if (batch < pruneBatchEnvelopes) return removed
    await nextTurn()
  }
}

/** Prunes from time to time until disposed. */
export function startPruning(options: PruneOptions): AsyncDisposable {
  let running: Promise<void> | undefined
  const prune = async (): Promise<void> => {
    try {
      const removed = await pruneExpired(options)
      if (removed > 0) options.logger.info('prune', { removed })
    } catch (error) {
      options.logger.error('prune', { error })
    }
    running = undefined
  }
  const run = (): void => {
    running ??= prune()
  }
  const timer = setInterval(run, pruneEveryMs).unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}
