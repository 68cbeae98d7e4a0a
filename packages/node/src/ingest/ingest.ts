import type { EnvelopeFeed } from '../follow/envelope-feed.ts'
import type { CheckedEnvelope, EnvelopeLog } from '../log/log.ts'
import { isTransient } from './check.ts'

/** Takes checked envelopes in, from whichever side they come. */
export type Ingest = (envelopes: readonly CheckedEnvelope[]) => Promise<void>

/**
 * Appends what is stored, all or nothing, and then relays what is ephemeral. Subscribers learn of stored envelopes
 * from the log, not from here.
 */
export function createIngest(log: EnvelopeLog, feed: EnvelopeFeed): Ingest {
  return async (envelopes) => {
    const stored = envelopes.filter((envelope) => !isTransient(envelope))
    if (stored.length > 0) await log.append(stored)
    for (const envelope of envelopes) if (isTransient(envelope)) feed.relay(envelope)
  }
}
