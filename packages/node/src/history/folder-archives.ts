import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { XmtpError } from '@xmtp-ts/protocol'
import type { ArchiveBytes } from './archives.ts'

/** An upload that is not complete yet, or never was: the process ended. */
const partial = '.part'
const archiveName = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Archives as files of a folder, which is made when missing. Names are those that we gave: no text of a caller
 * becomes a path.
 * @throws XmtpError `node.store.unusable`
 */
export async function openFolderArchives(folder: string): Promise<ArchiveBytes> {
  const pathOf = (id: string): string => join(folder, id)
  try {
    await mkdir(folder, { recursive: true })
    const names = await readdir(folder)
    for (const name of names.filter((each) => each.endsWith(partial))) await rm(pathOf(name))
  } catch (cause) {
    throw new XmtpError('node.store.unusable', `The folder ${folder} cannot be written to.`, {
      cause,
    })
  }
  return {
    list: async () => {
      const names = (await readdir(folder)).filter((name) => archiveName.test(name))
      return Promise.all(
        names.map(async (id) => {
          const { size, mtimeMs } = await stat(pathOf(id))
          return { id, bytes: size, atMs: mtimeMs }
        }),
      )
    },
    write: async (id, source) => {
      const path = pathOf(`${id}${partial}`)
      try {
        const file = await open(path, 'wx', 0o600)
        try {
          for await (const chunk of source) await file.writeFile(chunk)
          // Its name is given away: what is behind it must survive a power cut.
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(path, pathOf(id))
      } catch (error) {
        await rm(path, { force: true })
        throw error instanceof XmtpError ? error : asUnavailable(error)
      }
    },
    read: (id) => createReadStream(pathOf(id)),
    remove: (id) => rm(pathOf(id), { force: true }),
  }
}

/** A full disk, for one. What the caller did, as leaving in the middle, looks the same and is heard by nobody. */
function asUnavailable(cause: unknown): XmtpError {
  return new XmtpError('node.store.unavailable', 'The archive could not be written.', { cause })
}
