import { setTimeout as wait } from 'node:timers/promises'

/** What a stream of an SDK delivered so far, and what comes. */
export type Stream<T> = AsyncDisposable & {
  /** In order of arrival. */
  readonly values: readonly T[]
  /** Texts of errors, and the names of other events (`onFail`, `onRetry`, `onRestart`, `onEnd`). */
  readonly events: readonly string[]
  /** Rejects with what was there after `timeoutMs` (default 20,000). */
  until(isEnough: (values: readonly T[]) => boolean, timeoutMs?: number): Promise<readonly T[]>
  end(): Promise<void>
}

export function createStream<T>(end: () => Promise<unknown>) {
  const values: T[] = []
  const events: string[] = []
  const stream: Stream<T> = {
    values,
    events,
    async until(isEnough, timeoutMs = 20_000) {
      const deadline = performance.now() + timeoutMs
      while (!isEnough(values)) {
        if (performance.now() > deadline)
          throw new Error(`A stream had ${values.length} values, ${JSON.stringify(events)}.`)
        await wait(10)
      }
      return values
    },
    end: async () => void (await end()),
    [Symbol.asyncDispose]: async () => stream.end(),
  }
  return { stream, values, events }
}
