import type { Readable } from 'node:stream'
import { XmtpError } from '@xmtp-ts/protocol'
import { archiveRetentionMs, maxArchiveBytes, maxArchives } from '../limits.ts'

/** Where the bytes of archives are. Adapters: `memory-archives.ts`, `folder-archives.ts`. */
export interface ArchiveBytes {
  /** What is there from before, with the time at which it came. */
  list(): Promise<readonly { readonly id: string; readonly bytes: number; readonly atMs: number }[]>
  /** Nothing is there under the name until it resolves; when the source fails, nothing is left. */
  write(id: string, source: AsyncIterable<Uint8Array>): Promise<void>
  read(id: string): Readable
  remove(id: string): Promise<void>
}

/**
 * The archives that one installation leaves for another (v3-mls §6.6): opaque bytes under a name that cannot be
 * guessed, for a week. Nothing lists them.
 */
export type Archives = {
  /**
   * @returns the name, a random UUID
   * @throws XmtpError `node.history.tooLong`, `node.history.full`; what the source throws, with nothing kept
   */
  add(source: AsyncIterable<Uint8Array>): Promise<string>
  /** Undefined for a name that is not, or no longer, one. */
  find(id: string): { readonly bytes: number; readonly read: () => Readable } | undefined
  /** Removes what has expired. @returns how many */
  expire(): Promise<number>
  readonly count: number
  readonly bytes: number
}

export async function openArchives(options: {
  readonly storage: ArchiveBytes
  /** Of all archives together. */
  readonly maxTotalBytes: number
  readonly nowMs: () => number
  readonly newId: () => string
}): Promise<Archives> {
  const { storage, maxTotalBytes, nowMs, newId } = options
  const known = new Map<string, { readonly bytes: number; readonly atMs: number }>()
  let totalBytes = 0
  let uploads = 0
  for (const { id, bytes, atMs } of await storage.list()) {
    known.set(id, { bytes, atMs })
    totalBytes += bytes
  }

  const isExpired = (atMs: number): boolean => nowMs() - atMs > archiveRetentionMs
  const full = (): XmtpError =>
    new XmtpError('node.history.full', 'There is no room for more archives.')
  /** Room is taken while the bytes come, so that many uploads at a time stay within it too. */
  async function* counted(
    source: AsyncIterable<Uint8Array>,
    count: (bytes: number) => void,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let bytes = 0
    for await (const chunk of source) {
      bytes += chunk.length
      if (bytes > maxArchiveBytes)
        throw new XmtpError('node.history.tooLong', `An archive is above ${maxArchiveBytes} bytes.`)
      if (totalBytes + chunk.length > maxTotalBytes) throw full()
      count(chunk.length)
      yield chunk
    }
  }

  return {
    add: async (source) => {
      if (known.size + uploads >= maxArchives) throw full()
      const id = newId()
      let bytes = 0
      uploads += 1
      try {
        const content = counted(source, (length) => {
          bytes += length
          totalBytes += length
        })
        await storage.write(id, content)
        known.set(id, { bytes, atMs: nowMs() })
        return id
      } catch (error) {
        totalBytes -= bytes
        throw error
      } finally {
        uploads -= 1
      }
    },
    find: (id) => {
      const archive = known.get(id)
      if (archive === undefined || isExpired(archive.atMs)) return undefined
      return { bytes: archive.bytes, read: () => storage.read(id) }
    },
    expire: async () => {
      const expired = [...known].filter(([, { atMs }]) => isExpired(atMs))
      for (const [id, { bytes }] of expired) {
        await storage.remove(id)
        known.delete(id)
        totalBytes -= bytes
      }
      return expired.length
    },
    get count() {
      return known.size
    },
    get bytes() {
      return totalBytes
    },
  }
}
