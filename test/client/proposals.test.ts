import { createCommit, members, propose } from '@xmtp-ts/mls'
import { memoryTransport } from '@xmtp-ts/client'
import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  epoch,
  groupOf,
  keyOf,
  person as personAt,
  rename,
  say,
  sync,
  texts,
  type Person,
} from '../../packages/client/test/person.ts'
import { systemEnvironment } from '../../packages/client/src/environment.ts'
import { scanAll } from '../../packages/client/src/v3/records/rows.ts'
import { keys } from '../../packages/client/src/v3/records/keys.ts'

let node: Node

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
})
afterEach(() => node[Symbol.asyncDispose]())

const person = (number: number) => personAt(memoryTransport(node.memory()), keyOf(number))
const { random } = systemEnvironment

async function stateOf({ core }: Person, id: string) {
  return (await core.groups.turn(id, () => core.groups.load(id)))!.mls
}

const send = ({ core }: Person, data: Uint8Array) =>
  core.mls.sendGroupMessages([{ data, senderHmac: new Uint8Array(), shouldPush: false }])

it('a proposal outside of a commit is refused, changes nothing, and nothing can refer to it', async () => {
  const [ann, ben, eve] = [await person(1), await person(2), await person(3)]
  const id = await groupOf(ann, [ben, eve])
  for (const one of [ben, eve]) await sync(one)
  const leaves = members(await stateOf(eve, id))
  const { leafIndex: removed } = leaves.find(
    ({ leaf }) => leaf.signatureKey.join() === ben.core.self.installationId.join(),
  )!
  const proposed = await propose(await stateOf(eve, id), { kind: 'remove', removed }, { random })
  await send(eve, proposed.message)
  const before = await epoch(ann, id)
  const records = async (one: Person) => (await scanAll(one.core.store, keys.mlsRecords(id))).length
  const kept = await records(ann)
  for (const one of [ann, ben]) await sync(one)
  for (const one of [ann, ben])
    expect(one.refusals.map(({ error }) => error.code)).toEqual(['client.group.loneProposal'])
  expect([await epoch(ann, id), await records(ann)]).toEqual([before, kept])
  await say(ann, id, 'goes on')
  await rename(ann, id, 'too')
  await sync(ben)
  expect(await texts(ben, id)).toEqual(['goes on'])
  expect(await epoch(ben, id)).toBe(await epoch(ann, id))
})

it('a commit that refers to such a proposal counts for nobody', async () => {
  const [ann, ben, eve] = [await person(1), await person(2), await person(3)]
  const id = await groupOf(ann, [ben, eve])
  for (const one of [ben, eve]) await sync(one)
  const { leafIndex: removed } = members(await stateOf(eve, id)).find(
    ({ leaf }) => leaf.signatureKey.join() === ben.core.self.installationId.join(),
  )!
  const proposed = await propose(await stateOf(eve, id), { kind: 'remove', removed }, { random })
  const commit = await createCommit(proposed.state, { proposals: [], path: 'always', random })
  await send(eve, proposed.message)
  await send(eve, commit.message)
  const before = await epoch(ann, id)
  for (const one of [ann, ben]) {
    await sync(one)
    expect(one.refusals.map(({ error }) => error.code)).toEqual([
      'client.group.loneProposal',
      'client.message.refused',
    ])
    expect(await epoch(one, id)).toBe(before)
  }
  await rename(ann, id, 'goes on')
  await sync(ben)
  expect(await epoch(ben, id)).toBe(await epoch(ann, id))
})
