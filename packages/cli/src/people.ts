import { parseAddress } from '@xmtp-ts/client/v2'
import {
  IdentifierKind,
  XmtpError,
  type Client,
  type Identifier,
  type InboxState,
} from '@xmtp-ts/client'

/** Somebody, as far as this client can tell. */
export type Person = {
  readonly inboxId: string
  /** Of the account that may restore the inbox, EIP-55; null when the account is no address, or cannot be learnt. */
  readonly address: string | null
  /** All accounts, as `accountText` writes them. */
  readonly accounts: readonly string[]
  readonly isSelf: boolean
}

/** Who is who, looked up once for each inbox. */
export type People = {
  /** Never rejects for somebody who cannot be looked up: their inbox id says who they are. */
  readonly find: (inboxIds: readonly string[]) => Promise<ReadonlyMap<string, Person>>
}

export function openPeople(client: Client): People {
  const known = new Map<string, Person>()
  return {
    async find(inboxIds) {
      const missing = [...new Set(inboxIds)].filter((inboxId) => !known.has(inboxId))
      for (const person of await lookUp(client, missing)) known.set(person.inboxId, person)
      return known
    },
  }
}

/** One call for all; one for each when an inbox among them cannot be read. */
async function lookUp(client: Client, inboxIds: readonly string[]): Promise<readonly Person[]> {
  if (inboxIds.length === 0) return []
  try {
    const states = await client.preferences.getInboxStates(inboxIds)
    return states.map((state) => personOf(state, client))
  } catch (error) {
    if (!(error instanceof XmtpError)) throw error
    const [inboxId = '', ...others] = inboxIds
    const nobody = { inboxId, address: null, accounts: [], isSelf: inboxId === client.inboxId }
    if (others.length === 0) return [nobody]
    return (await Promise.all(inboxIds.map((one) => lookUp(client, [one])))).flat()
  }
}

/** The account that may restore an inbox stands for it. */
function personOf(
  { inboxId, recoveryIdentifier, identifiers }: InboxState,
  client: Client,
): Person {
  const account = [recoveryIdentifier, ...identifiers].find(
    ({ identifierKind }) => identifierKind === IdentifierKind.Ethereum,
  )
  return {
    inboxId,
    address: account === undefined ? null : accountText(account),
    accounts: identifiers.map(accountText),
    isSelf: inboxId === client.inboxId,
  }
}

/** An account as text: EIP-55, or the point of a passkey. */
export function accountText({ identifier, identifierKind }: Identifier): string {
  return identifierKind === IdentifierKind.Ethereum
    ? parseAddress(identifier)
    : `passkey:${identifier}`
}

/** `0x7E5F…5Bdf`, `you`, or the beginning of an inbox id. */
export function nameOf(person: Person | undefined, inboxId: string): string {
  if (person?.isSelf === true) return 'you'
  return shortAccount(person?.address ?? inboxId)
}

/** The same in full, for lists of people. */
export function fullNameOf(person: Person | undefined, inboxId: string): string {
  const account = person?.address ?? inboxId
  return person?.isSelf === true ? `${account} (you)` : account
}

export function shortAccount(account: string): string {
  return account.startsWith('0x')
    ? `${account.slice(0, 6)}…${account.slice(-4)}`
    : `${account.slice(0, 8)}…`
}

/** Digits of an id that tell it from others nearly always. */
const shortIdLength = 8

export function shortId(id: string): string {
  return id.slice(0, shortIdLength)
}

/** An address, or an inbox id. */
export type Who = { readonly address: string } | { readonly inboxId: string }

/** @throws XmtpError `address.malformed`, `v3.identity.inboxId.malformed` */
export function parseWho(text: string): Who {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return { inboxId: text.toLowerCase() }
  if (text.startsWith('0x')) return { address: parseAddress(text) }
  throw new XmtpError(
    'address.malformed',
    `${JSON.stringify(text.slice(0, 80))} is neither an address nor an inbox id.`,
  )
}

/** As methods of the client take people. @throws as `parseWho` */
export function recipientOf(text: string): string {
  const who = parseWho(text)
  return 'address' in who ? who.address : who.inboxId
}
