import { SubscribeRequest, SubscribeResponse } from '@xmtp-ts/proto/mls/api/v1/mls'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import { openV3Feed } from '../../follow/v3-feed.ts'
import { maxControlFrames, maxStalledSendMs, streamKeepaliveMs } from '../../limits.ts'
import { openMemoryV3Store } from '../../log/v3-memory.ts'
import { silentLogger } from '../../logger.ts'
import { TopicStream } from './topic-stream.ts'

afterEach(() => void vi.useRealTimers())

async function open() {
  const store = openMemoryV3Store()
  const groupFeed = await openV3Feed(store.groupMessages, silentLogger)
  const welcomeFeed = await openV3Feed(store.welcomes, silentLogger)
  const stream = new TopicStream({
    store,
    groupFeed,
    welcomeFeed,
    keepaliveMs: streamKeepaliveMs,
    onMutation: () => {},
  })
  return { stream, feeds: [groupFeed, welcomeFeed] }
}

function ping(nonce: bigint): Uint8Array {
  const request = { $case: 'ping' as const, value: { nonce } }
  return SubscribeRequest.encode({ version: { $case: 'v1', value: { request } } }).finish()
}

const isOpen = ({ subscriptions }: { subscriptions: number }) => subscriptions > 0

it('ends with an error by name for a caller that asks and does not read', async () => {
  const { stream, feeds } = await open()
  const frames = stream.batches()[Symbol.asyncIterator]()
  const first = await frames.next()
  expect(first.value).toHaveLength(1)
  async function* requests() {
    for (let nonce = 1n; nonce <= maxControlFrames + 1; nonce += 1n) yield ping(nonce)
  }
  await stream.read(requests())
  await expect(frames.next()).rejects.toMatchObject({
    code: 'node.stream.tooSlow',
    details: { text: 'subscription closed: consumer too slow' },
  })
  expect(feeds.filter(isOpen)).toEqual([])
})

it('lets everything go when a send is held up for too long, and says so to one who comes back', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  const { stream, feeds } = await open()
  const frames = stream.batches()[Symbol.asyncIterator]()
  await frames.next()
  vi.advanceTimersByTime(maxStalledSendMs)
  expect(feeds.filter(isOpen)).toHaveLength(2)
  vi.advanceTimersByTime(streamKeepaliveMs)
  expect(feeds.filter(isOpen)).toEqual([])
  await expect(frames.next()).rejects.toMatchObject({ code: 'node.subscribe.stalled' })
})

it('answers no ping after it was closed, and frees its subscriptions once', async () => {
  const { stream, feeds } = await open()
  const frames = stream.batches()[Symbol.asyncIterator]()
  const { value: started } = await frames.next()
  expect(
    SubscribeResponse.decode(started?.[0] ?? new Uint8Array()).version?.value.response?.$case,
  ).toBe('started')
  stream.close()
  async function* late() {
    yield ping(1n)
  }
  await stream.read(late())
  await nextTurn()
  expect(await frames.next()).toEqual({ value: undefined, done: true })
  expect(feeds.filter(isOpen)).toEqual([])
})
