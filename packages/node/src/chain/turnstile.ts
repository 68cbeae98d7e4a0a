import { XmtpError } from '@xmtp-ts/protocol'

/** Lets a bounded number of tasks run at one time, and a bounded number wait for their turn. */
export type Turnstile = {
  /** @throws XmtpError `node.overloaded` when too many wait; else whatever the task throws */
  run<T>(task: () => Promise<T>): Promise<T>
}

export function createTurnstile(limits: {
  readonly running: number
  readonly waiting: number
}): Turnstile {
  const queue: (() => void)[] = []
  let running = 0
  return {
    run: async (task) => {
      if (running >= limits.running) {
        if (queue.length >= limits.waiting)
          throw new XmtpError('node.overloaded', 'Too many questions wait for a chain.')
        // The one who leaves hands its place over.
        await new Promise<void>((resolve) => void queue.push(resolve))
      } else running += 1
      try {
        return await task()
      } finally {
        const next = queue.shift()
        if (next === undefined) running -= 1
        else next()
      }
    },
  }
}
