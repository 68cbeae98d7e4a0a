import { XmtpError, type ErrorCode, type v3 } from '@xmtp-ts/protocol'
import type { Feed } from '../follow/feed.ts'
import { maxV3AnswerBytes, topicsPerRead } from '../limits.ts'
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

/**
 * Reads what each of many keys leads to, and gives up when it is more than an answer may have: whoever asks for one long
 * thing ten thousand times shall not fill the memory.
 * @throws XmtpError `node.v3.answerTooLong`
 */
export async function readEach<Key, Found>(
  keys: readonly Key[],
  read: (keys: readonly Key[]) => Promise<readonly Found[]>,
  bytesOf: (found: Found) => number,
): Promise<readonly Found[]> {
  const all: Found[] = []
  let bytes = 0
  for (let from = 0; from < keys.length; from += topicsPerRead) {
    const found = await read(keys.slice(from, from + topicsPerRead))
    for (const each of found) bytes += bytesOf(each)
    if (bytes > maxV3AnswerBytes)
      throw refusal(
        'node.v3.answerTooLong',
        `cannot answer with more than ${maxV3AnswerBytes} bytes`,
      )
    all.push(...found)
  }
  return all
}

/** The bound of a list in a request. @throws XmtpError `node.v3.none`, `node.v3.tooMany` */
export function checkCount(
  count: number,
  { max, none, what }: { readonly max: number; readonly none?: string; readonly what: string },
): void {
  if (count === 0 && none !== undefined) throw refusal('node.v3.none', none)
  if (count > max) throw refusal('node.v3.tooMany', `cannot exceed ${max} ${what}`)
}
