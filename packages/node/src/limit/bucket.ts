/** A token bucket: what was left at a time. */
export type Bucket = { readonly tokens: number; readonly atMs: number }

export type BucketRate = {
  /** What a full bucket holds, and what flows in per window. */
  readonly capacity: number
  readonly windowMs: number
}

/** What is in the bucket now. Flows in continuously, so that frequent callers get theirs too (B1). */
export function refilled(
  bucket: Bucket,
  { capacity, windowMs }: BucketRate,
  nowMs: number,
): Bucket {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs)
  return {
    tokens: Math.min(capacity, bucket.tokens + (elapsedMs * capacity) / windowMs),
    atMs: nowMs,
  }
}

/** How long until `cost` tokens are there; never in a bucket that small, then a whole window is named. */
export function waitMs(bucket: Bucket, { capacity, windowMs }: BucketRate, cost: number): number {
  if (cost > capacity) return windowMs
  return Math.max(0, ((cost - bucket.tokens) * windowMs) / capacity)
}
