import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { XmtpError } from '@xmtp-ts/protocol'
import { maxKeyFileBytes } from '../limits.ts'
import type { KeyStore } from './key-store.ts'

/** Keys as files `<account>.keys` in a folder, readable by their owner only. For Node. */
export function fileKeyStore(folder: string): KeyStore {
  const pathOf = (account: string) => join(folder, `${account}.keys`)
  return {
    load: (account) => readSecretFile(pathOf(account)),
    save: (account, bundle) => writeSecretFile(pathOf(account), bundle),
  }
}

/**
 * Reads a file that only its owner can read.
 * @returns undefined when there is no such file
 * @throws XmtpError `client.keyStore.exposed` when others may read it, `client.keyStore.unusable`
 */
export async function readSecretFile(path: string): Promise<Uint8Array | undefined> {
  try {
    await using file = await opened(path)
    const { mode, size } = await file.handle.stat()
    if (isExposed(mode)) throw new XmtpError('client.keyStore.exposed', `Others may read ${path}.`)
    if (size > maxKeyFileBytes)
      throw new XmtpError('client.keyStore.unusable', `${path} has ${size} bytes.`)
    return new Uint8Array(await file.handle.readFile())
  } catch (cause) {
    if (cause instanceof XmtpError) throw cause
    if (isMissing(cause)) return undefined
    throw unusable(path, cause)
  }
}

/**
 * Writes a file that only its owner can read: whole or not at all, durable when it resolves.
 * @throws XmtpError `client.keyStore.unusable`
 */
export async function writeSecretFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, path)
    await syncFolder(dirname(path))
  } catch (cause) {
    // The folder itself may be what is wrong.
    await rm(draft, { force: true }).catch(() => undefined)
    throw unusable(path, cause)
  }
}

/** Makes the new name durable too. Windows cannot open folders, and does not need it. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function opened(path: string) {
  const handle = await open(path, 'r')
  return { handle, [Symbol.asyncDispose]: () => handle.close() }
}

/** Windows has no such bits: every file looks readable by all, and its folders are private to the user. */
function isExposed(mode: number): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function unusable(path: string, cause: unknown): XmtpError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new XmtpError('client.keyStore.unusable', `${path} cannot be used (${why}).`, { cause })
}
