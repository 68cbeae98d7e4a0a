import { bytesToHex } from '@xmtp-ts/protocol'
import { keys } from '../records/keys.ts'
import type { LogSource } from '../stream/reader.ts'
import type { Host } from './host.ts'
import { readStitched, readView, type View } from './view.ts'

/** Conversations in the order in which they came; a direct message with somebody once, whatever its duplicates. */
export function arrivalSource<T>(
  { core }: Host,
  open: (view: View) => Promise<T | undefined>,
): LogSource<T> {
  return {
    log: keys.arrived,
    signal: 'conversations',
    async read(entry) {
      const view = await readView(core, bytesToHex(entry))
      if (view === undefined) return undefined
      const stitched = await readStitched(core, view)
      return stitched.some((other) => isBefore(other, view)) ? undefined : open(view)
    },
  }
}

/** The first of duplicates stands for them all; which one that is does not depend on what came when. */
function isBefore(a: View, b: View): boolean {
  if (a.row.createdAtNs !== b.row.createdAtNs) return a.row.createdAtNs < b.row.createdAtNs
  return a.id < b.id
}
