import { expect, it } from 'vitest'
import { createFeed } from '../follow/envelope-feed.ts'
import { openV3Feed } from '../follow/v3-feed.ts'
import { localClient } from '../limit/client.ts'
import { openMemoryLog } from '../log/memory.ts'
import { openMemoryV3Store } from '../log/v3-memory.ts'
import { silentLogger } from '../logger.ts'
import type { Services } from './services.ts'
import { subscribeAllMethod } from './subscribe-all.ts'
import type { V3Services } from './v3-services.ts'

it('a feed that takes no more leaves no other one followed', async () => {
  const log = openMemoryLog()
  const store = openMemoryV3Store()
  const feed = await createFeed(log, silentLogger)
  const groupFeed = await openV3Feed(store.groupMessages, silentLogger)
  const welcomeFeed = await openV3Feed(store.welcomes, silentLogger)
  const admitting = {
    authorizer: { checkClient: () => undefined },
    limiter: { spend: () => undefined },
    metrics: { subscribed: () => undefined },
  }
  const method = subscribeAllMethod(
    { ...admitting, log, feed } as unknown as Services,
    { ...admitting, store, groupFeed, welcomeFeed } as unknown as V3Services,
  )
  const call = { client: localClient, headers: {} }

  const stream = await method.open(new Uint8Array(), call)
  expect([feed, groupFeed, welcomeFeed].map((each) => each.subscriptions)).toEqual([1, 1, 1])
  stream.close()
  expect([feed, groupFeed, welcomeFeed].map((each) => each.subscriptions)).toEqual([0, 0, 0])

  await welcomeFeed[Symbol.asyncDispose]()
  await expect(method.open(new Uint8Array(), call)).rejects.toThrow(/node\.closing/)
  expect([feed, groupFeed].map((each) => each.subscriptions)).toEqual([0, 0])
})
