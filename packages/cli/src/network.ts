import { XmtpError } from '@xmtp-ts/client'

/** The options of every verb that speaks to a network. */
export type NetworkOptions = {
  readonly env: string
  readonly json?: boolean
}

/** A network as clients of V2 and V3 take it. */
export type Network = { readonly env: 'local' | 'dev' | 'production' } | { readonly apiUrl: string }

/** `local`, or the URL of a node. @throws XmtpError `cli.usage` */
export function networkOf({ env }: Pick<NetworkOptions, 'env'>): Network {
  if (env === 'local' || env === 'dev' || env === 'production') return { env }
  if (URL.canParse(env) && /^https?:$/.test(new URL(env).protocol)) return { apiUrl: env }
  throw new XmtpError('cli.usage', `--env is local or a URL, not ${JSON.stringify(env)}.`)
}
