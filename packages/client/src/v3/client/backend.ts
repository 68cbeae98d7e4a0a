import { XmtpError } from '@xmtp-ts/protocol'
import { systemEnvironment, type Environment } from '../../environment.ts'
import { grpcWebTransport } from '../../transport/grpc-web.ts'
import type { Transport } from '../../transport/transport.ts'
import { openNetwork, type Network } from '../open-core.ts'

/** `local` is a node that `xmtp-ts node` runs here. The others need an `apiUrl` of somebody who runs them. */
export type XmtpEnv =
  | 'local'
  | 'dev'
  | 'production'
  | 'testnet-staging'
  | 'testnet-dev'
  | 'testnet'
  | 'mainnet'

export type NetworkOptions = {
  /** `local` unless given. */
  readonly env?: XmtpEnv | undefined
  /** The URL of a node that speaks gRPC-Web; goes before `env`. */
  readonly apiUrl?: string | undefined
  /** Told to the node, as `name/version`. */
  readonly appVersion?: string | undefined
  /** How to reach the node; goes before `apiUrl`. */
  readonly transport?: Transport | undefined
  /** Time and chance; the system's unless given. */
  readonly environment?: Environment | undefined
}

/** A node, and how to reach it: for several clients, and for what needs none. */
export type Backend = {
  readonly env: XmtpEnv
  readonly appVersion: string
  readonly transport: Transport
  readonly environment: Environment
}

export const ApiUrls = { local: 'http://127.0.0.1:5556' } as const

/** Where archives go, as `@xmtp/node-sdk` has it; `local` is the service that `xmtp-ts node` runs here. */
export const HistorySyncUrls = {
  local: 'http://127.0.0.1:5558',
  dev: 'https://message-history.dev.ephemera.network',
  production: 'https://message-history.production.ephemera.network',
  'testnet-staging': 'https://message-history.dev.ephemera.network',
  'testnet-dev': 'https://message-history.dev.ephemera.network',
  testnet: 'https://message-history.dev.ephemera.network',
  mainnet: 'https://message-history.production.ephemera.network',
} as const satisfies Readonly<Record<XmtpEnv, string>>

/** The history service of a client; undefined: none. @param named by the app; null for none */
export function historyUrlOf(env: XmtpEnv, named: string | null | undefined): string | undefined {
  return named === undefined ? HistorySyncUrls[env] : (named ?? undefined)
}

/** @throws XmtpError `client.env.gone`, or `client.network.unreachable` for an `apiUrl` that is none */
export async function createBackend(options: NetworkOptions = {}): Promise<Backend> {
  return backendOf(options)
}

/** As `createBackend`, from any form that options have. */
export function backendOf(
  options: XmtpEnv | Backend | NetworkOptions | { readonly backend: Backend } = {},
): Backend {
  if (typeof options === 'string') return backendOf({ env: options })
  if ('backend' in options) return options.backend
  const { env = 'local', appVersion = '0.0.0', environment = systemEnvironment } = options
  const url = 'apiUrl' in options ? options.apiUrl : undefined
  const transport = options.transport ?? grpcWebTransport({ url: url ?? urlOf(env) })
  return { env, appVersion, transport, environment }
}

/** The calls of a node. They end when `signal` aborts. */
export function networkOf(
  { transport, appVersion, environment }: Backend,
  signal?: AbortSignal,
): Network {
  return openNetwork({ transport, appVersion, environment, signal })
}

function urlOf(env: XmtpEnv): string {
  if (env === 'local') return ApiUrls.local
  throw new XmtpError('client.env.gone', `The address of the network ${env} is not known here.`)
}
