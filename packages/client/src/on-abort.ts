const listening = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Runs `act` when a signal aborts, once. The signal of a client outlives many calls and has many of them at a time: one
 * listener of the platform serves them all, since Node takes more than ten for a leak.
 * @returns what undoes it
 */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal === undefined) return () => undefined
  const acts = listening.get(signal) ?? listen(signal)
  acts.add(act)
  return () => void acts.delete(act)
}

function listen(signal: AbortSignal): Set<() => void> {
  const acts = new Set<() => void>()
  listening.set(signal, acts)
  signal.addEventListener(
    'abort',
    () => {
      for (const act of acts) act()
      acts.clear()
    },
    { once: true },
  )
  return acts
}
