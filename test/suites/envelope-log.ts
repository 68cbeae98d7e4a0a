import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  checkEnvelope,
  type CheckedEnvelope,
  type EnvelopeLog,
  type LoggedEnvelope,
  type LogQuery,
} from '@xmtp-ts/node'

const topicA = '/xmtp/0/m-a/proto'
const topicB = '/xmtp/0/m-b/proto'
const maxUint64 = 2n ** 64n - 1n

/** What the port promises (log.ts). Every adapter runs it. */
export function envelopeLogSuite(name: string, open: () => Promise<EnvelopeLog>): void {
  describe(`${name} as an envelope log`, () => {
    let log: EnvelopeLog
    beforeEach(async () => {
      log = await open()
    })
    afterEach(async () => {
      await log[Symbol.asyncDispose]()
    })

    describe('append', () => {
      it('numbers envelopes in the order of the calls', async () => {
        const first = await log.append([envelope(topicA, 5n), envelope(topicB, 1n)])
        const second = await log.append([envelope(topicA, 2n)])
        expect([...first, ...second].map(({ isNew }) => isNew)).toEqual([true, true, true])
        const [a, b, c] = [...first, ...second].map(({ sequence }) => sequence)
        expect(a).toBeGreaterThan(0)
        expect(b).toBeGreaterThan(a!)
        expect(c).toBeGreaterThan(b!)
        expect(await log.head()).toBe(c)
      })

      it('takes the same envelope once, in one call, two calls, or two at a time', async () => {
        const [first, again] = await log.append([envelope(topicA, 1n), envelope(topicA, 1n)])
        expect(again).toEqual({ sequence: first!.sequence, isNew: false })
        const [[left], [right]] = await Promise.all([
          log.append([envelope(topicB, 7n)]),
          log.append([envelope(topicB, 7n)]),
        ])
        expect(left!.sequence).toBe(right!.sequence)
        expect([left!.isNew, right!.isNew]).toEqual([true, false])
        expect(await log.append([envelope(topicA, 1n)])).toEqual([
          { sequence: first!.sequence, isNew: false },
        ])
        expect(await log.count()).toBe(2)
      })

      it('tells the same payload at another time, and in another topic, apart', async () => {
        await log.append([envelope(topicA, 1n), envelope(topicA, 2n), envelope(topicB, 1n)])
        expect(await log.count()).toBe(3)
      })

      it('wakes after envelopes are visible, not for duplicates, and not when disposed of', async () => {
        const heads: Promise<number>[] = []
        const wake = log.onAppend(() => heads.push(log.head()))
        await log.append([envelope(topicA, 1n)])
        await log.append([envelope(topicA, 1n)])
        expect(await Promise.all(heads)).toEqual([await log.head()])
        wake[Symbol.dispose]()
        await log.append([envelope(topicA, 2n)])
        expect(heads).toHaveLength(1)
      })

      it('keeps every byte and every time', async () => {
        const payload = Uint8Array.from({ length: 256 }, (_, index) => index)
        const times = [0n, 1n, 2n ** 63n - 1n, 2n ** 63n, maxUint64]
        await log.append(times.map((time) => envelope(topicA, time, payload)))
        const { envelopes } = await log.query(query({ direction: 'ascending' }))
        expect(envelopes.map(({ timestampNs }) => timestampNs)).toEqual(times)
        for (const each of envelopes) expect([...each.payload]).toEqual([...payload])
        expect([...envelopes[0]!.digest]).toEqual([...envelope(topicA, 0n, payload).digest])
      })

      it('takes empty payloads, empty calls, and topics of any characters', async () => {
        const strange = 'test-\u0000 \u{1f600}\'"%'
        expect(await log.append([])).toEqual([])
        await log.append([envelope(strange, 1n, new Uint8Array())])
        const { envelopes } = await log.query(query({ topics: [strange] }))
        expect(envelopes.map(({ topic, payload }) => [topic, payload.length])).toEqual([
          [strange, 0],
        ])
      })
    })

    describe('query', () => {
      it('orders by time and then by digest as unsigned bytes, both ways', async () => {
        const same = Array.from({ length: 20 }, (_, index) =>
          envelope(topicA, 5n, Uint8Array.of(index)),
        )
        await log.append([...same, envelope(topicA, 4n), envelope(topicA, 6n)])
        const up = await log.query(query({ direction: 'ascending' }))
        const digests = up.envelopes.slice(1, -1).map(({ digest }) => Buffer.from(digest))
        expect(digests).toEqual([...digests].sort(Buffer.compare))
        const down = await log.query(query({ direction: 'descending' }))
        expect(sequences(down.envelopes)).toEqual(sequences(up.envelopes).reverse())
      })

      it('has inclusive bounds of time, and none at 0', async () => {
        await log.append([1n, 2n, 3n, maxUint64].map((time) => envelope(topicA, time)))
        const times = async (startNs: bigint, endNs: bigint): Promise<bigint[]> => {
          const page = await log.query(query({ startNs, endNs, direction: 'ascending' }))
          return page.envelopes.map(({ timestampNs }) => timestampNs)
        }
        expect(await times(2n, 3n)).toEqual([2n, 3n])
        expect(await times(0n, 2n)).toEqual([1n, 2n])
        expect(await times(3n, 0n)).toEqual([3n, maxUint64])
        expect(await times(maxUint64, maxUint64)).toEqual([maxUint64])
        expect(await times(3n, 2n)).toEqual([])
      })

      it('compares a cursor without a time by its digest alone', async () => {
        const all = [3n, 1n, 2n, 9n].map((time) => envelope(topicA, time))
        await log.append(all)
        const digest = all[1]!.digest
        for (const direction of ['ascending', 'descending'] as const) {
          const page = await log.query(
            query({ direction, cursor: { timestampNs: undefined, digest } }),
          )
          const sign = direction === 'ascending' ? 1 : -1
          const expected = all
            .filter((each) => Buffer.compare(each.digest, digest) * sign > 0)
            .map(({ timestampNs }) => timestampNs)
            .sort((a, b) => Number(a - b) * sign)
          expect(page.envelopes.map(({ timestampNs }) => timestampNs)).toEqual(expected)
        }
      })

      it('ends a page early at its bytes, with at least one envelope, and says so', async () => {
        await log.append([1n, 2n, 3n].map((time) => envelope(topicA, time, new Uint8Array(1000))))
        const page = await log.query(query({ maxBytes: 2500 }))
        expect([page.envelopes.length, page.isFull]).toEqual([2, true])
        const least = await log.query(query({ maxBytes: 0 }))
        expect([least.envelopes.length, least.isFull]).toEqual([1, true])
      })

      it('knows nothing of topics that nobody wrote to', async () => {
        const page = await log.query(query({ topics: ['/xmtp/0/m-none/proto'] }))
        expect(page).toEqual({ envelopes: [], isFull: false })
      })

      it('pages through any log exactly like sorting everything', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(
              fc.record({
                topic: fc.constantFrom(topicA, topicB, 'test-c', 'd'),
                time: fc.constantFrom(0n, 1n, 2n, 3n, maxUint64),
                byte: fc.integer({ min: 0, max: 3 }),
              }),
              { maxLength: 30 },
            ),
            fc.uniqueArray(fc.constantFrom(topicA, topicB, 'test-c', 'd', 'e'), { minLength: 1 }),
            fc.constantFrom('ascending' as const, 'descending' as const),
            fc.integer({ min: 1, max: 7 }),
            async (written, topics, direction, limit) => {
              const fresh = await open()
              const envelopes = written.map(({ topic, time, byte }) =>
                envelope(topic, time, Uint8Array.of(byte)),
              )
              for (const each of envelopes) await fresh.append([each])
              const paged = await pageThrough(fresh, query({ topics, direction, limit }))
              await fresh[Symbol.asyncDispose]()
              expect(paged.map(keyOf)).toEqual(sorted(envelopes, { topics, direction }))
            },
          ),
          { numRuns: 40, seed: 7 },
        )
      })
    })

    describe('read', () => {
      it('gives what was appended, in that order, between two sequences', async () => {
        const done = await log.append(
          [9n, 3n, 7n, 1n].map((time, index) => envelope(index % 2 ? topicB : topicA, time)),
        )
        const [first, second, third, fourth] = done.map(({ sequence }) => sequence)
        const read = async (topics: readonly string[] | 'all', after: number, until: number) =>
          sequences(await log.read({ topics, after, until, limit: 10 }))
        expect(await read('all', 0, fourth!)).toEqual([first, second, third, fourth])
        expect(await read('all', first!, third!)).toEqual([second, third])
        expect(await read([topicA], 0, fourth!)).toEqual([first, third])
        expect(await read([topicB, topicA], first!, fourth!)).toEqual([second, third, fourth])
        expect(await read('all', fourth!, fourth! + 10)).toEqual([])
        expect(
          sequences(await log.read({ topics: 'all', after: 0, until: fourth!, limit: 2 })),
        ).toEqual([first, second])
      })

      it('gives large envelopes in parts, without leaving any out', async () => {
        const large = Array.from({ length: 12 }, (_, index) =>
          envelope(topicA, BigInt(index), new Uint8Array(1_000_000).fill(index)),
        )
        for (const each of large) await log.append([each])
        for (const topics of ['all', [topicA]] as const) {
          const got: LoggedEnvelope[] = []
          for (;;) {
            const part = await log.read({
              topics,
              after: got.at(-1)?.sequence ?? 0,
              until: await log.head(),
              limit: 100,
            })
            if (part.length === 0) break
            expect(part.length).toBeLessThan(12)
            got.push(...part)
          }
          expect(got.map(({ timestampNs }) => timestampNs)).toEqual(
            large.map(({ timestampNs }) => timestampNs),
          )
        }
      })
    })

    describe('prune', () => {
      it('removes only what expires and is old, and never uses a sequence again', async () => {
        await log.append([
          { ...envelope(topicA, 1n), receivedMs: 10 },
          { ...envelope('test-x', 1n), receivedMs: 10 },
          { ...envelope('free', 2n), receivedMs: 20 },
          { ...envelope('free', 3n), receivedMs: 10 },
        ])
        const head = await log.head()
        expect(await log.prune(15, 1)).toBe(1)
        expect(await log.prune(15, 10)).toBe(1)
        expect(await log.prune(15, 10)).toBe(0)
        const rest = await log.query(query({ topics: [topicA, 'test-x', 'free'] }))
        expect(rest.envelopes.map(({ topic, timestampNs }) => [topic, timestampNs])).toEqual([
          ['free', 2n],
          [topicA, 1n],
        ])
        expect(await log.count()).toBe(2)
        const [next] = await log.append([envelope('test-x', 1n)])
        expect(next).toEqual({ sequence: head + 1, isNew: true })
        const left = await log.read({ topics: 'all', after: 0, until: head + 1, limit: 10 })
        expect(left).toHaveLength(3)
      })
    })

    it('has an id of its own', async () => {
      const other = await open()
      expect(log.id).toHaveLength(8)
      expect(Buffer.compare(log.id, other.id)).not.toBe(0)
      await other[Symbol.asyncDispose]()
    })

    it('is healthy', async () => {
      expect(await log.health()).toEqual({ ok: true })
    })
  })
}

/** An envelope as ingest hands it over. */
export function envelope(
  contentTopic: string,
  timestampNs: bigint,
  message: Uint8Array = Uint8Array.of(1, 2, 3),
): CheckedEnvelope {
  return checkEnvelope({ contentTopic, timestampNs, message }, 0)
}

function query(changes: Partial<LogQuery>): LogQuery {
  return {
    topics: [topicA],
    startNs: 0n,
    endNs: 0n,
    cursor: undefined,
    direction: 'descending',
    limit: 100,
    maxBytes: 1_000_000,
    ...changes,
  }
}

async function pageThrough(log: EnvelopeLog, first: LogQuery): Promise<LoggedEnvelope[]> {
  const all: LoggedEnvelope[] = []
  let next: LogQuery | undefined = first
  while (next !== undefined) {
    const { envelopes, isFull } = await log.query(next)
    all.push(...envelopes)
    const last = envelopes.at(-1)
    next = isFull && last !== undefined ? { ...first, cursor: last } : undefined
  }
  return all
}

type Keyed = Pick<CheckedEnvelope, 'topic' | 'timestampNs' | 'digest'>

function keyOf({ topic, timestampNs, digest }: Keyed): string {
  const time = timestampNs.toString().padStart(20, '0')
  return `${time} ${Buffer.from(digest).toString('hex')} ${topic}`
}

/** The same answer without any index: the slow, obvious way. */
function sorted(
  envelopes: readonly CheckedEnvelope[],
  { topics, direction }: Pick<LogQuery, 'topics' | 'direction'>,
): string[] {
  const keys = [
    ...new Set(envelopes.filter(({ topic }) => topics.includes(topic)).map(keyOf)),
  ].sort()
  return direction === 'ascending' ? keys : keys.reverse()
}

function sequences(envelopes: readonly LoggedEnvelope[]): number[] {
  return envelopes.map(({ sequence }) => sequence)
}
