import { Client, IdentifierKind } from '@xmtp-ts/client'
import { parseAddress } from '@xmtp-ts/client/v2'
import { networkOf, type NetworkOptions } from '../network.ts'
import type { Verb } from '../verb.ts'

/** Tells whether accounts have an inbox. Needs no key. Exit code 5 if one has none. */
export const canMessage: Verb<NetworkOptions, [addresses: string[]]> = async (
  options,
  { reporter },
  addresses,
) => {
  const wanted = addresses.map((text) => parseAddress(text))
  const answers = await Client.canMessage(
    wanted.map((address) => ({
      identifier: address.toLowerCase(),
      identifierKind: IdentifierKind.Ethereum,
    })),
    networkOf(options),
  )
  const reachable = wanted.map((address) => answers.get(address.toLowerCase()) === true)
  for (const [index, address] of wanted.entries())
    await reporter.result({
      json: { address, canMessage: reachable[index] === true },
      text: `${address}  ${reachable[index] === true ? 'yes' : 'no'}`,
    })
  return reachable.every((yes) => yes) ? 0 : 5
}
