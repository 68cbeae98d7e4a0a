import type { Environment } from '../environment.ts'
import { onAbort } from '../on-abort.ts'

/** What happens inside a client, so that waiting readers look again. A signal carries no data: what counts is in the store. */
export type SignalName =
  | 'delivered'
  | 'conversations'
  | 'preferences'
  | 'groupsToFollow'
  | 'deleted'
  | 'deviceSync'
  | 'leaving'
  | 'late'

export type Signals = {
  readonly raise: (name: SignalName) => void
  /** How often a signal was raised: read it before looking, wait with it afterwards, and nothing is missed. */
  readonly count: (name: SignalName) => number
  /** Resolves when the signal was raised more than `count` times, or when `signal` aborts. */
  readonly wait: (name: SignalName, count: number, signal: AbortSignal) => Promise<void>
}

export function createSignals(): Signals {
  const counts = new Map<SignalName, number>()
  const waiting = new Map<SignalName, Set<() => void>>()
  const count = (name: SignalName) => counts.get(name) ?? 0
  return {
    count,
    raise(name) {
      counts.set(name, count(name) + 1)
      const wakes = waiting.get(name)
      waiting.delete(name)
      for (const wake of wakes ?? []) wake()
    },
    wait: (name, seen, signal) =>
      new Promise((resolve) => {
        if (count(name) > seen || signal.aborted) {
          resolve()
          return
        }
        const wakes = waiting.get(name) ?? new Set()
        waiting.set(name, wakes)
        const done = () => {
          forget()
          wakes.delete(done)
          resolve()
        }
        wakes.add(done)
        const forget = onAbort(signal, done)
      }),
  }
}

/** Waits for a signal, but not longer than `maxMs`: another process of the same store raises none here. */
export async function waitAtMost(
  { signals, environment }: { readonly signals: Signals; readonly environment: Environment },
  name: SignalName,
  {
    seen,
    maxMs,
    signal,
  }: { readonly seen: number; readonly maxMs: number; readonly signal: AbortSignal },
): Promise<void> {
  if (signal.aborted) return
  const ended = new AbortController()
  const forget = onAbort(signal, () => ended.abort())
  await Promise.race([
    signals.wait(name, seen, ended.signal),
    environment.sleep(maxMs, ended.signal),
  ])
  forget()
  ended.abort()
}
