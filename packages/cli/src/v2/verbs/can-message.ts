import { Client } from '@xmtp-ts/client/v2'
import { networkOf, type NetworkOptions } from '../../network.ts'
import type { Verb } from '../../verb.ts'

/** Tells whether accounts are on the network. Needs no key. Exit code 5 if one is not. */
export const canMessage: Verb<NetworkOptions, [addresses: string[]]> = async (
  options,
  { reporter },
  addresses,
) => {
  const answers = await Client.canMessage(addresses, networkOf(options))
  for (const [index, address] of addresses.entries()) {
    const yes = answers[index] === true
    await reporter.result({
      json: { address, canMessage: yes },
      text: `${address}  ${yes ? 'yes' : 'no'}`,
    })
  }
  return answers.every((answer) => answer) ? 0 : 5
}
