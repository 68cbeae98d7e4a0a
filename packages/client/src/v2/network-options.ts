import { XmtpError } from '@xmtp-ts/protocol'
import { systemEnvironment, type Environment } from '../environment.ts'
import { createMessageApi, type MessageApi } from '../network/message-api.ts'
import { grpcWebTransport } from '../transport/grpc-web.ts'
import type { Transport } from '../transport/transport.ts'
import { clientVersion } from '../version.ts'

/** `dev` and `production` were switched off in 2025; they need an `apiUrl` of somebody who runs them. */
export type XmtpEnv = 'local' | 'dev' | 'production'

export type NetworkOptions = {
  /** `local` unless given: the node that `xmtp-ts node` runs. */
  readonly env?: XmtpEnv | undefined
  /** The URL of a node; goes before `env`. */
  readonly apiUrl?: string | undefined
  /** Told to the node, as `name/version`. */
  readonly appVersion?: string | undefined
  /** How to reach the node; goes before `apiUrl`. */
  readonly transport?: Transport | undefined
  /** Time and chance; the system's unless given. */
  readonly environment?: Environment | undefined
}

export type Network = { readonly api: MessageApi; readonly environment: Environment }

const localUrl = 'http://127.0.0.1:5555'

/** @throws XmtpError `client.env.gone`, or `client.network.unreachable` for an `apiUrl` that is none */
export function openNetwork(options: NetworkOptions, signal?: AbortSignal): Network {
  const environment = options.environment ?? systemEnvironment
  const api = createMessageApi({
    transport: options.transport ?? grpcWebTransport({ url: nodeUrl(options) }),
    headers: {
      'x-client-version': clientVersion,
      ...(options.appVersion === undefined ? {} : { 'x-app-version': options.appVersion }),
    },
    environment,
    signal,
  })
  return { api, environment }
}

function nodeUrl({ env = 'local', apiUrl }: NetworkOptions): string {
  if (apiUrl !== undefined) return apiUrl
  if (env !== 'local')
    throw new XmtpError('client.env.gone', `The network ${env} does not carry V2 any more.`)
  return localUrl
}
