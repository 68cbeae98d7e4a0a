import { XmtpError } from '@xmtp-ts/protocol'
import { listQuery, type ListMessagesOptions } from './options.ts'
import type { Session } from './session.ts'

/** An envelope as a node has it. */
export type ListedEnvelope = {
  readonly contentTopic: string
  /** Decimal nanoseconds. */
  readonly timestampNs: string
  readonly message: Uint8Array
}

/** What becomes of an envelope in a list. */
export type EnvelopeMapper<Out> = (envelope: ListedEnvelope) => Out | Promise<Out>

/** The envelopes of a topic through `map`, a page at a time; one for which it throws an XmtpError is reported. */
export async function* envelopePages<Out>(
  session: Session,
  topic: string,
  { map, options }: { map: EnvelopeMapper<Out>; options: ListMessagesOptions },
): AsyncGenerator<Out[], void> {
  for await (const page of session.api.query(listQuery(topic, options))) {
    const results: Out[] = []
    for (const { timestampNs, message } of page)
      try {
        const envelope = { contentTopic: topic, timestampNs: timestampNs.toString(), message }
        results.push(await map(envelope))
      } catch (error) {
        if (!(error instanceof XmtpError)) throw error
        session.report({ error, topic, timestampNs })
      }
    yield results
  }
}

/** The same as one list of at most `options.limit`. */
export async function listEnvelopes<Out>(
  session: Session,
  topic: string,
  { map, options }: { map: EnvelopeMapper<Out>; options: ListMessagesOptions },
): Promise<Out[]> {
  const { limit = Number.POSITIVE_INFINITY } = options
  const results: Out[] = []
  for await (const page of envelopePages(session, topic, { map, options })) {
    results.push(...page)
    if (results.length >= limit) return results.slice(0, limit)
  }
  return results
}
