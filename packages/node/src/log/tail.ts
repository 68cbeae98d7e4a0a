import { maxReadBytes } from '../limits.ts'
import { takeBytes } from './take-bytes.ts'

type Kept = { readonly sequence: number; readonly payload: Uint8Array }

/** The newest entries of a log in memory, so that followers that keep up never read the disk. */
export type Tail<Entry extends Kept> = {
  push(entries: readonly Entry[]): void
  /** @returns undefined when the range begins before what is kept. */
  read(range: {
    readonly after: number
    readonly until: number
    readonly limit: number
  }): readonly Entry[] | undefined
  /** Forgets everything up to `after`. */
  clear(after: number): void
}

export function openTail<Entry extends Kept>(options: {
  /** The sequence of the newest entry that is not kept. */
  readonly after: number
  readonly maxEnvelopes: number
  readonly maxBytes: number
}): Tail<Entry> {
  let before = options.after
  let kept: Entry[] = []
  let bytes = 0
  return {
    push: (entries) => {
      for (const entry of entries) {
        kept.push(entry)
        bytes += entry.payload.length
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
