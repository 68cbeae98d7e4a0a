/** What streaming methods return; the shape of `AsyncStreamProxy` of `@xmtp/node-sdk`. */
export interface AsyncStreamProxy<T> extends AsyncIterable<T> {
  next(): Promise<IteratorResult<T, undefined>>
  return(): Promise<IteratorResult<T, undefined>>
  end(): Promise<IteratorResult<T, undefined>>
  readonly isDone: boolean
}

export type ValueStreamParts<T> = {
  /** Ends when the stream is stopped. */
  readonly values: () => AsyncGenerator<T, void>
  readonly stop: () => void
  /** Aborts when the stream is over. */
  readonly signal: AbortSignal
}

/**
 * A stream of values: iterate it, and leave the loop, or call `end()`, or use `await using`, to end it. A value that nobody
 * takes holds the next ones back, in the store. Several `next()` at once are answered in order.
 */
export class ValueStream<T> implements AsyncStreamProxy<T>, AsyncDisposable {
  readonly #parts: ValueStreamParts<T>
  #values: AsyncGenerator<T, void> | undefined

  constructor(parts: ValueStreamParts<T>) {
    this.#parts = parts
  }

  get isDone(): boolean {
    return this.#parts.signal.aborted
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    this.#values ??= this.#parts.values()
    const result = await this.#values.next()
    return result.done === true ? { done: true, value: undefined } : result
  }

  /** Ends the stream at once, also while a `next()` waits. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.#parts.stop()
    await this.#values?.return()
    return { done: true, value: undefined }
  }

  end(): Promise<IteratorResult<T, undefined>> {
    return this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
