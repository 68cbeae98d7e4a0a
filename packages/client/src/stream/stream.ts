/**
 * What streaming methods return: iterate it, and call `return()` (or leave the loop, or `await using`) to end it. An
 * item that nobody takes holds the next ones back. Several `next()` at once are answered in order.
 */
export class Stream<T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #items: AsyncGenerator<T, void>
  readonly #stop: () => void

  private constructor(items: AsyncGenerator<T, void>, stop: () => void) {
    this.#items = items
    this.#stop = stop
  }

  /**
   * Opens a stream that ends with `parent` at the latest.
   * @param open resolves when nothing can be missed any more; its generator must end soon after its signal aborts
   */
  static async open<T>(
    parent: AbortSignal,
    open: (signal: AbortSignal) => Promise<AsyncGenerator<T, void>>,
  ): Promise<Stream<T>> {
    const controller = new AbortController()
    const stop = () => {
      parent.removeEventListener('abort', stop)
      controller.abort()
    }
    parent.addEventListener('abort', stop)
    if (parent.aborted) stop()
    try {
      return new Stream(await open(controller.signal), stop)
    } catch (error) {
      stop()
      throw error
    }
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    const result = await this.#items.next()
    return result.done === true ? { done: true, value: undefined } : result
  }

  /** Ends the stream at once, also while a `next()` waits. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.#stop()
    await this.#items.return()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
