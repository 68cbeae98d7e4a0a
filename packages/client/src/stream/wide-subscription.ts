import { limits, XmtpError } from '@xmtp-ts/protocol'
import type { Envelope } from '../network/message-api.ts'
import { createBackoff } from './backoff.ts'
import { openSubscription, type Subscription, type SubscriptionOptions } from './subscription.ts'

/** A subscription of any number of topics. */
export type WideSubscription = {
  /** As of `Subscription`; envelopes of one topic come in their order, those of different topics in any. */
  readonly envelopes: AsyncGenerator<Envelope, void>
  /**
   * Follows more topics; nothing of them that comes after it resolved is missed. For the reader to call, between two
   * envelopes. Waits for the node if it is away; ends quietly when `signal` aborts.
   */
  readonly addTopics: (topics: Iterable<string>) => Promise<void>
}

/** One of the connections behind a wide subscription. */
type Part = {
  readonly subscription: Subscription
  readonly topics: Set<string>
  /** An envelope is on its way, or here and not given to the reader yet. */
  isAsked: boolean
  settled:
    | { readonly result: IteratorResult<Envelope, void> }
    | { readonly error: unknown }
    | undefined
}

/**
 * Follows topics over as many subscriptions as they need: a node takes so many in one (v1-v2 §18). With one, nothing
 * stands between it and the reader.
 * @param maxTopics topics in one subscription
 * @throws XmtpError as `openSubscription`
 */
export async function openWideSubscription(
  options: SubscriptionOptions,
  maxTopics: number = limits.maxContentTopics,
): Promise<WideSubscription> {
  const open = async (topics: readonly string[]): Promise<Part> => ({
    subscription: await openSubscription({ ...options, topics }),
    topics: new Set(topics),
    isAsked: false,
    settled: undefined,
  })
  const first = [...new Set(options.topics)]
  const parts: Part[] = []
  for (let at = 0; at === 0 || at < first.length; at += maxTopics)
    parts.push(await open(first.slice(at, at + maxTopics)))
  return {
    envelopes: read(parts),
    async addTopics(topics) {
      for (const topic of new Set(topics)) {
        if (parts.some((part) => part.topics.has(topic))) continue
        const roomy = parts.find((part) => part.topics.size < maxTopics)
        if (roomy === undefined) {
          const part = await untilOpen(options, () => open([topic]))
          if (part !== undefined) parts.push(part)
        } else {
          roomy.topics.add(topic)
          roomy.subscription.addTopics([topic])
        }
      }
    },
  }
}

/** @returns undefined when the signal aborts before the node is there */
async function untilOpen(
  { environment, signal }: SubscriptionOptions,
  open: () => Promise<Part>,
): Promise<Part | undefined> {
  const backoff = createBackoff(environment)
  while (!signal.aborted) {
    try {
      return await open()
    } catch (error) {
      if (signal.aborted) break
      if (!(error instanceof XmtpError && error.retry)) throw error
      await environment.sleep(backoff.nextWaitMs(), signal)
    }
  }
  return undefined
}

/** @param parts may grow between two envelopes */
async function* read(parts: readonly Part[]): AsyncGenerator<Envelope, void> {
  for (let [only] = parts; only !== undefined && parts.length === 1; [only] = parts) {
    const result = await only.subscription.envelopes.next()
    if (result.done === true) return
    yield result.value
  }
  // A callback and no race of promises: a part that is quiet for weeks would collect every race.
  let wake: () => void = () => undefined
  try {
    // Taken in turns, so that a busy part does not starve the others.
    for (let turn = 0; ; turn = (turn + 1) % parts.length) {
      for (const part of parts) if (!part.isAsked) void ask(part).then(() => wake())
      const inTurn = [...parts.slice(turn), ...parts.slice(0, turn)]
      if (inTurn.every(({ settled }) => settled === undefined))
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      const part = inTurn.find(({ settled }) => settled !== undefined)
      const settled = part?.settled
      if (part === undefined || settled === undefined) continue
      if ('error' in settled) throw settled.error
      // A part ends when the signal aborts, and so do all.
      if (settled.result.done === true) return
      part.settled = undefined
      part.isAsked = false
      yield settled.result.value
    }
  } finally {
    for (const { subscription } of parts) void subscription.envelopes.return()
  }
}

/** Never rejects. */
async function ask(part: Part): Promise<void> {
  part.isAsked = true
  try {
    part.settled = { result: await part.subscription.envelopes.next() }
  } catch (error) {
    part.settled = { error }
  }
}
