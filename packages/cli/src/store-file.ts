import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ApiUrls, XmtpError } from '@xmtp-ts/client'
import { readSecretFile } from '@xmtp-ts/client/node'
import type { Io } from './io.ts'
import { networkOf, type NetworkOptions } from './network.ts'
import { createSecretFile, dataFile, parseSecret, settingsFile } from './secret-file.ts'

export type StoreOptions = { readonly db?: string | undefined }

/** Where an installation is kept. */
export type StoreFile = { readonly path: string; readonly exists: boolean }

/** `--db`, or a file for each network and account in this program's folder of the user's data. */
export function storeFileOf(
  options: StoreOptions & NetworkOptions,
  { address, io }: { readonly address: string; readonly io: Io },
): StoreFile {
  const file = `${networkName(options)}/${address.toLowerCase()}.db3`
  const path = resolve(options.db ?? dataFile(file, io))
  return { path, exists: existsSync(path) }
}

/**
 * The key that the user's stores are encrypted with: of XMTP_STORE_KEY, else of `store.key` beside the wallet key, made at
 * the first store. It is drawn by itself: whoever learns a wallet key cannot read a store with it, and the reverse.
 * @returns 64 hex digits; never printed
 * @throws XmtpError `cli.storeKey.missing` for a store whose key is gone, `cli.storeKey.malformed`,
 * `client.keyStore.exposed`, `client.keyStore.unusable`
 */
export async function readStoreKey({ path, exists }: StoreFile, io: Io): Promise<string> {
  const { XMTP_STORE_KEY: fromEnv = '' } = io.env
  if (fromEnv !== '') return parseKey(fromEnv, 'XMTP_STORE_KEY')
  const file = settingsFile('store.key', io)
  const found = await readSecretFile(file)
  if (found === undefined && exists)
    throw new XmtpError('cli.storeKey.missing', `There is no ${file}, the key of ${path}.`)
  if (found === undefined) await createSecretFile(file)
  const bytes = found ?? (await readSecretFile(file)) ?? new Uint8Array()
  return parseKey(new TextDecoder().decode(bytes), file)
}

function parseKey(text: string, place: string): string {
  const hex = parseSecret(text)
  if (hex === undefined)
    throw new XmtpError('cli.storeKey.malformed', `${place} holds no store key.`)
  return hex
}

/** `127.0.0.1_5556`: the same for `local` and its URL. */
function networkName(options: NetworkOptions): string {
  const network = networkOf(options)
  const url = 'apiUrl' in network ? network.apiUrl : network.env === 'local' && ApiUrls.local
  if (url === false) return options.env
  const { hostname, port, protocol, pathname } = new URL(url)
  const usualPort = protocol === 'https:' ? '443' : '80'
  const path = pathname === '/' ? '' : encodeURIComponent(pathname)
  return `${hostname}_${port || usualPort}${path}`.replaceAll(/[[\]:]/g, '-')
}
