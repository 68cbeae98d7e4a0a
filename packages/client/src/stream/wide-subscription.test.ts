import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createNode, openMemoryLog, type Node } from '@xmtp-ts/node'
import { limits } from '@xmtp-ts/protocol'
import { systemEnvironment } from '../environment.ts'
import { createMessageApi, type MessageApi } from '../network/message-api.ts'
import { memoryTransport } from '../transport/memory.ts'
import { Client } from '../v2/client.ts'
import { openSubscription } from './subscription.ts'
import { openWideSubscription, type WideSubscription } from './wide-subscription.ts'

let node: Node
let api: MessageApi
let client: Client
let controller: AbortController

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog() })
  const transport = memoryTransport(node.memory())
  client = await Client.create('1'.padStart(64, '0'), { transport })
  api = createMessageApi({ transport, headers: {}, environment: systemEnvironment })
  controller = new AbortController()
})

afterEach(async () => {
  controller.abort()
  await client.close()
  await node[Symbol.asyncDispose]()
})

const named = (count: number) =>
  Array.from({ length: count }, (_, index) => `/xmtp/0/m-wide-${index}/proto`)

const options = (topics: readonly string[]) => ({
  api,
  environment: systemEnvironment,
  topics,
  signal: controller.signal,
})

let sent = 0
async function publish(topic: string | undefined): Promise<void> {
  sent += 1
  await client.publishEnvelopes([{ contentTopic: topic!, message: Uint8Array.of(sent) }])
}

async function take(subscription: WideSubscription, count: number): Promise<string[]> {
  const topics: string[] = []
  while (topics.length < count) {
    const next = await subscription.envelopes.next()
    if (next.done === true) throw new Error('The subscription ended.')
    topics.push(next.value.topic)
  }
  return topics.toSorted()
}

describe('a subscription of more topics than a node takes in one', () => {
  it('follows each of them', async () => {
    const topics = named(limits.maxContentTopics + 1)
    await expect(openSubscription(options(topics))).rejects.toMatchObject({
      code: 'client.node.refused',
    })
    const wide = await openWideSubscription(options(topics))
    const ends = [topics[0]!, topics.at(-1)!]
    for (const topic of ends) await publish(topic)
    expect(await take(wide, 2)).toEqual(ends.toSorted())
  })

  it('grows, with every envelope once and none missed', async () => {
    const topics = named(7)
    const wide = await openWideSubscription(options(topics.slice(0, 2)), 2)
    const seen: string[] = []
    for (const [index, topic] of topics.entries()) {
      await wide.addTopics([topic])
      for (const followed of topics.slice(0, index + 1)) await publish(followed)
      seen.push(...(await take(wide, index + 1)))
    }
    const counts = topics.map((topic) => seen.filter((one) => one === topic).length)
    expect(counts).toEqual([7, 6, 5, 4, 3, 2, 1])
  })

  it('ends with its signal, also while it waits', async () => {
    const wide = await openWideSubscription(options(named(5)), 2)
    const waiting = wide.envelopes.next()
    controller.abort()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await wide.addTopics(named(9))
  })
})
