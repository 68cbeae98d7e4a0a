import { XmtpError, type Address } from '@xmtp-ts/protocol'
import { limitWindowMs, maxBuckets } from '../limits.ts'
import { refilled, waitMs, type Bucket, type BucketRate } from './bucket.ts'
import type { Client } from './client.ts'

export type Use = { readonly kind: 'read' | 'write'; readonly cost: number }

/** Counts what clients use and refuses what is above their share (node-api §5). */
export type Limiter = {
  /** Spends from the bucket of the client's address. @throws XmtpError `node.limit.exceeded` */
  spend(client: Client, use: Use): void
  /** Spends from the bucket of a wallet whose token was verified. @throws XmtpError `node.limit.exceeded` */
  spendOfWallet(wallet: Address, use: Use & { readonly client: Client }): void
  readonly buckets: number
}

export type LimiterOptions = {
  readonly readsPerWindow: number
  readonly writesPerWindow: number
  /** Whether clients on this machine are counted too. */
  readonly countsLoopback: boolean
  readonly nowMs: () => number
}

const suffix = { read: 'DEF', write: 'PUB' } as const

export function createLimiter(options: LimiterOptions): Limiter {
  const rates: Readonly<Record<Use['kind'], BucketRate>> = {
    read: { capacity: options.readsPerWindow, windowMs: limitWindowMs },
    write: { capacity: options.writesPerWindow, windowMs: limitWindowMs },
  }
  // In the order of last use, so that the first ones are those to forget.
  const buckets = new Map<string, Bucket>()

  const spendFrom = (name: string, { kind, cost }: Use): void => {
    if (cost === 0) return
    const rate = rates[kind]
    const nowMs = options.nowMs()
    const bucket = refilled(
      buckets.get(name) ?? { tokens: rate.capacity, atMs: nowMs },
      rate,
      nowMs,
    )
    const isEnough = bucket.tokens >= cost
    buckets.delete(name)
    buckets.set(name, isEnough ? { ...bucket, tokens: bucket.tokens - cost } : bucket)
    forgetOldest(buckets, nowMs)
    if (isEnough) return
    const retryAfterSeconds = Math.max(1, Math.ceil(waitMs(bucket, rate, cost) / 1_000))
    throw new XmtpError('node.limit.exceeded', `${cost} exceeds the rate limit ${name}.`, {
      details: { text: `${cost} exceeds rate limit ${name}`, retryAfterSeconds },
    })
  }

  return {
    spend: (client, use) => {
      if (client.isLoopback && !options.countsLoopback) return
      spendFrom(`R${client.address}${suffix[use.kind]}`, use)
    },
    spendOfWallet: (wallet, { client, kind, cost }) => {
      if (client.isLoopback && !options.countsLoopback) return
      spendFrom(`R${wallet}${suffix[kind]}`, { kind, cost })
    },
    get buckets() {
      return buckets.size
    },
  }
}

/** Buckets untouched for a window are full again, so forgetting them changes nothing; beyond the bound it does. */
function forgetOldest(buckets: Map<string, Bucket>, nowMs: number): void {
  for (const [name, { atMs }] of buckets) {
    if (buckets.size <= maxBuckets && nowMs - atMs < limitWindowMs) return
    buckets.delete(name)
  }
}
