import { randomBytes } from 'node:crypto'
import { link, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { writeSecretFile } from '@xmtp-ts/client/node'
import { XmtpError } from '@xmtp-ts/client'
import type { Io } from './io.ts'

/** A file of this program's settings: `$XDG_CONFIG_HOME/xmtp-ts`, or `~/.config/xmtp-ts`. */
export function settingsFile(name: string, io: Pick<Io, 'env'>): string {
  return userFile(name, { folder: io.env['XDG_CONFIG_HOME'], fallback: '.config' }, io)
}

/** A file of this program's data: `$XDG_DATA_HOME/xmtp-ts`, or `~/.local/share/xmtp-ts`. */
export function dataFile(name: string, io: Pick<Io, 'env'>): string {
  return userFile(name, { folder: io.env['XDG_DATA_HOME'], fallback: '.local/share' }, io)
}

/**
 * Makes a file with 32 random bytes in hex, for its owner only, and never touches one that is there: of two processes at
 * once the first one makes it.
 * @returns whether this call made it
 * @throws XmtpError `client.keyStore.unusable`
 */
export async function createSecretFile(path: string): Promise<boolean> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.draft`
  // All but about one in 2^128 strings of 32 bytes are wallet keys too.
  await writeSecretFile(draft, new TextEncoder().encode(`${randomBytes(32).toString('hex')}\n`))
  try {
    await link(draft, path)
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new XmtpError('client.keyStore.unusable', `${path} cannot be made (${why}).`, { cause })
  } finally {
    await rm(draft, { force: true })
  }
}

const secretShape = /^(?:0x)?([0-9a-fA-F]{64})$/

/** 64 hex digits without `0x`, in lower case; undefined for anything else. */
export function parseSecret(text: string): string | undefined {
  return secretShape.exec(text.trim())?.[1]?.toLowerCase()
}

/** What is not set and what is empty are the same (XDG Base Directory Specification). */
function userFile(
  name: string,
  { folder, fallback }: { readonly folder: string | undefined; readonly fallback: string },
  { env }: Pick<Io, 'env'>,
): string {
  const isSet = folder !== undefined && folder !== ''
  return join(isSet ? folder : join(env['HOME'] ?? homedir(), fallback), 'xmtp-ts', name)
}
