/** How a stream reports what happens; the options of `@xmtp/node-sdk`, and `resume`. */
export type StreamOptions<T> = {
  /** Awaited for each value, one after the other. */
  readonly onValue?: ((value: T) => void | Promise<void>) | undefined
  /** A value that could not be read, or that `onValue` failed for; the stream goes on behind it, if it has no `resume`. */
  readonly onError?: ((error: Error) => void) | undefined
  /** The stream is over, whoever ended it. */
  readonly onEnd?: (() => void) | undefined
  /** The connection to the node was lost. Nothing is missed: the stream goes on where it was. */
  readonly onFail?: (() => void) | undefined
  /** Before each attempt to connect again. */
  readonly onRetry?: ((attempt: number, maxAttempts: number) => void) | undefined
  /** The connection stands again. */
  readonly onRestart?: (() => void) | undefined
  /** Attempts in one outage after which the stream ends with `client.stream.failed`; without end unless given. */
  readonly retryAttempts?: number | undefined
  /** Taken and not used: attempts begin at once and are at most 0.8 s apart. */
  readonly retryDelay?: number | undefined
  /** False: the stream ends with `client.stream.failed` when the connection is lost. */
  readonly retryOnFail?: boolean | undefined
  /** Does not wait for the node before the stream counts as open. Nothing is missed either way. */
  readonly disableSync?: boolean | undefined
  /**
   * A name, at most 200 characters: the stream begins behind the last value that a stream of this name was done with,
   * in an earlier run too. Done means: `onValue` has returned, or the next value was asked for. What was not done with
   * comes again, so each value comes at least once; one that `onValue` throws for comes again after a pause, until it does not.
   * The first stream of a name begins with what comes from now on.
   */
  readonly resume?: string | undefined
}

/** Options of streams that read what happens in this client only. */
export type LocalStreamOptions<T> = Pick<
  StreamOptions<T>,
  'onValue' | 'onError' | 'onEnd' | 'resume'
>
