import type { LoggedEnvelope } from './log.ts'
import { maxReadBytes } from '../limits.ts'
import { takeBytes } from './take-bytes.ts'

/** The newest envelopes in memory, so that followers that keep up never read the disk. */
export type Tail = {
  push(envelopes: readonly LoggedEnvelope[]): void
  /** @returns undefined when the range begins before what is kept. */
  read(range: {
    readonly after: number
    readonly until: number
    readonly limit: number
  }): readonly LoggedEnvelope[] | undefined
  /** Forgets everything up to `after`. */
  clear(after: number): void
}

export function openTail(options: {
  /** The sequence of the newest envelope that is not kept. */
  readonly after: number
  readonly maxEnvelopes: number
  readonly maxBytes: number
}): Tail {
  let before = options.after
  let kept: LoggedEnvelope[] = []
  let bytes = 0
  return {
    push: (envelopes) => {
      for (const envelope of envelopes) {
        kept.push(envelope)
        bytes += envelope.payload.length
      }
      // Cut in large steps, since each moves what is kept.
      if (kept.length < options.maxEnvelopes * 2 && bytes < options.maxBytes * 2) return
      let from = 0
      while (
        from < kept.length &&
        (kept.length - from > options.maxEnvelopes || bytes > options.maxBytes)
      ) {
        bytes -= kept[from]?.payload.length ?? 0
        before = kept[from]?.sequence ?? before
        from += 1
      }
      kept = kept.slice(from)
    },
    read: ({ after, until, limit }) => {
      if (after < before) return undefined
      // Sequences follow each other without a hole since `before`: only a fresh append makes one.
      const from = after - before
      const to = Math.min(until - before, from + limit)
      return takeBytes(kept.slice(from, to), maxReadBytes)
    },
    clear: (after) => {
      before = after
      kept = []
      bytes = 0
    },
  }
}
