import { XmtpError } from '@xmtp-ts/protocol'
import { systemEnvironment, type Environment } from '../environment.ts'
import { createIdentityApi, type IdentityApi } from '../network/identity-api.ts'
import { createMlsApi, type MlsApi } from '../network/mls-api.ts'
import type { RecordStore } from '../store/record-store.ts'
import type { Transport } from '../transport/transport.ts'
import type { Core, Refusal } from './core.ts'
import { createConfirmations } from './delivery/confirmations.ts'
import { createFeed, type Feed } from './delivery/feed.ts'
import { createGroupCache } from './group/group-cache.ts'
import { createInboxDirectory } from './identity/directory.ts'
import { loadInstallation, type Installation } from './identity/installation.ts'
import { createKeyPackages } from './identity/key-packages.ts'
import { createSignals } from './signals.ts'

/** The version of libxmtp whose rules this client keeps, and which it tells nodes. */
export const libxmtpVersion = '1.10.0'

/** How to reach a node, before it is known who we are. */
export type Network = {
  readonly mls: MlsApi
  readonly identity: IdentityApi
  readonly environment: Environment
}

export type NetworkParts = {
  readonly transport: Transport
  /** As `name/version`. */
  readonly appVersion?: string | undefined
  readonly environment?: Environment | undefined
  readonly signal?: AbortSignal | undefined
}

export function openNetwork(parts: NetworkParts): Network {
  const { transport, appVersion = '0.0.0', environment = systemEnvironment, signal } = parts
  const options = {
    transport,
    headers: { 'x-app-version': appVersion, 'x-libxmtp-version': libxmtpVersion },
    environment,
    signal,
  }
  return { mls: createMlsApi(options), identity: createIdentityApi(options), environment }
}

export type CoreParts = {
  readonly network: Network
  readonly store: RecordStore
  readonly installation: Installation
  readonly syncsDevices: boolean
  readonly onRefused: (refusal: Refusal) => void
  readonly report: (error: unknown) => void
  readonly signal: AbortSignal
  /** `libxmtpVersion` unless given. */
  readonly protocolVersion?: string | undefined
}

/** Puts together what V3 works with, for an installation that has its keys. */
export function openCore(parts: CoreParts): { readonly core: Core; readonly feed: Feed } {
  const { network, store, installation, syncsDevices, onRefused, report, signal } = parts
  const { mls, identity, environment } = network
  const { inboxId, installationId, signingKey } = installation
  const self = { inboxId, installationId, signingKey }
  const confirmations = createConfirmations({
    core: () => core,
    isLive: () => feed.isLive(),
  })
  const core: Core = {
    store,
    mls,
    identity,
    environment,
    self,
    inboxes: createInboxDirectory({ store, api: identity }),
    keyPackages: createKeyPackages({ store, mls, environment, self }),
    groups: createGroupCache(store, self),
    signals: createSignals(),
    protocolVersion: parts.protocolVersion ?? libxmtpVersion,
    onRefused,
    // What a closed client leaves undone is no news.
    report(error) {
      if (!signal.aborted) report(error)
    },
    confirm: confirmations.confirm,
    confirmed: confirmations.confirmed,
    syncsDevices,
    hmacRootKey: () => readHmacRootKey(store),
    signal,
  }
  const feed = createFeed(core)
  return { core, feed }
}

async function readHmacRootKey(store: RecordStore): Promise<Uint8Array> {
  const installation = await loadInstallation(store)
  if (installation === undefined)
    throw new XmtpError('client.store.damaged', 'The record of this installation is gone.')
  return installation.hmacRootKey
}
