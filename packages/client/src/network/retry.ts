import { XmtpError, type ErrorCode } from '@xmtp-ts/protocol'
import type { Environment } from '../environment.ts'
import { firstRetryMs, maxRetryAfterMs, maxRetryMs, maxTries } from '../limits.ts'

/** Failures of the moment. Everything else a node says is about the request: sending it again changes nothing. */
const retried: ReadonlySet<ErrorCode> = new Set([
  'client.network.unreachable',
  'client.node.unavailable',
  'client.node.busy',
])

/**
 * Repeats a call that the node could not serve at that moment, with growing pauses, at most five times; honours the
 * node's Retry-After up to 30 s. Calls are idempotent: publishing the same envelope twice stores one.
 * @throws what the last try threw
 */
export async function retrying<T>(
  call: () => Promise<T>,
  { environment, signal }: { environment: Environment; signal?: AbortSignal | undefined },
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call()
    } catch (error) {
      const waitMs = tries < maxTries ? retryWaitMs(error, { tries, environment }) : undefined
      if (waitMs === undefined || signal?.aborted === true) throw error
      await environment.sleep(waitMs, signal)
    }
  }
}

/** @returns undefined when another try makes no sense */
function retryWaitMs(
  error: unknown,
  { tries, environment }: { tries: number; environment: Environment },
): number | undefined {
  if (!(error instanceof XmtpError) || !retried.has(error.code)) return undefined
  const { retryAfterMs } = error.details
  if (typeof retryAfterMs === 'number' && retryAfterMs > 0)
    return retryAfterMs <= maxRetryAfterMs ? retryAfterMs : undefined
  return jittered(Math.min(firstRetryMs * 2 ** (tries - 1), maxRetryMs), environment)
}

/** Between half of `ms` and all of it, so that many clients do not come back in step. */
export function jittered(ms: number, { random }: Environment): number {
  const [chance = 0] = random(1)
  return ms * (0.5 + chance / 510)
}
