import type { Core } from '../core.ts'
import { receiveNew } from '../group/receive.ts'

/** Reads back what was sent, in the background: once for all that was sent meanwhile. */
export type Confirmations = Pick<Core, 'confirm' | 'confirmed'>

export function createConfirmations({
  core,
  isLive,
}: {
  readonly core: () => Core
  /** Whether streams bring back what was sent. */
  readonly isLive: () => boolean
}): Confirmations {
  const running = new Map<string, Promise<void>>()
  const again = new Set<string>()

  const run = async (id: string) => {
    do {
      again.delete(id)
      await core()
        .groups.turn(id, () => receiveNew(core(), id))
        .catch(() => {
          // Only the place and time are missing: the next sync or stream brings them.
        })
    } while (again.has(id) && !core().signal.aborted)
    running.delete(id)
  }

  return {
    confirm(id) {
      if (isLive() || core().signal.aborted) return
      if (running.has(id)) again.add(id)
      else running.set(id, run(id))
    },
    confirmed: (id) => running.get(id) ?? Promise.resolve(),
  }
}
