import { XmtpError } from '@xmtp-ts/client'
import { readSecretFile } from '@xmtp-ts/client/node'
import { toSigner } from '@xmtp-ts/client/v2'
import type { Io } from './io.ts'
import { createSecretFile, parseSecret, settingsFile } from './secret-file.ts'

export type KeyOptions = { readonly keyFile?: string | undefined }

/** A wallet key and where it came from. */
export type WalletKey = {
  /** 64 hex digits. Never printed. */
  readonly hex: string
  /** The file; undefined when the key came from XMTP_WALLET_KEY. */
  readonly file: string | undefined
}

/** A wallet key with its account. */
export type Wallet = WalletKey & { /** EIP-55 */ readonly address: string }

/** `--key-file`, or `wallet.key` in this program's folder of the user's settings. */
export function keyFilePath({ keyFile }: KeyOptions, io: Io): string {
  return keyFile ?? settingsFile('wallet.key', io)
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

/** The wallet key, and whose it is. @throws XmtpError as `readWalletKey`, `client.signer.unusable` */
export async function readWallet(options: KeyOptions, io: Io): Promise<Wallet> {
  return withAddress(await readWalletKey(options, io))
}

export async function withAddress<Key extends WalletKey>(key: Key): Promise<Key & Wallet> {
  const { account } = await toSigner(key.hex)
  return { ...key, address: account }
}

/** The same; makes a key and its file where there is none. Never touches a file that is there. */
export async function readOrCreateWalletKey(
  options: KeyOptions,
  io: Io,
): Promise<WalletKey & { readonly isNew: boolean }> {
  const known = await findWalletKey(options, io)
  if (known !== undefined) return { ...known, isNew: false }
  const isNew = await createSecretFile(keyFilePath(options, io))
  return { ...(await readWalletKey(options, io)), isNew }
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
  const hex = parseSecret(text)
  if (hex === undefined) throw new XmtpError('cli.key.malformed', `${place} holds no wallet key.`)
  return hex
}
