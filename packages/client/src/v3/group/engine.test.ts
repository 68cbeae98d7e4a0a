import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  add,
  epoch,
  groupOf,
  keyOf,
  person as personAt,
  remove,
  rename,
  say,
  sync,
  texts,
  type Person,
} from '../../../test/person.ts'
import { memoryTransport } from '../../transport/memory.ts'
import { syncConversation } from './sync.ts'

let node: Node

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
})
afterEach(() => node[Symbol.asyncDispose]())

const person = (key: string) => personAt(memoryTransport(node.memory()), key)

describe('groups of our own clients through our own node', () => {
  it('two write to each other', async () => {
    const [ann, ben] = [await person(keyOf(1)), await person(keyOf(2))]
    const id = await groupOf(ann, [ben])
    await say(ann, id, 'hello')
    await sync(ben)
    expect(await texts(ben, id)).toEqual(['hello'])
    await say(ben, id, 'hi')
    await syncConversation(ann.core, id)
    expect(await texts(ann, id)).toEqual(['hello', 'hi'])
    expect(await epoch(ann, id)).toBe(await epoch(ben, id))
    expect([...ann.refusals, ...ben.refusals]).toEqual([])
  })

  it('members come and go, and change the name at the same time', async () => {
    const people = [await person(keyOf(1)), await person(keyOf(2)), await person(keyOf(3))]
    const [ann, ben, cleo] = people as [Person, Person, Person]
    const id = await groupOf(ann, [ben])
    await sync(ben)
    await Promise.all([add(ann, id, [cleo]), rename(ben, id, 'B'), say(ben, id, 'one')])
    await sync(cleo)
    await say(cleo, id, 'two')
    for (const one of people) await sync(one)
    expect(new Set(await Promise.all(people.map((one) => epoch(one, id)))).size).toBe(1)
    expect(await texts(ann, id)).toEqual(await texts(ben, id))
    await remove(ann, id, [ben])
    await sync(ben)
    await expect(say(ben, id, 'three')).rejects.toMatchObject({
      code: 'client.conversation.inactive',
    })
    await say(cleo, id, 'four')
    await sync(ann)
    expect((await texts(ann, id)).at(-1)).toBe('four')
    expect(people.flatMap(({ refusals }) => refusals)).toEqual([])
  })
})
