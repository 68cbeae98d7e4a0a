import { setImmediate as nextTurn } from 'node:timers/promises'
import { keyPackageGraceMs, pruneBatchEnvelopes, pruneEveryMs } from '../limits.ts'
import type { EnvelopeLog } from '../log/log.ts'
import type { Pruned, V3Store } from '../log/v3-store.ts'
import type { Logger } from '../logger.ts'

/** How long things are kept, in milliseconds; what has no time is kept for ever. */
export type Retention = {
  /** Envelopes outside `/xmtp/`. */
  readonly envelopesMs: number
  /** Group messages that are no commits. */
  readonly groupMessagesMs: number | undefined
  readonly welcomesMs: number | undefined
}

export type PruneOptions = {
  readonly log: EnvelopeLog
  readonly v3: V3Store | undefined
  readonly retention: Retention
  readonly nowMs: () => number
}

type Step = () => Promise<Pruned>

/**
 * Removes what has expired, in small transactions so that publishes are not held up. A key package goes when its
 * lifetime has ended, whenever it was uploaded (B12).
 * @returns how many
 */
export async function pruneExpired({ log, v3, retention, nowMs }: PruneOptions): Promise<number> {
  const limit = pruneBatchEnvelopes
  const { envelopesMs, groupMessagesMs, welcomesMs } = retention
  const steps: Step[] = [
    async () => {
      const removed = await log.prune(nowMs() - envelopesMs, limit)
      return { removed, isLast: removed < limit }
    },
  ]
  if (v3 !== undefined) {
    steps.push(() => v3.keyPackages.prune(nowMs() - keyPackageGraceMs, limit))
    if (groupMessagesMs !== undefined)
      steps.push(() => v3.groupMessages.prune(nowMs() - groupMessagesMs, limit))
    if (welcomesMs !== undefined) steps.push(() => v3.welcomes.prune(nowMs() - welcomesMs, limit))
  }
  let removed = 0
  for (const step of steps) removed += await repeat(step)
  return removed
}

async function repeat(step: Step): Promise<number> {
  let removed = 0
  for (;;) {
    const done = await step()
    removed += done.removed
    if (done.isLast) return removed
    await nextTurn()
  }
}

/** Prunes from time to time until disposed. */
export function startPruning(options: PruneOptions & { readonly logger: Logger }): AsyncDisposable {
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
