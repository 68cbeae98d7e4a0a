import { Client, getInboxIdForIdentifier, IdentifierKind, XmtpError } from '@xmtp-ts/client'
import { networkOf, type Network, type NetworkOptions } from '../network.ts'
import { parseWho } from '../people.ts'
import { fieldsText } from '../show/fields.ts'
import { inboxReport } from '../show/inbox.ts'
import type { Verb } from '../verb.ts'

/** Shows the accounts and installations of anybody. Needs no key. */
export const inbox: Verb<NetworkOptions, [who: string]> = async (options, { reporter }, who) => {
  const network = networkOf(options)
  const [state] = await Client.fetchInboxStates([await inboxIdOf(who, network)], network)
  if (state === undefined) throw new TypeError('An inbox without state and without problem.')
  const { json, fields } = inboxReport(state)
  await reporter.result({ json, text: (screen) => fieldsText(fields, screen) })
}

/** @throws XmtpError `client.inbox.unknown`, `address.malformed` */
export async function inboxIdOf(name: string, network: Network): Promise<string> {
  const who = parseWho(name)
  if ('inboxId' in who) return who.inboxId
  const identifier = {
    identifier: who.address.toLowerCase(),
    identifierKind: IdentifierKind.Ethereum,
  }
  const inboxId = await getInboxIdForIdentifier(network, identifier)
  if (inboxId === null) throw new XmtpError('client.inbox.unknown', `${who.address} has no inbox.`)
  return inboxId
}
