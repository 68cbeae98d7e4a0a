import type { CodecRegistry, Compressor } from '@xmtp-ts/content'
import type { Address, KeyBundleVerifier, PrivateKeyBundle, XmtpError } from '@xmtp-ts/protocol'
import { msToNs, type Environment } from '../environment.ts'
import type { MessageApi } from '../network/message-api.ts'
import type { PublishToken } from '../network/publish-token.ts'

/** An envelope that was not what its topic is for, and why it was left out. No stream or list ends for it. */
export type Problem = {
  readonly error: XmtpError
  readonly topic: string
  readonly timestampNs: bigint
  /** Hex, when the envelope is a message. */
  readonly messageId?: string | undefined
}

/** What the functions of this folder work with: an account's keys, the network, and the app's choices. */
export type Session = {
  readonly account: Address
  readonly keys: PrivateKeyBundle
  readonly api: MessageApi
  readonly token: PublishToken
  readonly environment: Environment
  /** Aborts when the client is closed. */
  readonly signal: AbortSignal
  readonly verify: KeyBundleVerifier
  readonly codecs: CodecRegistry
  readonly compressor: Compressor
  /** What compressed content may inflate to, bytes. */
  readonly maxContentBytes: number
  readonly report: (problem: Problem) => void
  /** The time for the next thing we send: the clock, but never the same time twice, so that order is kept. */
  readonly timestampNs: () => bigint
}

/** A clock in nanoseconds that never stands still nor goes back. */
export function createTimestamps({ nowMs }: Environment): () => bigint {
  let last = 0n
  return () => {
    const now = msToNs(nowMs())
    last = now > last ? now : last + 1n
    return last
  }
}
