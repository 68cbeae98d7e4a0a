import { Client, XmtpError, type ClientOptions } from '@xmtp-ts/client/v2'
import type { Io } from './io.ts'
import type { Reporter } from './report.ts'
import { cliVersion } from './version.ts'
import { readWalletKey, type KeyOptions } from './wallet-key.ts'

/** The options of every verb that speaks to a network. */
export type NetworkOptions = {
  readonly env: string
  readonly json?: boolean
}

/** The options of every verb that speaks for an account. */
export type AccountOptions = NetworkOptions & KeyOptions

/** `local`, or the URL of a node. @throws XmtpError `cli.usage` */
export function networkOptions(env: string): Pick<ClientOptions, 'env' | 'apiUrl'> {
  if (env === 'local' || env === 'dev' || env === 'production') return { env }
  if (/^https?:\/\//.test(env)) return { apiUrl: env }
  throw new XmtpError('cli.usage', `--env is local or a URL, not ${JSON.stringify(env)}.`)
}

/** Opens the account of the wallet key; registers it if the network does not know it yet. */
export async function openAccount(
  options: AccountOptions,
  { io, reporter }: { io: Io; reporter: Reporter },
): Promise<Client> {
  const { hex } = await readWalletKey(options, io)
  return createClient(hex, { options, reporter })
}

export async function createClient(
  walletKey: string,
  { options, reporter }: { options: AccountOptions; reporter: Reporter },
): Promise<Client> {
  return Client.create(walletKey, {
    ...networkOptions(options.env),
    appVersion: `xmtp-ts-cli/${cliVersion}`,
    preCreateIdentityCallback: async () => reporter.progress('Making keys for this account …'),
    onProblem: ({ topic, error }) =>
      reporter.progress(`Left out an envelope in ${topic}: ${error.message}`),
  })
}
