import {
  Client,
  memoryTransport,
  type ClientOptions,
  type ErrorCode,
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
  readonly codes: readonly (ErrorCode | string)[] | undefined
  /** The same of who listens, if it is another. */
  readonly streamed?: { readonly codes: readonly (ErrorCode | string)[] | undefined }
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
      await until(() => victim.codes().some((code) => wanted.includes(code)))
    victim.between.beHonest()
    await talk(2)
    await control.conversations.syncAll()
    await until(async () => (await have(victim.client, one.id)).texts.includes('b 2'))
    await victim.sync()
    await expectSame(victim.client, control, ids)
  })
})
