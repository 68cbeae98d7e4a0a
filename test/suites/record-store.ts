import { afterEach, describe, expect, it } from 'vitest'
import type {
  RecordBatch,
  RecordRange,
  RecordStore,
} from '../../packages/client/src/store/record-store.ts'
import { after, orderedSegment, underPrefix } from '../../packages/client/src/store/record-store.ts'
import { chanceOf } from '../support/chance.ts'

/** One place to keep records, and as many handles to it as wanted: what a file is to processes. */
export type RecordPlace = { readonly open: () => Promise<RecordStore> }

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : new TextDecoder().decode(value)
const put = (key: string, value = key) => ({ key, value: bytes(value) })
const ordered = (prefix: string, number: number) => `${prefix}${orderedSegment(BigInt(number))}`

/** What the port promises (client's record-store.ts). Every adapter runs it. */
export function recordStoreSuite(name: string, newPlace: () => Promise<RecordPlace>): void {
  describe(`${name} as a record store`, () => {
    const opened: RecordStore[] = []
    afterEach(async () => {
      for (const store of opened.splice(0)) await store[Symbol.asyncDispose]()
    })
    const handles = async (count: number): Promise<RecordStore[]> => {
      const place = await newPlace()
      const stores: RecordStore[] = []
      for (let index = 0; index < count; index += 1) stores.push(await place.open())
      opened.push(...stores)
      return stores
    }
    const openOne = async () => (await handles(1))[0]!

    describe('write', () => {
      it('puts, replaces and removes', async () => {
        const store = await openOne()
        expect(await store.write({ put: [put('t/a', '1'), put('t/b', '2')] })).toEqual([])
        await store.write({ put: [put('t/a', '3')], remove: ['t/b', 't/none'] })
        expect((await store.get(['t/b', 't/a', 't/c', 't/a'])).map(text)).toEqual([
          undefined,
          '3',
          undefined,
          '3',
        ])
      })

      it('removes before it puts, and puts in order', async () => {
        const store = await openOne()
        await store.write({ put: [put('t/a', '1'), put('t/a', '2')], remove: ['t/a'] })
        expect((await store.get(['t/a'])).map(text)).toEqual(['2'])
      })

      it('writes nothing when an expectation does not hold', async () => {
        const store = await openOne()
        await store.write({ put: [put('t/a', '1')] })
        const change: RecordBatch = {
          put: [put('t/a', '2'), put('t/new')],
          remove: ['t/a'],
          append: [{ prefix: 't/list/', value: bytes('x') }],
        }
        for (const wrong of [
          [{ key: 't/a', value: bytes('0') }],
          [{ key: 't/a', value: undefined }],
          [{ key: 't/none', value: bytes('1') }],
          [{ key: 't/none', value: new Uint8Array() }],
          [
            { key: 't/a', value: bytes('1') },
            { key: 't/a', value: bytes('12') },
          ],
        ])
          expect(await store.write({ ...change, expect: wrong })).toBeUndefined()
        expect(await everything(store)).toEqual([['t/a', '1']])
      })

      it('writes all when every expectation holds, of what was before the batch', async () => {
        const store = await openOne()
        await store.write({ put: [put('t/a', '1')] })
        const expectations = [
          { key: 't/a', value: bytes('1') },
          { key: 't/b', value: undefined },
        ]
        const written = await store.write({
          expect: expectations,
          put: [put('t/b')],
          remove: ['t/a'],
        })
        expect(written).toEqual([])
        expect(await everything(store)).toEqual([['t/b', 't/b']])
      })

      it('lets one of two through that expect the same', async () => {
        const [one, other] = (await handles(2)) as [RecordStore, RecordStore]
        await one.write({ put: [put('t/count', '0')] })
        const increment = async (store: RecordStore) => {
          for (;;) {
            const [value] = await store.get(['t/count'])
            const next = bytes(String(Number(text(value)) + 1))
            const batch = {
              expect: [{ key: 't/count', value }],
              put: [{ key: 't/count', value: next }],
            }
            if ((await store.write(batch)) !== undefined) return
          }
        }
        await Promise.all(Array.from({ length: 40 }, (_, i) => increment(i % 2 ? one : other)))
        expect((await other.get(['t/count'])).map(text)).toEqual(['40'])
      })

      it('keeps values as they were when they were written and read', async () => {
        const store = await openOne()
        const value = Buffer.from('before')
        await store.write({ put: [{ key: 't/a', value }] })
        value.fill(0)
        const [read] = await store.get(['t/a'])
        read!.fill(1)
        expect((await store.get(['t/a'])).map(text)).toEqual(['before'])
      })

      it('takes empty values and those of megabytes', async () => {
        const store = await openOne()
        const large = Uint8Array.from({ length: 5_000_000 }, (_, index) => index * 7)
        await store.write({
          put: [
            { key: 't/empty', value: new Uint8Array() },
            { key: 't/large', value: large },
          ],
        })
        const [empty, read, none] = await store.get(['t/empty', 't/large', 't/none'])
        expect(empty).toEqual(new Uint8Array())
        expect(Buffer.compare(read!, large)).toBe(0)
        expect(none).toBeUndefined()
      })

      it.each([
        '',
        't/',
        '/t',
        't//a',
        't/\u00e9',
        't/a b',
        't/#1',
        't/#12345678',
        't/\u0000',
        'long',
      ])('refuses the key %j', async (named) => {
        const key = named === 'long' ? 'x'.repeat(1_025) : named
        const store = await openOne()
        await expect(store.write({ put: [put('t/whole'), put(key)] })).rejects.toThrow(RangeError)
        expect(await everything(store)).toEqual([])
      })

      it('refuses values beyond the limit', async () => {
        const store = await openOne()
        const value = new Uint8Array(67_108_865)
        await expect(store.write({ put: [{ key: 't/a', value }] })).rejects.toMatchObject({
          code: 'bytes.tooLong',
        })
      })
    })

    describe('append', () => {
      it('numbers records under their prefix, in the order of the batch', async () => {
        const store = await openOne()
        const first = await store.write({
          append: [
            { prefix: 'm/a/', value: bytes('1') },
            { prefix: 'm/b/', value: bytes('2') },
            { prefix: 'm/a/', value: bytes('3') },
          ],
        })
        expect(first).toEqual([ordered('m/a/', 1), ordered('m/b/', 1), ordered('m/a/', 2)])
        expect(await store.write({ append: [{ prefix: 'm/a/', value: bytes('4') }] })).toEqual([
          ordered('m/a/', 3),
        ])
        expect((await store.get(first!)).map(text)).toEqual(['1', '2', '3'])
      })

      it('goes on behind what was put, and behind what lies under a number', async () => {
        const store = await openOne()
        const append = [{ prefix: 'm/', value: bytes('x') }]
        expect(await store.write({ put: [put(ordered('m/', 7))], append })).toEqual([
          ordered('m/', 8),
        ])
        await store.write({ put: [put(`${ordered('m/', 20)}/x`), put('m/zzz')] })
        expect(await store.write({ append })).toEqual([ordered('m/', 21)])
      })

      it('never gives a number twice, also when the last record is gone', async () => {
        const [one, other] = (await handles(2)) as [RecordStore, RecordStore]
        const append = [{ prefix: 'm/a/', value: bytes('x') }]
        await one.write({ append })
        const [last] = (await one.write({ append }))!
        await one.write({ remove: [last!] })
        expect(await other.write({ append })).toEqual([ordered('m/a/', 3)])
        await other.write({ remove: [ordered('m/a/', 1), ordered('m/a/', 3)] })
        expect(await one.write({ append })).toEqual([ordered('m/a/', 4)])
        expect(await everything(one)).toEqual([[ordered('m/a/', 4), 'x']])
      })

      it('writes nothing when no number is left', async () => {
        const store = await openOne()
        const highest = `m/${orderedSegment(0xffff_ffff_ffff_ffffn)}`
        await store.write({ put: [put(highest, 'x')] })
        const batch = { put: [put('t/a')], append: [{ prefix: 'm/', value: bytes('x') }] }
        await expect(store.write(batch)).rejects.toThrow(RangeError)
        expect(await everything(store)).toEqual([[highest, 'x']])
      })

      it('gives each record of several handles a number of its own, without gaps', async () => {
        const stores = await handles(3)
        const keys = await Promise.all(
          Array.from({ length: 60 }, async (_, index) => {
            const value = bytes(String(index))
            const [key] = (await stores[index % 3]!.write({ append: [{ prefix: 'm/', value }] }))!
            return [key!, String(index)] as const
          }),
        )
        expect(new Map(await everything(stores[0]!))).toEqual(new Map(keys))
        expect(keys.map(([key]) => key).sort()).toEqual(
          Array.from({ length: 60 }, (_, index) => ordered('m/', index + 1)),
        )
      })
    })

    describe('scan', () => {
      const range = (
        more: Partial<RecordRange> & Pick<RecordRange, 'from' | 'to'>,
      ): RecordRange => ({
        order: 'ascending',
        limit: 100,
        ...more,
      })
      const keysOf = async (store: RecordStore, of: RecordRange) =>
        (await store.scan(of)).map(({ key }) => key)

      it('is in order of bytes, both ways, up to its limit', async () => {
        const store = await openOne()
        const keys = ['t/A', 't/a', 't/a-', 't/a/b', 't/a0', 't/aa', 't/b', 't/z/y/x']
        await store.write({ put: keys.toReversed().map((key) => put(key)) })
        await store.write({ put: [put('s/z'), put('u'), put('t'), put('t0')] })
        const all = range(underPrefix('t/'))
        expect(await keysOf(store, all)).toEqual(keys)
        expect(await keysOf(store, { ...all, limit: 3 })).toEqual(keys.slice(0, 3))
        expect(await keysOf(store, { ...all, order: 'descending' })).toEqual(keys.toReversed())
        expect(await keysOf(store, { ...all, order: 'descending', limit: 3 })).toEqual(
          keys.slice(-3).toReversed(),
        )
        expect(await keysOf(store, range({ from: 't/a', to: 't/aa' }))).toEqual(keys.slice(1, 5))
        expect(await keysOf(store, range({ from: 't/a!', to: 't/b0' }))).toEqual(keys.slice(2, 7))
        expect(await keysOf(store, range({ from: 't/b', to: 't/a' }))).toEqual([])
        expect(await keysOf(store, range({ from: 't', to: 't/a' }))).toEqual(['t', 't/A'])
      })

      it('finds ordered numbers by their values, beside other keys', async () => {
        const store = await openOne()
        const values = Array.from({ length: 20 }, (_, index) => ({
          prefix: 'm/x/',
          value: bytes(String(index + 1)),
        }))
        await store.write({ append: values })
        await store.write({ put: [put('m/x/name'), put('m/w/name'), put('m/y/name')] })
        const numbers = range({ from: ordered('m/x/', 3), to: ordered('m/x/', 7) })
        expect(await keysOf(store, numbers)).toEqual([3, 4, 5, 6].map((n) => ordered('m/x/', n)))
        const newest = await store.scan({ ...underPrefix('m/x/'), order: 'descending', limit: 3 })
        expect(newest.map(({ key, value }) => [key, text(value)])).toEqual([
          ['m/x/name', 'm/x/name'],
          [ordered('m/x/', 20), '20'],
          [ordered('m/x/', 19), '19'],
        ])
        const oldest = await store.scan({ ...underPrefix('m/x/'), order: 'ascending', limit: 2 })
        expect(oldest.map(({ value }) => text(value))).toEqual(['1', '2'])
        await store.write({ put: [put(`${ordered('m/x/', 4)}/b`), put(`${ordered('m/x/', 4)}/a`)] })
        expect(await keysOf(store, { ...numbers, limit: 3 })).toEqual([
          ordered('m/x/', 3),
          ordered('m/x/', 4),
          `${ordered('m/x/', 4)}/a`,
        ])
      })

      it('goes on behind a key, page by page, with each record once', async () => {
        const store = await openOne()
        const keys = ['t/a', 't/a/b', 't/aa', ordered('t/', 1), ordered('t/', 2), 't/b'].toSorted()
        await store.write({ put: keys.map((key) => put(key)) })
        const found: string[] = []
        const { to } = underPrefix('t/')
        for (let from = 't/'; found.length <= keys.length; from = after(found.at(-1)!)) {
          const [next] = await keysOf(store, range({ from, to, limit: 1 }))
          if (next === undefined) break
          found.push(next)
        }
        expect(found).toEqual(keys)
        const numbers = { from: after(ordered('t/', 1)), to: after(ordered('t/', 2)) }
        expect(await keysOf(store, range(numbers))).toEqual([ordered('t/', 2)])
      })

      it.each(['t/a\0', 't/\u{e9}', 't/\n'])('refuses a bound of %j', async (bound) => {
        const store = await openOne()
        for (const of of [
          { from: bound, to: 'z' },
          { from: 'a', to: bound },
        ])
          await expect((async () => store.scan(range(of)))()).rejects.toThrow(RangeError)
      })

      it('shows nothing that the store keeps for itself', async () => {
        const store = await openOne()
        const [key] = (await store.write({ append: [{ prefix: 'm/', value: bytes('x') }] }))!
        await store.write({ remove: [key!] })
        expect(await everything(store)).toEqual([])
      })

      it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
        'refuses a limit of %s',
        async (limit) => {
          const store = await openOne()
          // Whether it throws or rejects is nobody's business: `await` makes both the same.
          await expect(
            (async () => store.scan(range({ from: '', to: 'z', limit })))(),
          ).rejects.toThrow(RangeError)
        },
      )
    })

    it('reads one moment while another handle writes', async () => {
      const [writer, reader] = (await handles(2)) as [RecordStore, RecordStore]
      const keys = ['t/a', 't/b', 't/c', 't/d']
      let isDone = false
      const writing = (async () => {
        for (let round = 0; round < 60; round += 1)
          await writer.write({ put: keys.map((key) => put(key, String(round))) })
        isDone = true
      })()
      while (!isDone) {
        expect(new Set((await reader.get(keys)).map(text)).size).toBe(1)
        const found = await reader.scan({ ...underPrefix('t/'), order: 'ascending', limit: 9 })
        expect(new Set(found.map(({ value }) => text(value))).size).toBeLessThanOrEqual(1)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await writing
    })

    it('is closed for good, and one handle is not another', async () => {
      const [one, other] = (await handles(2)) as [RecordStore, RecordStore]
      await one.write({ put: [put('t/a')] })
      await one[Symbol.asyncDispose]()
      await one[Symbol.asyncDispose]()
      const closed = { code: 'client.store.closed' }
      await expect(one.get(['t/a'])).rejects.toMatchObject(closed)
      await expect(
        one.scan({ from: 't/', to: 't0', order: 'ascending', limit: 1 }),
      ).rejects.toMatchObject(closed)
      await expect(one.write({ put: [put('t/b')] })).rejects.toMatchObject(closed)
      expect(await everything(other)).toEqual([['t/a', 't/a']])
    })

    it('keeps what was written when all handles close', async () => {
      const place = await newPlace()
      const first = await place.open()
      await first.write({ put: [put('t/a')], append: [{ prefix: 'm/', value: bytes('1') }] })
      // Memory itself lives as long as its place; a file as long as it is not deleted.
      await first[Symbol.asyncDispose]()
      const second = await place.open()
      opened.push(second)
      expect(await everything(second)).toEqual([
        [ordered('m/', 1), '1'],
        ['t/a', 't/a'],
      ])
    })

    it('does what a plain map does, in any order of calls', async () => {
      for (const seed of [1, 2, 3]) {
        const stores = await handles(2)
        await sameAsModel(stores, seed)
      }
    })
  })
}

async function everything(store: RecordStore): Promise<(readonly [string, string | undefined])[]> {
  const records = await store.scan({ from: '', to: '\x7f', order: 'ascending', limit: 1_000 })
  return records.map(({ key, value }) => [key, text(value)] as const)
}

/** The slow, obvious store: a map, sorted when somebody asks. */
function createModel() {
  const records = new Map<string, string>()
  const floors = new Map<string, number>()
  const numberOf = (key: string, prefix: string) =>
    key.startsWith(`${prefix}#`)
      ? Number.parseInt(key.slice(prefix.length + 1, prefix.length + 17), 16)
      : 0
  return {
    records,
    write({ expect: expected = [], put: puts = [], remove = [], append = [] }: RecordBatch) {
      if (expected.some(({ key, value }) => records.get(key) !== text(value))) return undefined
      for (const key of remove) {
        const prefix = key.slice(0, key.lastIndexOf('/') + 1)
        if (records.delete(key))
          floors.set(prefix, Math.max(floors.get(prefix) ?? 0, numberOf(key, prefix)))
      }
      for (const { key, value } of puts) records.set(key, text(value)!)
      return append.map(({ prefix, value }) => {
        const there = [...records.keys()].map((key) => numberOf(key, prefix))
        const key = ordered(prefix, Math.max(0, floors.get(prefix) ?? 0, ...there) + 1)
        records.set(key, text(value)!)
        return key
      })
    },
    scan({ from, to, order, limit }: RecordRange) {
      const found = [...records].filter(([key]) => key >= from && key < to)
      found.sort(([a], [b]) => (a < b ? -1 : 1))
      return (order === 'ascending' ? found : found.reverse()).slice(0, limit)
    },
  }
}

async function sameAsModel(stores: readonly RecordStore[], seed: number): Promise<void> {
  const random = chanceOf(seed)
  const pick = <T>(all: readonly T[]) => all[random(all.length)]!
  const model = createModel()
  const prefixes = ['a/', 'a/x/', 'b/', 'b/y/z/']
  const key = () => {
    const prefix = pick(prefixes)
    return pick([
      `${prefix}${pick(['k', 'x', 'q', 'Z-'])}`,
      ordered(prefix, random(6) + 1),
      pick(['a', 'b', 'c']),
    ])
  }
  const some = <T>(most: number, make: () => T) => Array.from({ length: random(most + 1) }, make)
  for (let step = 0; step < 250; step += 1) {
    const store = pick(stores)
    const where = `seed ${seed}, step ${step}`
    if (random(3) > 0) {
      const batch: RecordBatch = {
        expect: some(1, () => {
          const expected = key()
          const there = model.records.get(expected)
          const value = random(5) > 0 ? there : pick(['wrong', undefined])
          return { key: expected, value: value === undefined ? undefined : bytes(value) }
        }),
        put: some(3, () => put(key(), String(random(1_000)))),
        remove: some(2, key),
        append: some(2, () => ({ prefix: pick(prefixes), value: bytes(String(step)) })),
      }
      expect(await store.write(batch), where).toEqual(model.write(batch))
      continue
    }
    const bound = () => pick([key(), pick(prefixes), pick(prefixes).replace(/\/$/, '0'), '', '~'])
    const range = {
      from: bound(),
      to: bound(),
      order: pick(['ascending', 'descending'] as const),
      limit: random(8) + 1,
    }
    const found = await store.scan(range)
    expect(
      found.map(({ key, value }) => [key, text(value)]),
      `${where} ${JSON.stringify(range)}`,
    ).toEqual(model.scan(range))
    const keys = some(4, key)
    expect((await store.get(keys)).map(text), where).toEqual(
      keys.map((one) => model.records.get(one)),
    )
  }
}
