import { Envelope } from '@xmtp-ts/proto/message_api/v1/message_api'
import fc from 'fast-check'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { checkEnvelope } from '../ingest/check.ts'
import { createIngest, type Ingest } from '../ingest/ingest.ts'
import { maxQueuedEnvelopes } from '../limits.ts'
import type { EnvelopeLog } from '../log/log.ts'
import { openMemoryLog } from '../log/memory.ts'
import { silentLogger } from '../logger.ts'
import { createFeed, type EnvelopeFeed } from './envelope-feed.ts'
import { parseResumeToken, resumeToken } from './resume-token.ts'
import type { Subscription, Taken } from './subscription.ts'

const topicA = '/xmtp/0/m-a/proto'
const topicB = '/xmtp/0/m-b/proto'
const ephemeral = '/xmtp/0/mE-a/proto'

type Parts = {
  log: EnvelopeLog
  feed: EnvelopeFeed
  publish: (topic: string, time: number) => Promise<void>
}

async function open(): Promise<Parts> {
  const log = openMemoryLog()
  const feed = await createFeed(log, silentLogger)
  const ingest: Ingest = createIngest(log, feed)
  return { log, feed, publish: (topic, time) => ingest([envelope(topic, time)]) }
}

function envelope(contentTopic: string, time: number) {
  return checkEnvelope({ contentTopic, timestampNs: BigInt(time), message: new Uint8Array(8) }, 0)
}

/** Reads until `count` envelopes came. */
async function take(subscription: Subscription, count: number): Promise<Taken[]> {
  const taken: Taken[] = []
  for await (const batch of subscription.batches()) {
    taken.push(...batch)
    if (taken.length >= count) break
  }
  return taken
}

const times = (taken: readonly Taken[]): number[] =>
  taken.map(({ delivery }) => Number(Envelope.decode(delivery.bytes).timestampNs))

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

describe('a subscription', () => {
  it('gets what comes after it, of its own topics, in order', async () => {
    const { feed, log, publish } = await open()
    await publish(topicA, 1)
    const subscription = feed.subscribe({ topics: [topicA], after: await log.head() })
    await publish(topicB, 2)
    for (const time of [5, 3, 4]) await publish(topicA, time)
    expect(times(await take(subscription, 3))).toEqual([5, 3, 4])
  })

  it('B17: gets an exact duplicate once, stored or ephemeral', async () => {
    const { feed, publish } = await open()
    const subscription = feed.subscribe({ topics: [topicA, ephemeral], after: 0 })
    for (const topic of [topicA, topicA, ephemeral, ephemeral]) await publish(topic, 1)
    await publish(topicA, 2)
    await publish(ephemeral, 3)
    await nextTurn()
    expect(times(await take(subscription, 4)).toSorted()).toEqual([1, 1, 2, 3])
  })

  it('follows everything once with *, also beside a topic of its own', async () => {
    const { feed, publish } = await open()
    const subscription = feed.subscribe({ topics: ['*', topicA, 'other'], after: 0 })
    await publish(topicA, 1)
    await publish('/xmtp/mls/1/g-1/proto', 2)
    await publish('other', 3)
    await publish(topicB, 4)
    expect(times(await take(subscription, 3))).toEqual([1, 3, 4])
  })

  it('begins anywhere in the log without gap or double while envelopes come in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 0, max: 30 }),
        fc.nat({ max: 5 }),
        async (before, after, during, turns) => {
          const { feed, log, publish } = await open()
          for (const time of range(0, before)) await publish(topicA, time)
          const from = Math.min(after, before)
          const subscription = feed.subscribe({ topics: [topicA], after: from })
          const writing = (async () => {
            for (const time of range(before, before + during)) {
              await publish(topicA, time)
              if (time % 3 < turns) await nextTurn()
            }
          })()
          const expected = before + during - from
          const taken = expected > 0 ? await take(subscription, expected) : []
          await writing
          await nextTurn()
          expect(times(taken)).toEqual(range(from, before + during))
          expect(taken.at(-1)?.position ?? (await log.head())).toBe(await log.head())
          await feed[Symbol.asyncDispose]()
        },
      ),
      { numRuns: 60, seed: 11 },
    )
  })

  it('B6: gets everything in order when it pauses, and does not keep it in memory', async () => {
    const { feed, log } = await open()
    const subscription = feed.subscribe({ topics: [topicA], after: 0 })
    const reader = subscription.batches()
    for (const round of range(0, 50))
      await log.append(range(0, 1000).map((index) => envelope(topicA, round * 1000 + index)))
    await nextTurn()
    const sizes: number[] = []
    const got: number[] = []
    while (got.length < 50_000) {
      const { value } = await reader.next()
      sizes.push(value!.length)
      got.push(...times(value!))
    }
    expect(got).toEqual(range(0, 50_000))
    expect(Math.max(...sizes)).toBeLessThanOrEqual(maxQueuedEnvelopes)
  })

  it('ends with an error when ephemeral envelopes overflow: they cannot be read again', async () => {
    const { feed, publish } = await open()
    const subscription = feed.subscribe({ topics: [ephemeral], after: 0 })
    for (const time of range(0, maxQueuedEnvelopes + 1)) await publish(ephemeral, time)
    await expect(take(subscription, 1)).rejects.toMatchObject({ code: 'node.stream.tooSlow' })
    expect(feed.subscriptions).toBe(0)
  })

  it('B16: misses nothing on topics that stay while the set changes under load', async () => {
    const { feed, log, publish } = await open()
    const subscription = feed.subscribe({ topics: [topicA], after: 0 })
    const writing = (async () => {
      for (const time of range(0, 2000)) await publish(topicA, time)
    })()
    const changing = (async () => {
      for (const round of range(0, 1000)) {
        subscription.replace([topicA, `/xmtp/0/m-${round}/proto`], await log.head())
        await nextTurn()
      }
    })()
    expect(times(await take(subscription, 2000))).toEqual(range(0, 2000))
    await Promise.all([writing, changing])
  })

  it('gets nothing of topics that it left, and new topics from the change on', async () => {
    const { feed, log, publish } = await open()
    const subscription = feed.subscribe({ topics: [topicA], after: 0 })
    await publish(topicB, 1)
    subscription.replace([topicB], await log.head())
    await publish(topicA, 2)
    await publish(topicB, 3)
    expect(times(await take(subscription, 1))).toEqual([3])
    expect(feed.topics).toBe(0)
  })

  it('names with an ephemeral envelope only what was delivered before it', async () => {
    const { feed, publish } = await open()
    await publish(topicA, 1)
    const subscription = feed.subscribe({ topics: [topicA, ephemeral], after: 0 })
    await publish(ephemeral, 2)
    await publish(topicA, 3)
    const taken = await take(subscription, 3)
    const positions = new Map(times(taken).map((time, index) => [time, taken[index]!.position]))
    expect(positions).toEqual(
      new Map([
        [1, 1],
        [2, 1],
        [3, 2],
      ]),
    )
  })

  it('ends when it is closed while it waits, and when the node closes', async () => {
    const { feed } = await open()
    const left = feed.subscribe({ topics: [], after: 0 })
    const reading = take(left, 1)
    left.close()
    expect(await reading).toEqual([])
    const cut = take(feed.subscribe({ topics: [topicA], after: 0 }), 1)
    await feed[Symbol.asyncDispose]()
    await expect(cut).rejects.toMatchObject({ code: 'node.closing' })
    expect(() => feed.subscribe({ topics: [], after: 0 })).toThrow('shutting down')
  })

  it('B5: costs its topic only', async () => {
    const { feed, publish } = await open()
    for (const index of range(0, 5000))
      feed.subscribe({ topics: range(0, 10).map((n) => `/xmtp/0/m-${index}-${n}/proto`), after: 0 })
    const startedMs = performance.now()
    for (const time of range(0, 2000)) await publish(topicA, time)
    // Walking 5,000 subscriptions for each would take seconds.
    expect(performance.now() - startedMs).toBeLessThan(1000)
  })
})

describe('a resume token', () => {
  const id = new Uint8Array(8).fill(7)
  it('is its log and its sequence', () => {
    expect(parseResumeToken(resumeToken(id, 5), { id, head: 9 })).toBe(5)
  })
  it.each([
    ['of another log', resumeToken(new Uint8Array(8), 5), 'node.resume.foreign'],
    ['ahead of the log', resumeToken(id, 10), 'node.resume.foreign'],
    ['of another length', new Uint8Array(15), 'node.resume.malformed'],
  ])('is refused when %s', (_, token, code) => {
    expect(() => parseResumeToken(token, { id, head: 9 })).toThrow(
      expect.objectContaining({ code }),
    )
  })
})
