import { Readable } from 'node:stream'
import type { ArchiveBytes } from './archives.ts'

/** Archives that live as long as the process. */
export function openMemoryArchives(): ArchiveBytes {
  const contents = new Map<string, Buffer>()
  return {
    list: async () => [],
    write: async (id, source) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of source) chunks.push(chunk)
      contents.set(id, Buffer.concat(chunks))
    },
    // In a list, since a buffer alone would be read byte by byte.
    read: (id) => Readable.from([contents.get(id) ?? Buffer.alloc(0)]),
    remove: async (id) => void contents.delete(id),
  }
}
