/**
 * Several streams as one, each batch when it is there. Ends with the first that ends or fails, and then closes the
 * others. A stream is only asked for its next batch when its last one has been taken, so a slow reader slows all.
 */
export async function* mergeBatches<T>(
  streams: readonly AsyncIterable<T>[],
): AsyncGenerator<T, void, undefined> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]())
  const ask = (index: number) => async () => {
    const next = await iterators[index]?.next()
    return { index, next }
  }
  const pending = new Map(iterators.map((_, index) => [index, ask(index)()]))
  try {
    for (;;) {
      const { index, next } = await Promise.race(pending.values())
      if (next === undefined || next.done === true) return
      // Goes to the end, so that a busy stream does not keep the others from their turn.
      pending.delete(index)
      yield next.value
      pending.set(index, ask(index)())
    }
  } finally {
    // Those left alone must not fail unheard.
    for (const each of pending.values()) each.catch(() => {})
    for (const iterator of iterators) void iterator.return?.()
  }
}
