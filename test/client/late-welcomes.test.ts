import { memoryTransport, type Transport } from '@xmtp-ts/client'
import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import {
  QueryWelcomeMessagesRequest,
  QueryWelcomeMessagesResponse,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { LateWelcome } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { readKeyPackage, sealPointer } from '@xmtp-ts/protocol/group'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  epoch,
  groupOf,
  keyOf,
  person as personAt,
  reopen,
  say,
  sync,
  texts,
  type Person,
} from '../../packages/client/test/person.ts'
import { systemEnvironment } from '../../packages/client/src/environment.ts'
import { maxLateWelcomes } from '../../packages/client/src/limits.ts'
import { readAllViews } from '../../packages/client/src/v3/conversation/view.ts'
import { findLateWelcomes } from '../../packages/client/src/v3/group/find-late-welcomes.ts'
import { keys } from '../../packages/client/src/v3/records/keys.ts'
import { decodeRow, encodeRow, scanAll } from '../../packages/client/src/v3/records/rows.ts'
import { movableClock } from './clock.ts'
import { until, world } from './world.ts'

const minute = 60_000

let node: Node

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
})
afterEach(() => node[Symbol.asyncDispose]())

const direct = () => memoryTransport(node.memory())
const person = (number: number, transport = direct()) => personAt(transport, keyOf(number))

/** A node that does not show what pointers point to the first times that it is asked. */
function withoutPointees(inner: Transport) {
  const state = { hiddenTimes: Infinity, asked: 0, own: '' }
  const transport: Transport = {
    async unary(path, request, options) {
      if (!path.endsWith('/QueryWelcomeMessages')) return inner.unary(path, request, options)
      const { installationKey } = QueryWelcomeMessagesRequest.decode(request)
      if (bytesToHex(installationKey) === state.own) return inner.unary(path, request, options)
      state.asked += 1
      if (state.asked > state.hiddenTimes) return inner.unary(path, request, options)
      return QueryWelcomeMessagesResponse.encode({
        messages: [],
        pagingInfo: undefined,
      }).finish()
    },
    serverStream: (path, request, options) => inner.serverStream(path, request, options),
  }
  return { transport, state }
}

/** A group to which Ben is welcomed by a pointer, of which his node shows the pointer only. */
async function pointedGroup() {
  const { transport, state } = withoutPointees(direct())
  const clock = movableClock()
  const ben = await reopen(await person(2, transport), { environment: clock.environment })
  state.own = bytesToHex(ben.core.self.installationId)
  const [ann, cleo, dan] = [await person(1), await person(3), await person(4)]
  const id = await groupOf(ann, [ben, cleo, dan])
  await say(ann, id, 'hello')
  return { ann, ben, cleo, id, state, clock }
}

const late = async ({ core }: Person) =>
  (await scanAll(core.store, keys.lateWelcomes)).map(({ value }) => decodeRow(LateWelcome, value))

const ids = async ({ core }: Person) => (await readAllViews(core)).map(({ id }) => id)

it('a welcome that is not where its pointer points is waited for a moment', async () => {
  const { ann, ben, id, state } = await pointedGroup()
  state.hiddenTimes = 2
  await sync(ben)
  expect(await epoch(ben, id)).toBe(await epoch(ann, id))
  expect(await late(ben)).toEqual([])
})

it('then it is put off, holds up no other, and is found after minutes, in another process', async () => {
  const { ann, ben, id, state, clock } = await pointedGroup()
  const other = await groupOf(ann, [ben])
  await sync(ben)
  expect(await ids(ben)).toEqual([other])
  expect(await late(ben)).toHaveLength(1)
  const asked = state.asked
  await sync(ben)
  expect(state.asked).toBe(asked)
  const again = await reopen(ben, { environment: clock.environment })
  state.hiddenTimes = 0
  await findLateWelcomes(again.core)
  expect(state.asked).toBe(asked)
  clock.advance(5 * minute)
  expect(await findLateWelcomes(again.core)).toEqual([id])
  await sync(again)
  expect(await texts(again, id)).toEqual(['hello'])
  expect(await epoch(again, id)).toBe(await epoch(ann, id))
  expect(await late(again)).toEqual([])
  expect([...ben.refusals, ...again.refusals]).toEqual([])
})

it('is looked for ever more rarely, and given up after three days', async () => {
  const { ben, state, clock } = await pointedGroup()
  await sync(ben)
  const waits: number[] = []
  let looks = state.asked
  let since = 0
  for (let minutes = 0; minutes <= 3 * 24 * 60 + 120; minutes += 1) {
    clock.advance(minute)
    since += 1
    await findLateWelcomes(ben.core)
    if (state.asked === looks) continue
    looks = state.asked
    waits.push(since)
    since = 0
  }
  expect(waits.slice(0, 4)).toEqual([5, 8, 12, 17])
  expect(Math.max(...waits)).toBe(120)
  expect(await late(ben)).toEqual([])
  expect(ben.refusals.map(({ error }) => error.code)).toEqual(['client.welcome.pointeeMissing'])
}, 60_000)

it('costs no attempt while the node is away', async () => {
  const { ben, clock } = await pointedGroup()
  await sync(ben)
  const reported: unknown[] = []
  const transport: Transport = {
    unary: () => Promise.reject(new Error('away')),
    serverStream: () => Promise.reject(new Error('away')),
  }
  const away = await reopen(
    { ...ben, transport },
    {
      environment: { ...clock.environment, sleep: async () => {} },
      report: (error) => reported.push(error),
    },
  )
  clock.advance(5 * minute)
  await findLateWelcomes(away.core)
  expect(reported).toHaveLength(1)
  expect(await late(away)).toMatchObject([{ attempts: 0 }])
})

it('pointers to nothing do not fill the store', async () => {
  const { ben, ann } = await pointedGroup()
  await sync(ben)
  const [row] = await late(ben)
  await ben.core.store.write({
    put: Array.from({ length: maxLateWelcomes - 1 }, (_, index) => ({
      key: keys.lateWelcome(BigInt(1_000_000 + index)),
      value: encodeRow(LateWelcome, row!),
    })),
  })
  await sendPointerToNothing(ann, ben)
  const other = await groupOf(ann, [ben])
  await sync(ben)
  expect(ben.refusals.map(({ error }) => error.code)).toEqual(['client.welcome.tooManyLate'])
  expect(await late(ben)).toHaveLength(maxLateWelcomes)
  expect(await ids(ben)).toEqual([other])
})

async function sendPointerToNothing(by: Person, to: Person): Promise<void> {
  const { installationId } = to.core.self
  const [bytes] = await by.core.mls.fetchKeyPackages([installationId])
  const { keyPackage } = await readKeyPackage(bytes!, undefined)
  const { random } = systemEnvironment
  const pointer = {
    destination: random(32),
    encryptionKey: random(32),
    dataNonce: random(12),
    welcomeMetadataNonce: random(12),
  }
  const recipient = { publicKey: keyPackage.initKey, algorithm: 'x25519' } as const
  const sealed = await sealPointer(pointer, recipient, random)
  await by.core.mls.sendWelcomeMessages([
    {
      version: { $case: 'welcomePointer', value: { ...sealed, installationKey: installationId } },
    },
  ])
}

it('poisoned welcomes are refused one by one, and good ones behind them taken', async () => {
  const [ann, ben] = [await person(1), await person(2)]
  const { installationId } = ben.core.self
  const { random } = systemEnvironment
  const [bytes] = await ann.core.mls.fetchKeyPackages([installationId])
  const { keyPackage } = await readKeyPackage(bytes!, undefined)
  const value = (hpkePublicKey: Uint8Array, wrapperAlgorithm: number) => ({
    installationKey: installationId,
    data: random(500),
    hpkePublicKey,
    wrapperAlgorithm,
    welcomeMetadata: new Uint8Array(),
  })
  await ann.core.mls.sendWelcomeMessages(
    [value(random(32), 1), value(keyPackage.initKey, 1), value(keyPackage.initKey, 3)].map(
      (one) => ({ version: { $case: 'v1', value: one } }),
    ),
  )
  await sendPointerToNothing(ann, ben)
  const id = await groupOf(ann, [ben])
  await sync(ben)
  expect(await ids(ben)).toEqual([id])
  expect(ben.refusals).toHaveLength(3)
  expect(await late(ben)).toHaveLength(1)
})

const { open, options } = world()

it('the client does it by itself', async () => {
  const clock = movableClock()
  const inner = options().transport
  const { transport, state } = withoutPointees(inner)
  const ben = await open(2, { transport, environment: clock.environment })
  state.own = ben.installationId
  const [ann, cleo, dan] = [await open(1), await open(3), await open(4)]
  const group = await ann.conversations.createGroup([ben.inboxId, cleo.inboxId, dan.inboxId])
  await ben.conversations.syncAll()
  expect(await ben.conversations.list()).toEqual([])
  state.hiddenTimes = 0
  clock.advance(6 * minute)
  await until(async () => (await ben.conversations.getConversationById(group.id)) !== undefined)
})
