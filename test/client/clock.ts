import type { Environment } from '../../packages/client/src/environment.ts'
import { systemEnvironment } from '../../packages/client/src/environment.ts'

/** The clock of the system, which can be put forward: who sleeps until then wakes. */
export function movableClock(): {
  readonly environment: Environment
  readonly advance: (ms: number) => void
} {
  let ahead = 0
  const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>()
  const nowMs = () => Date.now() + ahead
  return {
    environment: {
      ...systemEnvironment,
      nowMs,
      async sleep(ms, signal) {
        const controller = new AbortController()
        const wake = () => controller.abort()
        const sleeper = { untilMs: nowMs() + ms, wake }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', wake, { once: true })
        if (signal?.aborted === true) wake()
        await systemEnvironment.sleep(ms, controller.signal)
        signal?.removeEventListener('abort', wake)
        sleepers.delete(sleeper)
      },
    },
    advance(ms) {
      ahead += ms
      for (const { untilMs, wake } of sleepers) if (untilMs <= nowMs()) wake()
    },
  }
}
