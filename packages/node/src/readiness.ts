import { XmtpError } from '@xmtp-ts/protocol'
import type { EnvelopeLog, LogHealth } from './log/log.ts'
import { readinessEveryMs } from './limits.ts'

/** Whether the node can do its work: the store takes envelopes and the node is not closing (B22). */
export type Readiness = AsyncDisposable & {
  check(): Promise<LogHealth>
  /** The state now, then each change; ends with the node. */
  watch(): {
    readonly states: AsyncIterable<LogHealth>
    readonly close: () => void
  }
}

export function createReadiness(log: EnvelopeLog): Readiness {
  let isClosing = false
  let last: LogHealth = { ok: true }
  const watchers = new Set<() => void>()
  const check = async (): Promise<LogHealth> => {
    const state: LogHealth = isClosing ? { ok: false, reason: 'closing' } : await log.health()
    const hasChanged = state.ok !== last.ok
    last = state
    if (hasChanged) for (const wake of watchers) wake()
    return state
  }
  // Nobody may be asking while the store fails, and watchers must hear of it.
  const timer = setInterval(() => void check(), readinessEveryMs).unref()

  const watch = (): { states: AsyncGenerator<LogHealth, void, undefined>; close: () => void } => {
    const leaving = new AbortController()
    let wake = (): void => {}
    const watcher = (): void => wake()
    watchers.add(watcher)
    async function* states(): AsyncGenerator<LogHealth, void, undefined> {
      let told: boolean | undefined
      while (!leaving.signal.aborted) {
        if (isClosing)
          throw new XmtpError('node.closing', 'The node is shutting down.', {
            details: { text: 'service is shutting down' },
          })
        const changed = new Promise<void>((resolve) => {
          wake = resolve
        })
        if (last.ok === told) await changed
        else {
          told = last.ok
          yield last
        }
      }
    }
    const close = (): void => {
      leaving.abort()
      watchers.delete(watcher)
      wake()
    }
    return { states: states(), close }
  }

  return {
    check,
    watch,
    async [Symbol.asyncDispose]() {
      isClosing = true
      clearInterval(timer)
      for (const wake of watchers) wake()
    },
  }
}
