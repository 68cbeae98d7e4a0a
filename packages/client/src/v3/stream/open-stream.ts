import { XmtpError } from '@xmtp-ts/protocol'
import type { Environment } from '../../environment.ts'
import { createBackoff } from '../../stream/backoff.ts'
import { onAbort } from '../../on-abort.ts'
import type { Core } from '../core.ts'
import type { Feed } from '../delivery/feed.ts'
import type { LinkEvent } from '../delivery/link.ts'
import type { StreamOptions } from './options.ts'
import { openReader, readLog, type LogSource } from './reader.ts'
import type { OpenReaders } from './trim.ts'
import { ValueStream } from './value-stream.ts'

/** What streams work with, one for a client. */
export type StreamHost = {
  readonly core: Core
  readonly feed: Feed
  readonly readers: OpenReaders
}

/**
 * Opens a stream over a log of the store, fed by the node while it is open. Resolves when the node is followed, or could
 * not be reached at the first try: the place in the log is taken before, so nothing is missed.
 * @throws XmtpError `client.closed`, `client.store.*`
 */
export async function openStream<T>(
  host: StreamHost,
  source: LogSource<T>,
  options: StreamOptions<T>,
): Promise<ValueStream<T>> {
  const stream = await openLocalStream(host, source, options)
  const { signal, stop, tell } = stream
  const watch = (event: LinkEvent) => {
    const failure = onLink(event, options)
    if (failure === undefined) return
    tell(failure)
    stop()
  }
  const unlisten = host.feed.link.listen(watch)
  signal.addEventListener('abort', unlisten)
  const followed = host.feed.follow(signal)
  if (options.disableSync !== true) await Promise.race([followed, firstFailure(host.feed, signal)])
  return stream.values
}

type OpenedStream<T> = {
  readonly values: ValueStream<T>
  readonly signal: AbortSignal
  readonly stop: () => void
  readonly tell: (error: Error) => void
}

/** The same over what happens in this client: no node is followed for it. */
export async function openLocalStream<T>(
  { core, readers }: StreamHost,
  source: LogSource<T>,
  options: StreamOptions<T>,
): Promise<OpenedStream<T>> {
  if (core.signal.aborted) throw new XmtpError('client.closed', 'The client is closed.')
  const { onValue, onEnd, onError, resume } = options
  const reader = await openReader(core, source, resume)
  const controller = new AbortController()
  const stop = () => controller.abort()
  const { signal } = controller
  const forget = onAbort(core.signal, stop)
  if (core.signal.aborted) stop()
  signal.addEventListener('abort', () => {
    forget()
    onEnd?.()
  })
  const tell = (error: Error) => onError?.(error)
  const reading = { signal, onError: tell, open: readers }
  const isPumped = onValue !== undefined
  const values = new ValueStream({
    // Who remembers the place is the one who handles the values: `onValue` if there is one.
    values: () =>
      ending(readLog(core, isPumped ? { ...reader, place: undefined } : reader, reading), stop),
    stop,
    signal,
  })
  if (isPumped) {
    const { environment } = core
    const isDurable = reader.place !== undefined
    const handle = handler(onValue, { environment, tell, signal, isDurable })
    void pump(readLog(core, reader, reading), { handle, tell, stop })
  }
  return { values, signal, stop, tell }
}

/**
 * What hands a value to the app. A stream whose place is remembered hands it again until it is done with: what comes behind
 * it waits meanwhile.
 * @returns whether the value is done with; it is not when the stream ends before
 */
function handler<T>(
  onValue: (value: T) => void | Promise<void>,
  parts: {
    readonly environment: Environment
    readonly tell: (error: Error) => void
    readonly signal: AbortSignal
    readonly isDurable: boolean
  },
): (value: T) => Promise<boolean> {
  const { environment, tell, signal, isDurable } = parts
  return async (value) => {
    const backoff = createBackoff(environment)
    for (;;) {
      try {
        await onValue(value)
        return true
      } catch (error) {
        tell(asError(error))
      }
      if (!isDurable) return true
      await environment.sleep(backoff.nextWaitMs(), signal)
      if (signal.aborted) return false
    }
  }
}

async function pump<T>(
  values: AsyncGenerator<T, void>,
  {
    handle,
    tell,
    stop,
  }: {
    readonly handle: (value: T) => Promise<boolean>
    readonly tell: (error: Error) => void
    readonly stop: () => void
  },
): Promise<void> {
  try {
    for await (const value of values) if (!(await handle(value))) return
  } catch (error) {
    tell(asError(error))
    stop()
  }
}

/** A stream whose values cannot be read any more is over. */
async function* ending<T>(
  values: AsyncGenerator<T, void>,
  stop: () => void,
): AsyncGenerator<T, void> {
  try {
    yield* values
  } finally {
    stop()
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** @returns why the stream is to end */
function onLink<T>(event: LinkEvent, options: StreamOptions<T>): XmtpError | undefined {
  const { retryAttempts = Number.POSITIVE_INFINITY, retryOnFail = true } = options
  if (event.kind === 'restored') options.onRestart?.()
  else if (event.kind === 'lost') {
    options.onFail?.()
    if (!retryOnFail) return failed('The connection was lost.')
  } else if (event.attempt > retryAttempts)
    return failed(`The node did not come back in ${retryAttempts} attempts.`)
  else options.onRetry?.(event.attempt, retryAttempts)
  return undefined
}

function failed(what: string): XmtpError {
  return new XmtpError('client.stream.failed', what)
}

function firstFailure({ link }: Feed, signal: AbortSignal): Promise<void> {
  if (link.isDown() || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      unlisten()
      resolve()
    }
    const unlisten = link.listen(({ kind }) => {
      if (kind === 'lost') done()
    })
    signal.addEventListener('abort', done)
  })
}
