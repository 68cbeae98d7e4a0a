import type { Authorizer } from '../auth/authorizer.ts'
import type { EnvelopeFeed } from '../follow/envelope-feed.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { Limiter } from '../limit/limiter.ts'
import type { EnvelopeLog } from '../log/log.ts'
import type { Metrics } from '../metrics.ts'

/** What the methods of the API work with. */
export type Services = {
  readonly log: EnvelopeLog
  readonly feed: EnvelopeFeed
  readonly ingest: Ingest
  readonly authorizer: Authorizer
  readonly limiter: Limiter
  readonly metrics: Metrics
  readonly nowMs: () => number
}
