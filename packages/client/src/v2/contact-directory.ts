import {
  contactTopic,
  encodeContactV1,
  encodeContactV2,
  equalKeyBundles,
  findContact,
  isLegacyBundle,
  publicKeyBundle,
  type Address,
  type KeyBundleVerifier,
  type VerifiedContact,
} from '@xmtp-ts/protocol'
import { contactPageEnvelopes, maxCachedContacts, maxContactEnvelopes } from '../limits.ts'
import type { Envelope, MessageApi } from '../network/message-api.ts'
import type { Session } from './session.ts'

/** Who is on the network, and with which public keys (v1-v2 §8). What was found is kept for the life of the client. */
export type ContactDirectory = {
  /** The newest contact that parses, verifies and belongs to the account; undefined when there is none. */
  readonly find: (account: Address) => Promise<VerifiedContact | undefined>
  /** The same for many at once, in their order. */
  readonly findAll: (
    accounts: readonly Address[],
  ) => Promise<readonly (VerifiedContact | undefined)[]>
  /** Has the next `find` ask the network. */
  readonly forget: (account: Address) => void
}

export function createContactDirectory(options: {
  readonly api: MessageApi
  readonly verify: KeyBundleVerifier
}): ContactDirectory {
  const known = new Map<Address, VerifiedContact>()
  const remember = (account: Address, contact: VerifiedContact | undefined) => {
    if (contact === undefined) return
    if (known.size >= maxCachedContacts) known.delete(known.keys().next().value ?? account)
    known.set(account, contact)
  }
  const find = async (account: Address) => {
    const contact = known.get(account) ?? (await lookUp(account, options))
    remember(account, contact)
    return contact
  }
  return {
    find,
    async findAll(accounts) {
      const unknown = [...new Set(accounts)].filter((account) => !known.has(account))
      const pages = await options.api.batchQuery(unknown.map(contactQuery))
      for (const [index, account] of unknown.entries()) {
        const page = pages[index] ?? []
        remember(account, contactIn(page, account, options.verify))
        // A page full of what is no contact: the good one may lie deeper.
        if (!known.has(account) && page.length === contactPageEnvelopes) await find(account)
      }
      return accounts.map((account) => known.get(account))
    },
    forget: (account) => void known.delete(account),
  }
}

/**
 * Publishes the account's public keys unless the newest contact has them already. In one request, the V2 form later
 * by a millisecond: nothing but its time makes it the newer one (v1-v2 §8).
 */
export async function publishContact(
  { account, keys, api, token, timestampNs, verify }: Session,
  { form }: { readonly form: 'both' | 'v1' },
): Promise<void> {
  const own = publicKeyBundle(keys)
  const published = await lookUp(account, { api, verify })
  if (published?.version === 'v2' && equalKeyBundles(published.keyBundle, own)) return
  const topic = contactTopic(account)
  const firstNs = timestampNs()
  const secondNs = firstNs + 1_000_000n
  const envelopes: Envelope[] = []
  if (isLegacyBundle(own))
    envelopes.push({ topic, timestampNs: firstNs, message: encodeContactV1(own) })
  if (form === 'both')
    envelopes.push({ topic, timestampNs: secondNs, message: encodeContactV2(own) })
  await api.publish(envelopes, token)
}

async function lookUp(
  account: Address,
  { api, verify }: { api: MessageApi; verify: KeyBundleVerifier },
): Promise<VerifiedContact | undefined> {
  let read = 0
  for await (const page of api.query(contactQuery(account))) {
    const contact = contactIn(page, account, verify)
    read += page.length
    if (contact !== undefined || read >= maxContactEnvelopes) return contact
  }
  return undefined
}

function contactIn(
  page: readonly Envelope[],
  owner: Address,
  verify: KeyBundleVerifier,
): VerifiedContact | undefined {
  return findContact(
    page.map(({ message }) => message).filter(({ length }) => length > 0),
    { owner, verify },
  )
}

function contactQuery(account: Address) {
  return {
    topics: [contactTopic(account)],
    direction: 'descending',
    pageSize: contactPageEnvelopes,
  } as const
}
