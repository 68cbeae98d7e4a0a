import {
  Client,
  memoryTransport,
  type ClientOptions,
  type Group,
  type Refusal,
  XmtpError,
} from '@xmtp-ts/client'
import type { GroupMessage_V1 } from '@xmtp-ts/proto/mls/api/v1/mls'
import { describe, expect, it } from 'vitest'
import {
  aboutLogs,
  aboutMessages,
  aboutWelcomes,
  hostileNode,
  type Lies,
} from '../support/hostile-node.ts'
import { texts, until, walletKey, world } from './world.ts'

const { open, node, keep, options } = world()

/** A client behind a node that may lie, with everything that it was told of. */
async function openVictim(number: number, more: Partial<ClientOptions> = {}) {
  const between = hostileNode(node().memory())
  const told: unknown[] = []
  const tell = (error: unknown) => void told.push(error)
  const client: Client = keep(
    await Client.create(walletKey(number), {
      ...options(),
      transport: memoryTransport(between.endpoint),
      onRefused: ({ error }: Refusal) => tell(error),
      onError: tell,
      ...more,
    }),
  )
  const codes = () =>
    told.map((error) =>
      error instanceof XmtpError ? (error.details['mlsCode'] ?? error.code) : String(error),
    )
  /** What throws was told, too. */
  const sync = () => client.conversations.syncAll().then(() => undefined, tell)
  return { client, between, codes, sync }
}

type Victim = Awaited<ReturnType<typeof openVictim>>

/** What a client has of a conversation, but for when it came. */
async function have(client: Client, id: string) {
  const group = (await client.conversations.getConversationById(id)) as Group
  const { epoch } = await group.debugInfo()
  const members = (await group.members()).map(({ inboxId }) => inboxId).toSorted()
  const messages = await group.messages()
  // Their times are the node's word: the order of a list is as true as the node.
  return { epoch, members, name: group.name, texts: texts(messages).toSorted() }
}

async function expectSame(victim: Client, control: Client, ids: readonly string[]) {
  for (const id of ids) {
    const theirs = await have(control, id)
    // If it does not come to be, what follows says in what they differ.
    await until(async () => {
      const ours = await have(victim, id)
      return ours.epoch === theirs.epoch && ours.texts.length === theirs.texts.length
    }).catch(() => undefined)
    expect(await have(victim, id)).toEqual(theirs)
  }
}

const only =
  (groupId: string, change: (all: readonly GroupMessage_V1[]) => readonly GroupMessage_V1[]) =>
  (all: readonly GroupMessage_V1[]) =>
    all.length > 0 && Buffer.from(all[0]!.groupId).toString('hex') === groupId ? change(all) : all

const flipped = (bytes: Uint8Array, at: number) =>
  Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ 1 : byte))

type Kind = {
  readonly lies: (groupId: string, other: string) => Lies
  /** One of these is told. Undefined: nobody can tell. */
  readonly codes: readonly string[] | undefined
  /** The same of who listens, if it is another. */
  readonly streamed?: { readonly codes: readonly string[] | undefined }
}

const messageKinds: Record<string, Kind> = {
  'shows everything twice': {
    lies: (id) =>
      aboutMessages(
        only(id, (all) =>
          all.flatMap((one) => [
            { ...one, id: one.id * 10n },
            { ...one, id: one.id * 10n + 1n },
          ]),
        ),
      ),
    codes: ['message.generationSpent'],
  },
  'turns pages around': {
    lies: (id) => aboutMessages(only(id, (all) => all.toReversed())),
    codes: ['client.network.malformedAnswer'],
    streamed: { codes: undefined },
  },
  // Of what nothing tells that comes later, in the same epoch from the same sender, nobody can know.
  'leaves out the first message': {
    lies: (id) => {
      let first: bigint | undefined
      return aboutMessages(
        only(id, (all) => {
          first ??= all[0]!.id
          return all.filter((one) => one.id !== first)
        }),
      )
    },
    codes: undefined,
  },
  'leaves out commits': {
    lies: (id) => aboutMessages(only(id, (all) => all.filter(({ isCommit }) => !isCommit))),
    codes: ['message.epochInFuture'],
  },
  'shows nothing': {
    lies: (id) => aboutMessages(only(id, () => [])),
    codes: undefined,
  },
  'cuts messages short': {
    lies: (id) =>
      aboutMessages(
        only(id, (all) => all.map((one) => ({ ...one, data: one.data.slice(0, -20) }))),
      ),
    codes: ['codec.truncated'],
  },
  'changes a bit at the end': {
    lies: (id) =>
      aboutMessages(
        only(id, (all) =>
          all.map((one) => ({ ...one, data: flipped(one.data, one.data.length - 1) })),
        ),
      ),
    codes: ['message.undecryptable'],
  },
  'changes a bit of the epoch': {
    lies: (id) =>
      aboutMessages(only(id, (all) => all.map((one) => ({ ...one, data: flipped(one.data, 27) })))),
    codes: ['message.epochInFuture'],
  },
  'gives places far ahead': {
    lies: (id) =>
      aboutMessages(only(id, (all) => all.map((one) => ({ ...one, id: one.id + (1n << 40n) })))),
    codes: undefined,
  },
  'gives places that nobody can have': {
    lies: (id) =>
      aboutMessages(only(id, (all) => all.map((one) => ({ ...one, id: one.id + (1n << 62n) })))),
    codes: ['client.network.malformedAnswer'],
    streamed: { codes: ['client.message.falsePlace'] },
  },
  'gives other times': {
    lies: (id) =>
      aboutMessages(
        only(id, (all) => all.map((one) => ({ ...one, createdNs: one.id * 1_000_000_000n }))),
      ),
    codes: undefined,
  },
  'says that commits are none': {
    lies: (id) =>
      aboutMessages(only(id, (all) => all.map((one) => ({ ...one, isCommit: !one.isCommit })))),
    codes: undefined,
  },
  'answers with another group': {
    lies: (id, other) =>
      aboutMessages(
        only(id, (all) => all.map((one) => ({ ...one, groupId: Buffer.from(other, 'hex') }))),
      ),
    codes: ['client.network.malformedAnswer', 'message.wrongGroup'],
  },
  'shows messages that name another group': {
    lies: (id) =>
      aboutMessages(only(id, (all) => all.map((one) => ({ ...one, data: flipped(one.data, 6) })))),
    codes: ['message.wrongGroup'],
  },
  'shows a message of 26 MB': {
    lies: (id) =>
      aboutMessages(
        only(id, (all) => all.map((one) => ({ ...one, data: new Uint8Array(26_300_000) }))),
      ),
    codes: ['bytes.tooLong'],
  },
}

/** Two groups with the victim and somebody whose node is honest. */
async function scene(victim: Victim) {
  const [ann, control] = [await open(1), await open(3)]
  const people = [victim.client.inboxId, control.inboxId]
  const one = await ann.conversations.createGroup(people, { groupName: 'one' })
  const other = await ann.conversations.createGroup(people, { groupName: 'other' })
  await one.sendText('before')
  await control.conversations.syncAll()
  await victim.client.conversations.syncAll()
  await other.sendText('0')
  return {
    ids: [one.id, other.id],
    one,
    other,
    control,
    /** Two messages around a commit in the one, a message in the other. */
    async talk(round: number) {
      await other.sendText(`other ${round}`)
      await one.sendText(`a ${round}`)
      await one.sendText(`a' ${round}`)
      await one.updateName(`name ${round}`)
      await one.sendText(`b ${round}`)
      await other.sendText(`and ${round}`)
    },
  }
}

describe.each(Object.entries(messageKinds))('a node that %s', (_, { lies, codes, streamed }) => {
  const expectTold = (victim: Victim, codes: Kind['codes']) => {
    if (codes !== undefined)
      expect(victim.codes().filter((code) => codes.includes(String(code)))).not.toEqual([])
  }

  it('does no lasting harm to who asks', async () => {
    const victim = await openVictim(2)
    const { ids, one, other, control, talk } = await scene(victim)
    victim.between.lie(lies(one.id, other.id))
    await talk(1)
    await victim.sync()
    expectTold(victim, codes)
    // The other conversation went on.
    await control.conversations.syncAll()
    expect(await have(victim.client, other.id)).toEqual(await have(control, other.id))
    victim.between.beHonest()
    await victim.sync()
    await victim.sync()
    await expectSame(victim.client, control, ids)
    await talk(2)
    await control.conversations.syncAll()
    await victim.sync()
    await expectSame(victim.client, control, ids)
  })

  it('does no lasting harm to who listens', async () => {
    const victim = await openVictim(2)
    const { ids, one, other, control, talk } = await scene(victim)
    victim.between.lie(lies(one.id, other.id))
    await using _stream = await victim.client.conversations.streamAllMessages()
    await talk(1)
    await control.conversations.syncAll()
    await until(async () => (await have(victim.client, other.id)).texts.includes('and 1'))
    const wanted = streamed === undefined ? codes : streamed.codes
    if (wanted !== undefined)
      await until(() => victim.codes().some((code) => wanted.includes(String(code))))
    victim.between.beHonest()
    await talk(2)
    await control.conversations.syncAll()
    await until(async () => (await have(victim.client, one.id)).texts.includes('b 2'))
    await victim.sync()
    await expectSame(victim.client, control, ids)
  })
})

type Welcome = Parameters<Parameters<typeof aboutWelcomes>[0]>[0][number]

type WelcomeFields = { id?: bigint; installationKey?: Uint8Array; hpkePublicKey?: Uint8Array }

/** One and the same welcome with other fields. */
const welcomeWith = (welcome: Welcome, fields: WelcomeFields): Welcome =>
  welcome.$case === 'v1'
    ? { $case: 'v1', value: { ...welcome.value, ...fields } }
    : { $case: 'welcomePointer', value: { ...welcome.value, ...fields } }

const withData = (welcome: Welcome, change: (data: Uint8Array) => Uint8Array): Welcome =>
  welcome.$case === 'v1'
    ? { $case: 'v1', value: { ...welcome.value, data: change(welcome.value.data) } }
    : welcome

const welcomeKinds: Record<string, Kind> = {
  'shows welcomes twice': {
    lies: () =>
      aboutWelcomes((all) =>
        all.flatMap((one) => [
          welcomeWith(one, { id: one.value.id * 10n }),
          welcomeWith(one, { id: one.value.id * 10n + 1n }),
        ]),
      ),
    codes: undefined,
  },
  'cuts welcomes short': {
    lies: () =>
      aboutWelcomes((all) => all.map((one) => withData(one, (data) => data.slice(0, -9)))),
    codes: ['v3.welcome.malformed', 'v3.welcome.undecryptable'],
  },
  'changes a bit of welcomes': {
    lies: () =>
      aboutWelcomes((all) => all.map((one) => withData(one, (data) => flipped(data, 2_000)))),
    codes: ['v3.welcome.undecryptable'],
  },
  'shows welcomes under keys that nobody has': {
    lies: () =>
      aboutWelcomes((all) =>
        all.map((one) => welcomeWith(one, { hpkePublicKey: new Uint8Array(32).fill(9) })),
      ),
    codes: ['v3.welcome.notForUs'],
  },
  'shows welcomes of others': {
    lies: () =>
      aboutWelcomes((all) =>
        all.map((one) => welcomeWith(one, { installationKey: new Uint8Array(32).fill(9) })),
      ),
    codes: ['client.network.malformedAnswer'],
  },
  'shows no welcomes': { lies: () => aboutWelcomes(() => []), codes: undefined },
  'gives welcomes places far ahead': {
    lies: () =>
      aboutWelcomes((all) =>
        all.map((one) => welcomeWith(one, { id: one.value.id + (1n << 40n) })),
      ),
    codes: undefined,
  },
  'shows a welcome of 25 MB': {
    lies: () =>
      aboutWelcomes((all) => all.map((one) => withData(one, () => new Uint8Array(26_300_000)))),
    codes: ['client.network.malformedAnswer'],
  },
}

const logKinds: Record<string, Kind> = {
  'cuts logs short': {
    lies: () =>
      aboutLogs((all) => all.map((one) => ({ ...one, updates: one.updates.slice(0, -1) }))),
    codes: ['client.welcome.badMembers', 'v3.group.commitRefused'],
  },
  'empties logs': {
    lies: () => aboutLogs((all) => all.map((one) => ({ ...one, updates: [] }))),
    codes: ['client.welcome.badMembers', 'v3.group.commitRefused'],
  },
  'swaps logs': {
    lies: () =>
      aboutLogs((all) =>
        all.map((one, index) => ({ ...one, updates: all.at(index - 1)!.updates })),
      ),
    // Of a single log there is nothing to swap.
    codes: undefined,
  },
  'shows logs of others': {
    lies: () => aboutLogs((all) => all.map((one) => ({ ...one, inboxId: 'ab'.repeat(32) }))),
    codes: ['client.welcome.badMembers', 'v3.group.commitRefused'],
  },
  'gives updates other places': {
    lies: () =>
      aboutLogs((all) =>
        all.map((one) => ({
          ...one,
          updates: one.updates.map((update) => ({ ...update, sequenceId: update.sequenceId + 7n })),
        })),
      ),
    codes: ['client.welcome.badMembers', 'v3.group.commitRefused'],
  },
  'turns logs around': {
    lies: () =>
      aboutLogs((all) =>
        all.map((one) => {
          const ids = one.updates.map(({ sequenceId }) => sequenceId)
          const turned = one.updates.toReversed()
          return {
            ...one,
            updates: turned.map((update, index) => ({ ...update, sequenceId: ids[index]! })),
          }
        }),
      ),
    codes: ['client.welcome.badMembers', 'v3.group.commitRefused'],
  },
  'does not answer about logs': {
    lies: () => ({
      async unary(method, ask) {
        if (method === 'GetIdentityUpdates') throw Object.assign(new Error('away'), { code: 9_999 })
        return ask()
      },
    }),
    codes: ['client.node.failed'],
  },
  'says that logs are not to be had now': {
    lies: () => ({
      async unary(method, ask, request) {
        if (method !== 'GetIdentityUpdates' || request.length < 60) return ask()
        throw Object.assign(new Error('later'), { code: 4 })
      },
    }),
    codes: ['client.network.timeout'],
  },
}

describe.each([...Object.entries(welcomeKinds), ...Object.entries(logKinds)])(
  'a node that %s',
  (_, { lies, codes }) => {
    /** Somebody new with two installations; groups from before and from during the lies. */
    async function started() {
      const victim = await openVictim(2)
      const [ann, control] = [await open(1), await open(3)]
      const people = [victim.client.inboxId, control.inboxId]
      const old = await ann.conversations.createGroup(people, { groupName: 'old' })
      await victim.client.conversations.syncAll()
      victim.between.lie(lies('', ''))
      return { victim, ann, control, people, old }
    }

    async function change({ ann, people, old }: Awaited<ReturnType<typeof started>>) {
      const dan = await open(4)
      await open(4, { dbPath: null })
      const fresh = await ann.conversations.createGroup([...people, dan.inboxId], {
        groupName: 'fresh',
      })
      await fresh.sendText('in the fresh one')
      await old.addMembers([dan.inboxId])
      await old.sendText('in the old one')
      return [old.id, fresh.id]
    }

    it('does no lasting harm to who asks', async () => {
      const all = await started()
      const { victim, control } = all
      const ids = await change(all)
      await victim.sync()
      if (codes !== undefined)
        expect(victim.codes().filter((code) => codes.includes(String(code)))).not.toEqual([])
      victim.between.beHonest()
      await control.conversations.syncAll()
      await using _stream = await victim.client.conversations.streamAllMessages()
      await victim.sync()
      await victim.sync()
      await until(async () => (await victim.client.conversations.list()).length === 2)
      await expectSame(victim.client, control, ids)
      // One group each, whatever came twice.
      expect(await victim.client.conversations.list()).toHaveLength(2)
    })

    it('does no lasting harm to who listens', async () => {
      const all = await started()
      const { victim, control } = all
      await using _stream = await victim.client.conversations.streamAllMessages()
      const ids = await change(all)
      if (codes !== undefined)
        await until(() => victim.codes().some((code) => codes.includes(String(code))))
      victim.between.beHonest()
      await control.conversations.syncAll()
      await until(async () => (await victim.client.conversations.list()).length === 2)
      await expectSame(victim.client, control, ids)
    })
  },
)

describe('a sync', () => {
  it('goes on with everything else when one part of it fails, and says then what it was', async () => {
    const victim = await openVictim(2)
    const { ids, one, control, talk } = await scene(victim)
    await talk(1)
    const fresh = await open(5)
    const late = await fresh.conversations.createGroup([victim.client.inboxId, control.inboxId])
    victim.between.lie({
      async unary(method, ask) {
        if (method === 'QueryWelcomeMessages') throw Object.assign(new Error('no'), { code: 13 })
        return ask()
      },
    })
    await expect(victim.client.conversations.syncAll()).rejects.toMatchObject({
      code: 'client.node.failed',
    })
    await control.conversations.syncAll()
    await expectSame(victim.client, control, ids)
    victim.between.lie({
      async unary(method, ask) {
        if (method === 'GetNewestGroupMessage') return Uint8Array.of(255)
        return ask()
      },
    })
    await one.sendText('more')
    await expect(victim.client.conversations.syncAll()).rejects.toMatchObject({
      code: 'client.network.malformedAnswer',
    })
    expect(await victim.client.conversations.getConversationById(late.id)).toBeDefined()
    victim.between.beHonest()
    await victim.client.conversations.syncAll()
    await control.conversations.syncAll()
    await expectSame(victim.client, control, [...ids, late.id])
  })

  it('of a group that does not answer holds up no other, and ends with its client', async () => {
    const victim = await openVictim(2)
    const { one, other, talk } = await scene(victim)
    await talk(1)
    victim.between.lie({
      async unary(method, ask, request) {
        const isOne = Buffer.from(request).includes(Buffer.from(one.id, 'hex'))
        if (method === 'QueryGroupMessages' && isOne) return new Promise(() => undefined)
        return ask()
      },
    })
    const syncing = victim.client.conversations.syncAll()
    const ended = expect(syncing).rejects.toMatchObject({ code: 'client.closed' })
    await until(async () => (await have(victim.client, other.id)).texts.includes('and 1'))
    await victim.client.close()
    await ended
  })

  it('of a log without end stops, and goes on there', async () => {
    const victim = await openVictim(2)
    const { ids, one, control, talk } = await scene(victim)
    const groupId = Uint8Array.from(Buffer.from(one.id, 'hex'))
    let pages = 0
    const { createMlsApi } = await import('../../packages/client/src/network/mls-api.ts')
    const { systemEnvironment } = await import('@xmtp-ts/client')
    const { QueryGroupMessagesRequest, QueryGroupMessagesResponse } =
      await import('@xmtp-ts/proto/mls/api/v1/mls')
    const api = createMlsApi({
      headers: {},
      environment: systemEnvironment,
      transport: {
        async unary(_path, request) {
          pages += 1
          const from = QueryGroupMessagesRequest.decode(request).pagingInfo?.idCursor ?? 0n
          const messages = Array.from({ length: 100 }, (_, index) => ({
            version: {
              $case: 'v1' as const,
              value: {
                id: from + BigInt(index + 1),
                createdNs: 1n,
                groupId,
                data: new Uint8Array(1),
                senderHmac: new Uint8Array(),
                shouldPush: false,
                isCommit: false,
              },
            },
          }))
          const pagingInfo = { direction: 1, limit: 100, idCursor: from + 100n }
          return QueryGroupMessagesResponse.encode({ messages, pagingInfo }).finish()
        },
        serverStream: () => Promise.reject(new Error('not asked')),
      },
    })
    const read = async () => {
      for await (const page of api.queryGroupMessages(groupId, 0n)) if (page.length !== 100) return
    }
    await expect(read()).rejects.toMatchObject({ code: 'client.network.endless' })
    expect(pages).toBe(2_000)
    await talk(1)
    await victim.sync()
    await control.conversations.syncAll()
    await expectSame(victim.client, control, ids)
  })
})
