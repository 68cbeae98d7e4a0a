import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { XmtpError } from '@xmtp-ts/protocol'

/** The bytes of a file, piece by piece. @throws XmtpError `client.store.unusable` */
export async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of createReadStream(path)) yield piece
  } catch (cause) {
    throw unusable(path, cause)
  }
}

/**
 * Writes a file that only its owner may read. It appears under its name when it is whole.
 * @throws XmtpError `client.store.unusable`, or what the pieces throw: then there is no file, or still the old one
 */
export async function writeFile(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const part = `${path}.${process.pid}.part`
  const file = await open(part, 'w', 0o600).catch((cause: unknown) => {
    throw unusable(path, cause)
  })
  try {
    try {
      for await (const piece of pieces) await file.write(piece)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(part, path)
  } catch (cause) {
    await rm(part, { force: true })
    throw cause instanceof XmtpError ? cause : unusable(path, cause)
  }
}

function unusable(path: string, cause: unknown): XmtpError {
  const name = JSON.stringify(path.slice(0, 200))
  return new XmtpError('client.store.unusable', `The file ${name} cannot be used.`, { cause })
}
