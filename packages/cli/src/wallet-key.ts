import { randomBytes } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { readSecretFile, writeSecretFile } from '@xmtp-ts/client/node'
import { XmtpError } from '@xmtp-ts/client/v2'
import type { Io } from './io.ts'

export type KeyOptions = { readonly keyFile?: string | undefined }

/** A wallet key and where it came from. */
export type WalletKey = {
  /** 64 hex digits. Never printed. */
  readonly hex: string
  /** The file; undefined when the key came from XMTP_WALLET_KEY. */
  readonly file: string | undefined
}

const keyShape = /^(?:0x)?([0-9a-fA-F]{64})$/

/** `--key-file`, or `wallet.key` in this program's folder of the user's settings. */
export function keyFilePath({ keyFile }: KeyOptions, { env }: Io): string {
  if (keyFile !== undefined) return keyFile
  const { XDG_CONFIG_HOME: config, HOME: home } = env
  const folder = config === undefined || config === '' ? join(home ?? homedir(), '.config') : config
  return join(folder, 'xmtp-ts', 'wallet.key')
}

/**
 * The wallet key: of `--key-file` when it is given, else of XMTP_WALLET_KEY, else of the usual file.
 * @throws XmtpError `cli.key.missing`, `cli.key.malformed`, `client.keyStore.exposed`
 */
export async function readWalletKey(options: KeyOptions, io: Io): Promise<WalletKey> {
  const key = await findWalletKey(options, io)
  if (key !== undefined) return key
  throw new XmtpError('cli.key.missing', `There is no ${keyFilePath(options, io)}.`)
}

/** The same; makes a key and its file where there is none. Never touches a file that is there. */
export async function readOrCreateWalletKey(
  options: KeyOptions,
  io: Io,
): Promise<WalletKey & { readonly isNew: boolean }> {
  const known = await findWalletKey(options, io)
  if (known !== undefined) return { ...known, isNew: false }
  const file = keyFilePath(options, io)
  // All but about one in 2^128 strings of 32 bytes are keys.
  const hex = randomBytes(32).toString('hex')
  await writeSecretFile(file, new TextEncoder().encode(`${hex}\n`))
  return { hex, file, isNew: true }
}

async function findWalletKey(options: KeyOptions, io: Io): Promise<WalletKey | undefined> {
  const fromEnv = io.env['XMTP_WALLET_KEY'] ?? ''
  if (options.keyFile === undefined && fromEnv !== '')
    return { hex: parseKey(fromEnv, 'XMTP_WALLET_KEY'), file: undefined }
  const file = keyFilePath(options, io)
  const bytes = await readSecretFile(file)
  return bytes && { hex: parseKey(new TextDecoder().decode(bytes), file), file }
}

function parseKey(text: string, place: string): string {
  const hex = keyShape.exec(text.trim())?.[1]
  if (hex === undefined) throw new XmtpError('cli.key.malformed', `${place} holds no wallet key.`)
  return hex
}
