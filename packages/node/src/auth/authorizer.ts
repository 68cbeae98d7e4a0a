import { topicOwner, XmtpError, type Address } from '@xmtp-ts/protocol'
import type { Client } from '../limit/client.ts'
import { createTokenReader, type VerifyToken } from './token.ts'

/** Which publishes need a token: those to topics with an owner, all, or none. One that comes is always verified. */
export type TokenPolicy = 'owned' | 'all' | 'off'

export type AuthorizerOptions = {
  readonly tokens: TokenPolicy
  /** May publish to everyone's contact and private store topics. */
  readonly privilegedWallets: ReadonlySet<string>
  /** Lower case. */
  readonly deniedWallets: ReadonlySet<string>
  /** As in `Client.address`. */
  readonly deniedAddresses: ReadonlySet<string>
  readonly nowNs: () => bigint
  readonly verifyToken: VerifyToken
}

/** Decides who may do what (node-api §4). */
export type Authorizer = {
  /** @throws XmtpError `node.auth.denied` */
  checkClient(client: Client): void
  /**
   * The wallet behind an `authorization` header; undefined when there is none.
   * @throws XmtpError `token.*`, `node.auth.denied`
   */
  walletOf(authorization: string | undefined): Address | undefined
  /** @throws XmtpError `node.auth.missing`, `node.auth.restrictedTopic` */
  checkTopics(wallet: Address | undefined, topics: readonly string[]): void
}

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { tokens, privilegedWallets, deniedWallets, deniedAddresses } = options
  const readToken = createTokenReader(options)
  return {
    checkClient: ({ address }) => {
      if (deniedAddresses.has(address))
        throw new XmtpError('node.auth.denied', 'This address is blocked.', {
          details: { text: 'request blocked' },
        })
    },
    walletOf: (authorization) => {
      if (authorization === undefined) return undefined
      const wallet = readToken(authorization)
      if (deniedWallets.has(wallet.toLowerCase()))
        throw new XmtpError('node.auth.denied', 'This wallet is blocked.', {
          details: { text: 'wallet is deny listed' },
        })
      return wallet
    },
    checkTopics: (wallet, topics) => {
      if (tokens === 'off') return
      const owners = topics.map(topicOwner).filter((owner) => owner !== undefined)
      if (wallet === undefined) {
        if (tokens === 'owned' && owners.length === 0) return
        throw new XmtpError('node.auth.missing', 'This publish needs a token.', {
          details: { text: 'authorization token is not provided' },
        })
      }
      if (privilegedWallets.has(wallet) || owners.every((owner) => owner === wallet)) return
      throw new XmtpError('node.auth.restrictedTopic', 'The topic belongs to another wallet.', {
        details: { text: 'publishing to restricted topic' },
      })
    },
  }
}
