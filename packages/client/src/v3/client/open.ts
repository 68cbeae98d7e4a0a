import { v3 } from '@xmtp-ts/protocol'
import { createInboxDirectory } from '../identity/directory.ts'
import { findCandidate, type Candidate, type RegisterParts } from '../identity/register.ts'
import type { Network } from '../open-core.ts'
import type { InboxSigner } from '../signer.ts'
import { backendOf, networkOf, type Backend } from './backend.ts'
import type { ClientOptions } from './options.ts'
import { countCalls, type Counted } from './statistics.ts'
import { openStore } from './store.ts'
import { sharedController } from '#platform'

/** What a client is made of; everything is open and ready. */
export type Opened = {
  readonly options: ClientOptions
  readonly backend: Backend
  readonly counted: Counted
  readonly parts: RegisterParts
  readonly network: Network
  readonly candidate: Candidate
  readonly signer: InboxSigner | undefined
  readonly controller: AbortController
}

/** What is there before it is known whose store is opened. */
export type Base = Omit<Opened, 'parts' | 'candidate' | 'signer'>

/** Whatever fails, no call goes on in the background. */
export async function opening<T>(
  options: ClientOptions,
  open: (base: Base) => Promise<T>,
): Promise<T> {
  const controller = sharedController()
  const backend = backendOf(options)
  const counted = countCalls(backend.transport)
  const network = networkOf({ ...backend, transport: counted.transport }, controller.signal)
  try {
    return await open({ options, backend, counted, network, controller })
  } catch (error) {
    controller.abort()
    throw error
  }
}

/**
 * Opens the store of an account, and its installation in it.
 * @throws XmtpError `client.store.*`, and as `findCandidate`
 */
export async function openStored(
  base: Base,
  identifier: v3.Identifier,
  signer: InboxSigner | undefined,
): Promise<Opened> {
  const { options, network, backend } = base
  const { identity, environment } = network
  const inboxId = async () => {
    const [named] = await identity.getInboxIds([identifier])
    return named ?? v3.deriveInboxId(identifier, options.nonce ?? v3.defaultInboxNonce)
  }
  const store = await openStore(options, { env: backend.env, inboxId })
  try {
    const inboxes = createInboxDirectory({ store, api: identity })
    const { onWarning } = options
    const parts: RegisterParts = { ...network, store, inboxes, environment, onWarning }
    const candidate = await findCandidate(parts, identifier, { nonce: options.nonce })
    return { ...base, parts, candidate, signer }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}
