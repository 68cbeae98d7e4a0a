import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  Client,
  ConsentState,
  GroupMessageKind,
  memoryTransport,
  type ClientOptions,
  type Refusal,
} from '../index.ts'

const walletKey = (number: number) => number.toString(16).padStart(64, '0')

let node: Node
const clients: Client[] = []
const refusals: Refusal[] = []
const failures: unknown[] = []

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await node[Symbol.asyncDispose]()
  expect(refusals.splice(0)).toEqual([])
  expect(failures.splice(0)).toEqual([])
})

async function open(number: number, options: ClientOptions = {}): Promise<Client> {
  const client: Client = await Client.create(walletKey(number), {
    transport: memoryTransport(node.memory()),
    dbPath: null,
    onRefused: (refusal) => refusals.push(refusal),
    onError: (error) => failures.push(error),
    ...options,
  })
  clients.push(client)
  return client
}

const texts = (messages: readonly { content: unknown; kind: number }[]) =>
  messages.filter(({ kind }) => kind === GroupMessageKind.Application).map(({ content }) => content)

describe('two clients', () => {
  it('write to each other in a direct message', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const dm = await ann.conversations.createDm(ben.inboxId)
    expect(dm.peerInboxId).toBe(ben.inboxId)
    expect(dm.consentState()).toBe(ConsentState.Allowed)
    await dm.sendText('hello')
    await ben.conversations.syncAll()
    const [theirs] = await ben.conversations.listDms()
    expect(theirs?.id).toBe(dm.id)
    expect(texts(await theirs!.messages())).toEqual(['hello'])
    expect(theirs!.consentState()).toBe(ConsentState.Unknown)
    await theirs!.sendText('hi')
    expect(theirs!.consentState()).toBe(ConsentState.Allowed)
    await dm.sync()
    expect(texts(await dm.messages())).toEqual(['hello', 'hi'])
    const [last, again] = [await dm.lastMessage(), await theirs!.lastMessage()]
    expect(again).toMatchObject({ id: last!.id, sentAtNs: last!.sentAtNs })
  })
})
