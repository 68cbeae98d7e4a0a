import type { Environment } from '../environment.ts'
import { firstReconnectMs, goodConnectionMs, maxReconnectMs } from '../limits.ts'
import { jittered } from '../network/retry.ts'

/** How long to wait before each attempt to open a lost stream again. */
export type Backoff = {
  /** A connection stands. */
  readonly connected: () => void
  /** Something came over it: it is good. */
  readonly delivered: () => void
  /** Milliseconds until the next attempt; 0 for the first after a good connection. */
  readonly nextWaitMs: () => number
}

/**
 * At once, then growing to 0.8 s: a node that returns is found within a second, however long it was away. Connections
 * that end young without a delivery count as failures, or they would be reopened in a circle.
 */
export function createBackoff(environment: Environment): Backoff {
  let failures = 0
  let connectedMs: number | undefined
  const reset = () => {
    failures = 0
  }
  return {
    connected() {
      connectedMs = environment.nowMs()
    },
    delivered: reset,
    nextWaitMs() {
      const nowMs = environment.nowMs()
      if (connectedMs !== undefined && nowMs - connectedMs >= goodConnectionMs) reset()
      connectedMs = undefined
      failures += 1
      if (failures === 1) return 0
      return jittered(Math.min(firstReconnectMs * 2 ** (failures - 2), maxReconnectMs), environment)
    },
  }
}
