import type { V3Entry, V3Item, V3Store } from '@xmtp-ts/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const topicA = '/xmtp/mls/1/g-aa/proto'
const topicB = '/xmtp/mls/1/g-bb/proto'

/** Stored bytes that name their place, so that a test sees what the log gave. */
function item(topic: string, digest: number): V3Item {
  return {
    topic,
    digest: new Uint8Array(32).fill(digest),
    encode: ({ sequence, createdNs }) => Buffer.from(`${sequence} ${createdNs}`),
  }
}

const texts = (entries: readonly V3Entry[]) =>
  entries.map(({ payload }) => Buffer.from(payload).toString())
const sequences = (entries: readonly V3Entry[]) => entries.map(({ sequence }) => sequence)

/** What the port promises (v3-store.ts). Every adapter runs it. */
export function v3StoreSuite(name: string, open: () => Promise<V3Store>): void {
  describe(`${name} as a V3 store`, () => {
    let store: V3Store
    beforeEach(async () => {
      store = await open()
    })
    afterEach(() => store[Symbol.asyncDispose]())

    const fill = (count: number, topic = topicA) =>
      store.groupMessages.append(
        Array.from({ length: count }, (_, index) => item(topic, index)),
        1,
      )

    describe('append', () => {
      it('gives places in the order of the call, strictly growing whatever the clock says', async () => {
        await store.groupMessages.append([item(topicA, 1), item(topicB, 1)], 5)
        await store.groupMessages.append([item(topicA, 2)], 3)
        await store.groupMessages.append([item(topicA, 3)], 7.5)
        const entries = await store.groupMessages.read({
          topics: 'all',
          after: 0,
          until: 9,
          limit: 9,
        })
        expect(texts(entries)).toEqual(['1 5000000', '2 5001000', '3 5002000', '4 7500000'])
      })

      it('takes the same item once, in one call, two calls, or two at a time', async () => {
        const [first, again] = await store.groupMessages.append(
          [item(topicA, 1), item(topicA, 1)],
          1,
        )
        expect([first, again]).toEqual([
          { sequence: 1, isNew: true },
          { sequence: 1, isNew: false },
        ])
        const both = await Promise.all([
          store.groupMessages.append([item(topicB, 1)], 1),
          store.groupMessages.append([item(topicB, 1)], 1),
        ])
        expect(both.flat().map(({ isNew }) => isNew)).toEqual([true, false])
        expect(await store.groupMessages.head()).toBe(2)
      })

      it('stores all of a call or none', async () => {
        const bad: V3Item = {
          ...item(topicA, 2),
          encode: () => {
            throw new RangeError('cannot be encoded')
          },
        }
        const good = store.groupMessages.append([item(topicB, 7)], 1)
        await expect(store.groupMessages.append([item(topicA, 1), bad], 1)).rejects.toThrow()
        expect(await good).toEqual([{ sequence: 1, isNew: true }])
        expect(await store.groupMessages.newest([topicA])).toEqual([undefined])
        expect(await store.groupMessages.append([item(topicA, 1)], 1)).toEqual([
          { sequence: 2, isNew: true },
        ])
      })

      it('numbers each kind by itself', async () => {
        await fill(3)
        expect(await store.welcomes.append([item(topicA, 1)], 1)).toEqual([
          { sequence: 1, isNew: true },
        ])
        expect(await store.commitLog.head()).toBe(0)
      })

      it('wakes followers for new items only', async () => {
        let wakes = 0
        const wake = store.welcomes.onAppend(() => (wakes += 1))
        await store.welcomes.append([item(topicA, 1)], 1)
        await store.welcomes.append([item(topicA, 1)], 1)
        await store.groupMessages.append([item(topicA, 1)], 1)
        expect(wakes).toBe(1)
        wake[Symbol.dispose]()
        await store.welcomes.append([item(topicA, 2)], 1)
        expect(wakes).toBe(1)
      })
    })

    describe('page', () => {
      it.each([
        ['ascending', 0, [1, 2, 3]],
        ['ascending', 3, [4, 5, 6]],
        ['ascending', 9, [10]],
        ['ascending', 10, []],
        ['descending', 0, [10, 9, 8]],
        ['descending', 8, [7, 6, 5]],
        ['descending', 2, [1]],
        ['descending', 1, []],
      ] as const)('%s behind %i', async (direction, cursor, expected) => {
        await fill(10)
        await fill(2, topicB)
        const page = await store.groupMessages.page({ topic: topicA, cursor, direction, limit: 3 })
        expect(sequences(page.entries)).toEqual(expected)
        expect(page.isFull).toBe(expected.length === 3)
      })

      it('is empty for a topic that nobody wrote to', async () => {
        const page = { topic: topicB, cursor: 0, limit: 3 }
        const empty = { entries: [], isFull: false }
        expect(await store.groupMessages.page({ ...page, direction: 'ascending' })).toEqual(empty)
        expect(await store.groupMessages.page({ ...page, direction: 'descending' })).toEqual(empty)
      })
    })

    it('reads topics from a place of each, in one order', async () => {
      for (const digest of [1, 2, 3, 4])
        await store.groupMessages.append([item(topicA, digest), item(topicB, digest)], 1)
      const topics = new Map([
        [topicA, 4],
        [topicB, 0],
      ])
      const read = async (after: number, until: number, limit = 100) =>
        sequences(await store.groupMessages.read({ topics, after, until, limit }))
      expect(await read(0, 8)).toEqual([2, 4, 5, 6, 7, 8])
      expect(await read(2, 6)).toEqual([4, 5, 6])
      expect(await read(0, 8, 2)).toEqual([2, 4])
    })

    it('finds the newest of each topic, in the order asked for', async () => {
      await fill(3)
      const newest = await store.groupMessages.newest([topicB, topicA, topicA])
      expect(newest.map((entry) => entry?.sequence)).toEqual([undefined, 3, 3])
    })

    it('keeps the newest key package of each installation', async () => {
      const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
      await store.keyPackages.put(one, Uint8Array.of(1), { nowMs: 1, expiresMs: 50 })
      await store.keyPackages.put(one, Uint8Array.of(2), { nowMs: 2, expiresMs: 50 })
      const found = await store.keyPackages.get([two, one, one])
      expect(found.map((bytes) => bytes && [...bytes])).toEqual([undefined, [2], [2]])
    })

    it('takes no key package back that another has replaced, before its end', async () => {
      const installation = new Uint8Array(32).fill(1)
      const put = (number: number, nowMs: number) =>
        store.keyPackages.put(installation, Uint8Array.of(number), {
          nowMs,
          expiresMs: 50 + number,
        })
      const newest = async () => (await store.keyPackages.get([installation]))[0]?.[0]
      for (const number of [1, 2, 2, 3, 1, 2]) await put(number, 1)
      expect(await newest()).toBe(3)
      // The same again is a retry.
      await put(3, 2)
      expect(await newest()).toBe(3)
      // Of another installation it is another package.
      const other = new Uint8Array(32).fill(2)
      await store.keyPackages.put(other, Uint8Array.of(1), { nowMs: 1, expiresMs: 50 })
      expect((await store.keyPackages.get([other]))[0]?.[0]).toBe(1)
      // Behind its end nobody takes it, and it need not be remembered: the first, not the second.
      await store.keyPackages.prune(52, 10)
      await put(2, 60)
      expect(await newest()).toBe(3)
      await put(1, 60)
      expect(await newest()).toBe(1)
    })

    it('B12: removes key packages by their own end, not by their age', async () => {
      const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
      await store.keyPackages.put(one, Uint8Array.of(1), { nowMs: 1, expiresMs: 50 })
      await store.keyPackages.put(two, Uint8Array.of(2), { nowMs: 1, expiresMs: 50 })
      await store.keyPackages.put(one, Uint8Array.of(3), { nowMs: 40, expiresMs: 90 })
      expect(await store.keyPackages.prune(50, 10)).toEqual({ removed: 0, isLast: true })
      expect(await store.keyPackages.prune(51, 1)).toEqual({ removed: 1, isLast: false })
      expect(await store.keyPackages.prune(51, 1)).toEqual({ removed: 0, isLast: true })
      const found = await store.keyPackages.get([one, two])
      expect(found.map((bytes) => bytes && [...bytes])).toEqual([[3], undefined])
    })

    describe('prune', () => {
      const expiring = (topic: string, digest: number) => ({
        ...item(topic, digest),
        expires: true,
      })
      const rest = async () =>
        sequences(await store.groupMessages.read({ topics: 'all', after: 0, until: 99, limit: 99 }))

      it('removes what is old and expires, and nothing else', async () => {
        await store.groupMessages.append([expiring(topicA, 1), item(topicA, 2)], 10)
        await store.groupMessages.append([expiring(topicB, 3), expiring(topicA, 4)], 20)
        await store.groupMessages.append([expiring(topicA, 5)], 30)
        expect(await store.groupMessages.prune(20, 100)).toEqual({ removed: 1, isLast: true })
        expect(await rest()).toEqual([2, 3, 4, 5])
        expect(await store.groupMessages.prune(30, 2)).toEqual({ removed: 2, isLast: false })
        expect(await store.groupMessages.prune(30, 2)).toEqual({ removed: 0, isLast: true })
        expect(await rest()).toEqual([2, 5])
        const { entries } = await store.groupMessages.page({
          topic: topicA,
          cursor: 0,
          direction: 'ascending',
          limit: 9,
        })
        expect(sequences(entries)).toEqual([2, 5])
        expect((await store.groupMessages.newest([topicB]))[0]).toBeUndefined()
      })

      it('never gives a sequence twice', async () => {
        await store.groupMessages.append([expiring(topicA, 1), expiring(topicA, 2)], 10)
        await store.groupMessages.prune(99, 100)
        expect(await rest()).toEqual([])
        expect(await store.groupMessages.head()).toBe(2)
        expect(await store.groupMessages.append([expiring(topicA, 1)], 20)).toEqual([
          { sequence: 3, isNew: true },
        ])
        expect(await rest()).toEqual([3])
      })
    })

    describe('identity', () => {
      const inbox = 'inbox-a'
      const update = (digest: number, after: number, change = {}) => ({
        item: item(inbox, digest),
        inboxId: inbox,
        after,
        state: Uint8Array.of(digest),
        added: [] as string[],
        removed: [] as string[],
        ...change,
      })

      it('keeps the state with the log', async () => {
        expect(await store.identity.stateOf(inbox)).toBeUndefined()
        expect(await store.identity.append(update(1, 0), 1)).toBe(1)
        expect(await store.identity.append(update(2, 1), 1)).toBe(2)
        const stored = await store.identity.stateOf(inbox)
        expect([stored?.sequence, [...(stored?.state ?? [])]]).toEqual([2, [2]])
        const page = { topic: inbox, cursor: 0, direction: 'ascending', limit: 10 } as const
        const { entries } = await store.identity.log.page(page)
        const bytes = entries.reduce((sum, { payload }) => sum + payload.length, 0)
        expect(stored?.logBytes).toBe(bytes)
        expect(await store.identity.has(inbox, item(inbox, 1).digest)).toBe(true)
        expect(await store.identity.has(inbox, item(inbox, 9).digest)).toBe(false)
      })

      it('takes one of two updates that were checked against the same state', async () => {
        await store.identity.append(update(1, 0), 1)
        const both = [
          store.identity.append(update(2, 1), 1),
          store.identity.append(update(3, 1), 1),
        ]
        expect(await Promise.all(both)).toEqual([2, undefined])
        expect(await store.identity.append(update(4, 0), 1)).toBeUndefined()
        const { entries } = await store.identity.log.page({
          topic: inbox,
          cursor: 0,
          direction: 'ascending',
          limit: 10,
        })
        expect(sequences(entries)).toEqual([1, 2])
        expect([...(await store.identity.stateOf(inbox))!.state]).toEqual([2])
      })

      it('finds the inbox that an identifier was added to last', async () => {
        const other = { item: item('inbox-b', 1), inboxId: 'inbox-b' }
        await store.identity.append(update(1, 0, { added: ['x', 'y'] }), 1)
        expect(await store.identity.inboxesOf(['y', 'z', 'x'])).toEqual([inbox, undefined, inbox])
        await store.identity.append(update(1, 0, { ...other, added: ['x'] }), 1)
        expect(await store.identity.inboxesOf(['x'])).toEqual(['inbox-b'])
        const removing = { item: item('inbox-b', 2), inboxId: 'inbox-b', removed: ['x'] }
        await store.identity.append(update(2, 2, removing), 1)
        expect(await store.identity.inboxesOf(['x'])).toEqual([inbox])
        await store.identity.append(update(3, 1, { removed: ['x', 'y'] }), 1)
        expect(await store.identity.inboxesOf(['x', 'y'])).toEqual([undefined, undefined])
      })
    })
  })
}
