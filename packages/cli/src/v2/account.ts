import { Client } from '@xmtp-ts/client/v2'
import { networkOf, type NetworkOptions } from '../network.ts'
import type { Reporter } from '../report.ts'
import type { VerbContext } from '../verb.ts'
import { appVersion } from '../version.ts'
import { readWalletKey, type KeyOptions } from '../wallet-key.ts'

/** The options of every verb of V2 that speaks for an account. */
export type AccountOptions = NetworkOptions & KeyOptions

/** Opens the account of the wallet key; registers it if the network does not know it yet. */
export async function openAccount(
  options: AccountOptions,
  { io, reporter }: VerbContext,
): Promise<Client> {
  const { hex } = await readWalletKey(options, io)
  return createClient(hex, { options, reporter })
}

export async function createClient(
  walletKey: string,
  { options, reporter }: { options: AccountOptions; reporter: Reporter },
): Promise<Client> {
  return Client.create(walletKey, {
    ...networkOf(options),
    appVersion,
    preCreateIdentityCallback: async () => reporter.progress('Making keys for this account …'),
    onProblem: ({ topic, error }) =>
      reporter.progress(`Left out an envelope in ${topic}: ${error.message}`),
  })
}
