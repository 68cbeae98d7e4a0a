import { XmtpError, type ErrorCode, type v3 } from '@xmtp-ts/protocol'
import type { Feed } from '../follow/feed.ts'
import type { Use } from '../limit/limiter.ts'
import type { V3Store } from '../log/v3-store.ts'
import type { IdentityVerifier } from '../verify/identity-verifier.ts'
import type { Call } from './method.ts'
import type { Services } from './services.ts'

/** What the methods of V3 work with. */
export type V3Services = Pick<Services, 'authorizer' | 'limiter' | 'metrics' | 'nowMs'> & {
  readonly store: V3Store
  readonly groupFeed: Feed
  readonly welcomeFeed: Feed
  /** Who asks the chains about contract wallets. */
  readonly contracts: v3.ContractVerifier
  readonly verifier: IdentityVerifier
  /** How long a Subscribe stream hears nothing before it pings, and waits for the answer. */
  readonly streamKeepaliveMs: number
}

/** Lets a caller in, and has it pay. @throws XmtpError `node.auth.denied`, `node.limit.exceeded` */
export function admit(
  { authorizer, limiter }: V3Services,
  { client }: Call,
  use: Use = { kind: 'read', cost: 1 },
): void {
  authorizer.checkClient(client)
  limiter.spend(client, use)
}

/** A refusal with the text that clients of the reference know. */
export function refusal(code: ErrorCode, text: string, cause?: unknown): XmtpError {
  return new XmtpError(code, `${text}.`, { details: { text }, cause })
}

/** The bound of a list in a request. @throws XmtpError `node.v3.none`, `node.v3.tooMany` */
export function checkCount(
  count: number,
  { max, none, what }: { readonly max: number; readonly none?: string; readonly what: string },
): void {
  if (count === 0 && none !== undefined) throw refusal('node.v3.none', none)
  if (count > max) throw refusal('node.v3.tooMany', `cannot exceed ${max} ${what}`)
}
