// How many calls each operation makes. The sequences of libxmtp 1.10 (v3-mls §9.2) are the upper bound; what is below says
// where ours are shorter.
import {
  Client,
  memoryTransport,
  openMemoryRecords,
  RecordMemory,
  type Transport,
} from '@xmtp-ts/client'
import { describe, expect, it } from 'vitest'
import { until, walletKey, world } from './world.ts'

const { open, options, node, keep } = world()

/** A transport that notes the methods that are called, in their order. */
function noting(inner: Transport): { readonly transport: Transport; readonly calls: string[] } {
  const calls: string[] = []
  const note = (path: string) => calls.push(path.split('/').at(-1) ?? path)
  return {
    calls,
    transport: {
      unary(path, ...rest) {
        note(path)
        return inner.unary(path, ...rest)
      },
      serverStream(path, ...rest) {
        note(path)
        return inner.serverStream(path, ...rest)
      },
    },
  }
}

/** A client, and what an operation of it calls. */
async function counted(number: number) {
  const { transport, calls } = noting(memoryTransport(node().memory()))
  const client = keep(await Client.create(walletKey(number), { ...options(), transport }))
  const during = async (work: () => Promise<unknown>): Promise<string[]> => {
    calls.splice(0)
    await work()
    return calls.splice(0)
  }
  return { client, calls, during }
}

const many = (count: number) => Array.from({ length: count }, (_, index) => open(100 + index))

describe('the calls of', () => {
  it('opening a client: four for a new inbox, none for one that is here', async () => {
    const memory = new RecordMemory()
    const { transport, calls } = noting(memoryTransport(node().memory()))
    const create = () =>
      Client.create(walletKey(1), { ...options(), transport, store: openMemoryRecords(memory) })
    await (await create()).close()
    expect(calls.splice(0)).toEqual([
      'GetInboxIds',
      'UploadKeyPackage',
      'PublishIdentityUpdate',
      'GetIdentityUpdates',
    ])
    await (await create()).close()
    expect(calls).toEqual([])
  })

  it('a direct message with somebody new', async () => {
    const [{ during, client }, bo] = [await counted(1), await open(2)]
    expect(await during(() => client.conversations.createDm(bo.inboxId))).toEqual([
      'GetIdentityUpdates',
      'FetchKeyPackages',
      'SendGroupMessages',
      'QueryGroupMessages',
      'SendWelcomeMessages',
    ])
  })

  it('a direct message that is here: none', async () => {
    const [{ during, client }, bo] = [await counted(1), await open(2)]
    await client.conversations.createDm(bo.inboxId)
    expect(await during(() => client.conversations.createDm(bo.inboxId))).toEqual([])
  })

  it('a group of ten, whose members are new', async () => {
    const { during, client } = await counted(1)
    const people = (await Promise.all(many(9))).map(({ inboxId }) => inboxId)
    expect(await during(() => client.conversations.createGroup(people))).toEqual([
      'GetIdentityUpdates',
      'FetchKeyPackages',
      'SendGroupMessages',
      'QueryGroupMessages',
      'SendWelcomeMessages',
    ])
  })

  it('changes of a group', async () => {
    const { during, client } = await counted(1)
    const [bo, cy, di] = await Promise.all(many(3))
    const group = await client.conversations.createGroup([bo!.inboxId, cy!.inboxId])
    expect(await during(() => group.addMembers([di!.inboxId]))).toEqual([
      'GetIdentityUpdates',
      'FetchKeyPackages',
      'SendGroupMessages',
      'QueryGroupMessages',
      'SendWelcomeMessages',
    ])
    expect(await during(() => group.updateName('a name'))).toEqual([
      'SendGroupMessages',
      'QueryGroupMessages',
    ])
    expect(await during(() => group.removeMembers([di!.inboxId]))).toEqual([
      'GetIdentityUpdates',
      'SendGroupMessages',
      'QueryGroupMessages',
    ])
  })

  it('sending: two, of which the second is not waited for; none but the first while a stream is open', async () => {
    const [{ during, client, calls }, bo] = [await counted(1), await open(2)]
    const dm = await client.conversations.createDm(bo.inboxId)
    const logs = 'GetIdentityUpdates'
    expect(await during(() => dm.sendText('the first looks for installations'))).toEqual(
      expect.arrayContaining([logs, 'SendGroupMessages']),
    )
    await dm.messages()
    const sent = await during(async () => {
      await dm.sendText('the second')
      await dm.messages()
    })
    expect(sent).toEqual(['SendGroupMessages', 'QueryGroupMessages'])
    await using _stream = await client.conversations.streamAllMessages()
    await until(() => calls.includes('SubscribeGroupMessages'))
    const streamed = await during(async () => {
      await dm.sendText('the third')
      await dm.messages()
    })
    expect(streamed).toEqual(['SendGroupMessages'])
  })
})

describe('syncAll', () => {
  it('asks once for all conversations together, and once for welcomes, when there is nothing new', async () => {
    const { during, client } = await counted(1)
    const [bo] = await Promise.all(many(1))
    for (let index = 0; index < 20; index += 1)
      await bo!.conversations.createGroup([client.inboxId])
    await client.conversations.syncAll()
    const calls = await during(() => client.conversations.syncAll())
    expect(calls.toSorted()).toEqual(['GetNewestGroupMessage', 'QueryWelcomeMessages'])
  })

  it('reads many groups that have something new with one call more', async () => {
    const { during, client } = await counted(1)
    const [bo] = await Promise.all(many(1))
    const groups = []
    for (let index = 0; index < 20; index += 1)
      groups.push(await bo!.conversations.createGroup([client.inboxId]))
    await client.conversations.syncAll()
    for (const group of groups) await group.sendText('new')
    const calls = await during(() => client.conversations.syncAll())
    expect(calls.toSorted()).toEqual([
      'GetNewestGroupMessage',
      'QueryWelcomeMessages',
      'SubscribeGroupMessages',
    ])
    for (const { id } of groups) {
      const own = await client.conversations.getConversationById(id)
      expect((await own!.lastMessage())?.content).toBe('new')
    }
  })

  it('joins new groups and reads them with four', async () => {
    const { during, client } = await counted(1)
    const [bo] = await Promise.all(many(1))
    for (let index = 0; index < 20; index += 1) {
      const group = await bo!.conversations.createGroup([client.inboxId])
      await group.sendText('hello')
    }
    const calls = await during(() => client.conversations.syncAll())
    expect(calls).toEqual([
      'QueryWelcomeMessages',
      'GetIdentityUpdates',
      'GetNewestGroupMessage',
      'SubscribeGroupMessages',
    ])
  })
})

describe('streams', () => {
  it('begin with two calls for welcomes and two for all groups, however many there are', async () => {
    const { during, client } = await counted(1)
    const [bo] = await Promise.all(many(1))
    for (let index = 0; index < 20; index += 1)
      await bo!.conversations.createGroup([client.inboxId])
    await client.conversations.syncAll()
    const calls = await during(async () => {
      keep(await client.conversations.streamAllMessages())
      keep(await client.conversations.stream())
    })
    expect(calls.toSorted()).toEqual([
      'GetNewestGroupMessage',
      'QueryWelcomeMessages',
      'SubscribeGroupMessages',
      'SubscribeWelcomeMessages',
    ])
  })
})
