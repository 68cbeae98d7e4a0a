import type { Random } from '@xmtp-ts/protocol'
import { onAbort } from './on-abort.ts'

/** Time and chance: what makes a run different from the last one. Tests pass their own. */
export type Environment = {
  /** The wall clock. */
  readonly nowMs: () => number
  readonly random: Random
  /** Resolves after `ms`, or as soon as `signal` aborts; never rejects. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

/** The clock, the timer and the random generator of the platform. */
export const systemEnvironment: Environment = {
  nowMs: () => Date.now(),
  random: (sizeBytes) => crypto.getRandomValues(new Uint8Array(sizeBytes)),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve()
        return
      }
      const done = () => {
        clearTimeout(timer)
        forget()
        resolve()
      }
      const timer = setTimeout(done, ms)
      const forget = onAbort(signal, done)
    }),
}

const nsPerMs = 1_000_000n

export function msToNs(ms: number): bigint {
  return BigInt(Math.trunc(ms)) * nsPerMs
}

export function nsToMs(ns: bigint): number {
  return Number(ns / nsPerMs)
}
