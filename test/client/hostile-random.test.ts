import {
  Client,
  memoryTransport,
  openMemoryRecords,
  RecordMemory,
  XmtpError,
  type Group,
} from '@xmtp-ts/client'
import {
  GroupMessage,
  QueryGroupMessagesResponse,
  QueryWelcomeMessagesResponse,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { expect, it } from 'vitest'
import { chanceOf } from '../support/chance.ts'
import { hostileNode, type Lies } from '../support/hostile-node.ts'
import { texts, until, walletKey, world } from './world.ts'

const { open, node, keep, options } = world()

/** `XMTP_TS_HOSTILE_SEEDS`: from which seed to which, as `1-50`; two of them unless given. */
const [firstSeed = 1, lastSeed = 2] = (process.env['XMTP_TS_HOSTILE_SEEDS'] ?? '1-2')
  .split('-')
  .map(Number)
const seeds = Array.from({ length: lastSeed - firstSeed + 1 }, (_, index) => firstSeed + index)

function createChance(seed: number) {
  const below = chanceOf(seed)
  return { below, happens: (probability: number) => below(1_000_000) < probability * 1_000_000 }
}

type Chance = ReturnType<typeof createChance>

const damaged = (bytes: Uint8Array, chance: Chance) => {
  const at = chance.below(bytes.length)
  return chance.happens(0.5)
    ? bytes.slice(0, at)
    : Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ (1 << chance.below(8)) : byte))
}

const away = (code: number) => Object.assign(new Error('not now'), { code })

/**
 * What a node may do to an answer and take back later. Messages that it leaves out in the middle are commits alone: of a
 * message that nothing later tells of nobody can know. Of two commits of one epoch nobody can know that the first is left
 * out: who takes the second is in a group of its own, which commit logs tell of. So one member alone commits.
 */
function randomLies(chance: Chance): Lies {
  const message = (one: GroupMessage): GroupMessage[] => {
    const { version } = one
    if (version === undefined || !chance.happens(0.25)) return [one]
    const { value } = version
    const changed = (fields: Partial<typeof value>): GroupMessage => ({
      version: { $case: 'v1', value: { ...value, ...fields } },
    })
    switch (chance.below(5)) {
      case 0:
        return value.isCommit ? [] : [one]
      case 1:
        return [changed({ id: value.id + (1n << 41n) })]
      case 2:
        return [changed({ isCommit: !value.isCommit })]
      default:
        return [changed({ data: damaged(value.data, chance) })]
    }
  }
  return {
    async unary(method, ask) {
      if (chance.happens(0.05)) throw away(13)
      const answer = await ask()
      // Done, and nobody hears of it.
      if (chance.happens(0.05)) throw away(13)
      if (chance.happens(0.05)) return damaged(answer, chance)
      if (method === 'QueryGroupMessages') {
        const page = QueryGroupMessagesResponse.decode(answer)
        const messages = page.messages.flatMap(message)
        const shown = chance.happens(0.2)
          ? messages.slice(0, chance.below(messages.length + 1))
          : messages
        return QueryGroupMessagesResponse.encode({ ...page, messages: shown }).finish()
      }
      if (method === 'QueryWelcomeMessages') {
        const page = QueryWelcomeMessagesResponse.decode(answer)
        const messages = page.messages.filter(() => !chance.happens(0.2))
        // Whatever is left out of a page comes before what is behind it.
        const first = page.messages.findIndex((one) => !messages.includes(one))
        const shown = first < 0 ? page.messages : page.messages.slice(0, first)
        return QueryWelcomeMessagesResponse.encode({ ...page, messages: shown }).finish()
      }
      return answer
    },
    async *stream(method, messages) {
      for await (const bytes of messages) {
        if (chance.happens(0.05)) return
        if (chance.happens(0.05)) throw away(14)
        if (method !== 'SubscribeGroupMessages') yield bytes
        else
          for (const one of message(GroupMessage.decode(bytes)))
            yield GroupMessage.encode(one).finish()
      }
    },
  }
}

const steps = 40

/** Commits in a group while the node lies: keys of epochs are kept for so many, and what was hidden for longer cannot be read. */
const maxCommits = 3

async function stateOf(client: Client, id: string) {
  const group = (await client.conversations.getConversationById(id)) as Group
  const { epoch } = await group.debugInfo()
  return {
    epoch,
    isActive: group.isActive,
    name: group.name,
    members: (await group.members()).map(({ inboxId }) => inboxId).toSorted(),
    texts: texts(await group.messages()).toSorted(),
  }
}

it.each(seeds)(
  'whatever a node shows, a client that it lied to has what everybody has when it is honest (seed %i)',
  { timeout: 120_000 },
  async (seed) => {
    const chance = createChance(seed)
    const between = hostileNode(node().memory())
    const [ann, control, dan] = [await open(1), await open(3), await open(4)]
    const told: unknown[] = []
    const victim = keep(
      await Client.create(walletKey(2), {
        ...options(),
        transport: memoryTransport(between.endpoint),
        store: openMemoryRecords(new RecordMemory()),
        onRefused: ({ error }) => told.push(error),
        onError: (error) => told.push(error),
      }),
    )
    const people = [victim.inboxId, control.inboxId]
    const groups = [
      await ann.conversations.createGroup(people),
      await ann.conversations.createGroup(people),
    ]
    const ids = groups.map(({ id }) => id)
    await Promise.all([victim, control].map((client) => client.conversations.syncAll()))
    const atControl = await Promise.all(
      ids.map((id) => control.conversations.getConversationById(id)),
    )
    const atVictim = await Promise.all(
      ids.map((id) => victim.conversations.getConversationById(id)),
    )
    // The first message of a member commits: later, two commits of one epoch would be in the log.
    for (const group of [...atVictim, ...atControl]) await group!.sendText('before')
    await Promise.all([ann, victim, control].map((client) => client.conversations.syncAll()))
    between.lie(randomLies(chance))
    const seen: string[] = []
    await using stream = await victim.conversations.streamAllMessages({
      resume: 'bot',
      onValue: ({ id }) => void seen.push(id),
    })
    const sent: Promise<unknown>[] = []
    const commits = [0, 0]
    for (let step = 0; step < steps; step += 1) {
      const which = chance.below(2)
      const [group, theirs, ours] = [groups[which]!, atControl[which]!, atVictim[which]!]
      const dice = chance.below(12)
      const isOver = dice >= 8 && dice < 10 && (commits[which] ?? 0) >= maxCommits
      if (dice < 4 || isOver) await group.sendText(`ann ${step}`)
      else if (dice < 6) await theirs.sendText(`control ${step}`)
      else if (dice < 8)
        sent.push(ours.sendText(`victim ${step}`).catch((error: unknown) => told.push(error)))
      else if (dice < 9) {
        commits[which] = (commits[which] ?? 0) + 1
        await group.updateName(`name ${step}`)
      } else if (dice < 10) {
        commits[which] = (commits[which] ?? 0) + 1
        const isIn = (await group.members()).some(({ inboxId }) => inboxId === dan.inboxId)
        await (isIn ? group.removeMembers([dan.inboxId]) : group.addMembers([dan.inboxId]))
      } else if (dice < 11)
        await victim.conversations.syncAll().catch((error: unknown) => told.push(error))
      else {
        const late = await ann.conversations.createGroup(people, { groupName: `late ${step}` })
        await late.sendText('in the late one')
        ids.push(late.id)
      }
    }
    await Promise.all(sent)
    between.beHonest()
    for (const group of groups) await group.sendText('the end')
    for (let round = 0; round < 3; round += 1) await victim.conversations.syncAll()
    await control.conversations.syncAll()
    for (const id of ids) {
      // If it does not come to be, what follows says in what they differ.
      await until(async () => {
        await victim.conversations.syncAll()
        await control.conversations.syncAll()
        const [ours, theirs] = [await stateOf(victim, id), await stateOf(control, id)]
        return ours.texts.length === theirs.texts.length && ours.epoch === theirs.epoch
      }).catch(() => undefined)
      expect(await stateOf(victim, id)).toEqual(await stateOf(control, id))
    }
    // Everything that went wrong had a name, and the stream brought each message once.
    expect(told.filter((error) => !(error instanceof XmtpError))).toEqual([])
    expect(new Set(seen).size).toBe(seen.length)
    expect(stream.isDone).toBe(false)
  },
)
