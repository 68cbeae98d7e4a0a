import { memoryTransport } from '@xmtp-ts/client'
import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { attributeNames } from '@xmtp-ts/protocol/group'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  add,
  epoch,
  groupOf,
  keyOf,
  person as personAt,
  rename,
  reopen,
  say,
  sync,
  texts,
  type Person,
} from '../../packages/client/test/person.ts'
import { changeAttribute } from '../../packages/client/src/v3/conversation/plans.ts'
import { readView } from '../../packages/client/src/v3/conversation/view.ts'
import { isPaused } from '../../packages/client/src/v3/group/pausing.ts'
import { receiveNew } from '../../packages/client/src/v3/group/receive.ts'
import { prepareMessage } from '../../packages/client/src/v3/group/send.ts'
import { syncConversation } from '../../packages/client/src/v3/group/sync.ts'
import { until } from './world.ts'

let node: Node

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
})
afterEach(() => node[Symbol.asyncDispose]())

const person = (number: number) => personAt(memoryTransport(node.memory()), keyOf(number))

/** Somebody whose client is of a later version than the others'. */
const ahead = async (number: number) => reopen(await person(number), { protocolVersion: '2.0.0' })

const askFor = ({ core }: Person, id: string, version: string) =>
  changeAttribute(core, id, [attributeNames.minimumVersion, version])

async function viewOf({ core }: Person, id: string) {
  const { row, cursor } = (await readView(core, id))!
  return { isPaused: isPaused(core, row), version: row.pausedForVersion, cursor }
}

it('a group that asks for a later version stands still, and goes on in order with that version', async () => {
  const [ann, ben] = [await ahead(1), await person(2)]
  const id = await groupOf(ann, [ben])
  const other = await groupOf(ann, [ben])
  await sync(ben)
  await say(ann, id, 'one')
  await askFor(ann, id, '1.11.0')
  await say(ann, id, 'two')
  await rename(ann, id, 'later')
  await say(ann, id, 'three')
  await sync(ben)
  const paused = await viewOf(ben, id)
  expect(paused).toMatchObject({ isPaused: true, version: '1.11.0' })
  expect(await texts(ben, id)).toEqual(['one'])
  await expect(say(ben, id, 'no')).rejects.toMatchObject({ code: 'client.conversation.paused' })
  await expect(rename(ben, id, 'no')).rejects.toMatchObject({ code: 'client.conversation.paused' })
  await syncConversation(ben.core, id)
  expect((await viewOf(ben, id)).cursor).toBe(paused.cursor)
  await say(ann, other, 'elsewhere')
  await sync(ben)
  expect(await texts(ben, other)).toEqual(['elsewhere'])
  expect(ben.refusals).toEqual([])

  const newer = await reopen(ben, { protocolVersion: '1.11.0' })
  await sync(newer)
  expect(await texts(newer, id)).toEqual(['one', 'two', 'three'])
  expect(await epoch(newer, id)).toBe(await epoch(ann, id))
  expect((await viewOf(newer, id)).isPaused).toBe(false)
  await say(newer, id, 'four')
  await sync(ann)
  expect((await texts(ann, id)).at(-1)).toBe('four')
  const older = await reopen(newer)
  await expect(say(older, id, 'no')).rejects.toMatchObject({ code: 'client.conversation.paused' })
})

it('a stream brings nothing of it, and goes on with the others', async () => {
  const [ann, ben] = [await ahead(1), await person(2)]
  const id = await groupOf(ann, [ben])
  const other = await groupOf(ann, [ben])
  await sync(ben)
  const controller = new AbortController()
  await ben.feed.follow(controller.signal)
  await say(ann, id, 'one')
  await askFor(ann, id, '1.11.0')
  await until(async () => (await viewOf(ben, id)).isPaused)
  await say(ann, id, 'two')
  await rename(ann, id, 'later')
  await say(ann, other, 'elsewhere')
  await until(async () => (await texts(ben, other)).length === 1)
  await say(ann, other, 'and again')
  await until(async () => (await texts(ben, other)).length === 2)
  expect(await texts(ben, id)).toEqual(['one'])
  controller.abort()
  const newer = await reopen(ben, { protocolVersion: '1.11.0' })
  await sync(newer)
  expect(await texts(newer, id)).toEqual(['one', 'two'])
  expect(await epoch(newer, id)).toBe(await epoch(ann, id))
  expect([...ben.refusals, ...newer.refusals]).toEqual([])
})

it('who is added to such a group has it, paused', async () => {
  const [ann, ben] = [await ahead(1), await person(2)]
  const id = await groupOf(ann, [])
  await askFor(ann, id, '1.11.0')
  await add(ann, id, [ben])
  await say(ann, id, 'one')
  await sync(ben)
  expect(await viewOf(ben, id)).toMatchObject({ isPaused: true, version: '1.11.0' })
  const newer = await reopen(ben, { protocolVersion: '1.11.0' })
  await sync(newer)
  expect(await texts(newer, id)).toEqual(['one'])
})

it('what waits to be sent goes on waiting', async () => {
  const [ann, ben] = [await ahead(1), await person(2)]
  const id = await groupOf(ann, [ben])
  await sync(ben)
  await say(ben, id, 'one')
  await sync(ben)
  const content = new Uint8Array()
  await prepareMessage(ben.core, id, { content, shouldPush: false })
  await sync(ann)
  await askFor(ann, id, '1.11.0')
  await ben.core.groups.turn(id, () => receiveNew(ben.core, id))
  expect((await viewOf(ben, id)).isPaused).toBe(true)
  await sync(ben)
  await syncConversation(ben.core, id)
  const pending = async ({ core }: Person) =>
    (await core.groups.turn(id, () => core.groups.load(id)))?.pendingMessages.length
  expect(await pending(ben)).toBe(1)
  const newer = await reopen(ben, { protocolVersion: '1.11.0' })
  await sync(newer)
  await sync(newer)
  expect(await pending(newer)).toBe(0)
})

it('a version of ours or below asks for nothing, nor does one that nobody can read', async () => {
  const [ann, ben] = [await ahead(1), await person(2)]
  const id = await groupOf(ann, [ben])
  await sync(ben)
  await askFor(ann, id, '1.10.0')
  await sync(ben)
  expect((await viewOf(ben, id)).isPaused).toBe(false)
  await expect(askFor(ann, id, 'soon')).rejects.toMatchObject({ code: 'v3.group.commitRefused' })
  await expect(askFor(ann, id, '3.0.0')).rejects.toMatchObject({
    code: 'v3.group.protocolVersionTooLow',
  })
  expect(await epoch(ben, id)).toBe(await epoch(ann, id))
})
