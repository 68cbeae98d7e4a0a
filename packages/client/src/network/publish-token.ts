import { createToken, type Address, type PrivateKey } from '@xmtp-ts/protocol'
import { msToNs, type Environment } from '../environment.ts'
import { tokenLifetimeMs } from '../limits.ts'
import { base64 } from './base64.ts'

/** The right to publish, as a header value. */
export type PublishToken = {
  /** `Bearer <base64>`, made anew when it is older than 50 minutes. */
  readonly current: () => string
  /** Forgets the token: the node did not accept it. */
  readonly renew: () => void
}

/** Tokens of one account (v1-v2 §17). */
export function createPublishToken(options: {
  readonly identityKey: PrivateKey
  readonly account: Address
  readonly environment: Environment
}): PublishToken {
  const { identityKey, account: wallet, environment } = options
  let made: { readonly header: string; readonly atMs: number } | undefined
  return {
    current() {
      const nowMs = environment.nowMs()
      // A clock that was set back makes the token newer than now.
      if (made === undefined || Math.abs(nowMs - made.atMs) > tokenLifetimeMs) {
        const token = createToken(identityKey, { wallet, nowNs: msToNs(nowMs) })
        made = { header: `Bearer ${base64(token)}`, atMs: nowMs }
      }
      return made.header
    },
    renew() {
      made = undefined
    },
  }
}
