/** One thing at a time for each name; names do not wait for each other. */
export type Turns = {
  /** Runs `work` when everything that was asked for under this name before has ended. */
  readonly run: <T>(name: string, work: () => Promise<T>) => Promise<T>
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  return {
    run(name, work) {
      const before = last.get(name) ?? Promise.resolve()
      const turn = before.then(work, work)
      const ended = turn.catch(() => undefined)
      last.set(name, ended)
      void ended.finally(() => {
        if (last.get(name) === ended) last.delete(name)
      })
      return turn
    },
  }
}
