import { XmtpError } from '@xmtp-ts/protocol'
import { onAbort } from '../on-abort.ts'

/** The error of a call that its own caller ended. */
export function closedError(): XmtpError {
  return new XmtpError('client.closed', 'The call was ended by its caller.')
}

/**
 * Runs a step under the caller's signal and a time limit, and stops waiting when either fires, even if the step does
 * not listen. Unlike `AbortSignal.any` it leaves nothing behind on a signal that outlives many calls.
 * @param step gets a controller: its signal aborts with the caller's or at the time limit
 * @throws XmtpError `client.closed` or `client.network.timeout`, or what the step throws
 */
export async function withDeadline<T>(
  options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs: number },
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, timeoutMs } = options
  const controller = new AbortController()
  let forget: () => void = () => undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      const abort = (error: XmtpError) => {
        reject(error)
        controller.abort(error)
      }
      const end = () => abort(closedError())
      if (signal?.aborted === true) {
        end()
        return
      }
      forget = onAbort(signal, end)
      timer = setTimeout(
        () => abort(new XmtpError('client.network.timeout', `No answer within ${timeoutMs} ms.`)),
        timeoutMs,
      )
      step(controller.signal).then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    forget()
  }
}
