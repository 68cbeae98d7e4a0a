import { generatePrivateKey } from 'viem/accounts'
import type { BenchNode } from './support.ts'
import { kinds, startHost, type Host, type Kind } from './v3-client-process.ts'
import type { Results } from './v3-client-results.ts'
import type { Crowd, Stores } from './v3-client-world.ts'

export type Bench = {
  readonly node: BenchNode
  readonly stores: Stores
  readonly crowd: Crowd
  readonly results: Results
  readonly rounds: number
}

/** One who does things and one who hears of them, of one SDK, each in a process of their own. */
type Pair = { readonly actor: Host; readonly witness: Host; readonly witnessId: string }

export async function openClient(
  { node, stores }: Pick<Bench, 'node' | 'stores'>,
  kind: Kind,
  url = node.url,
): Promise<{ readonly host: Host; readonly inboxId: string }> {
  const host = startHost(kind)
  const key = generatePrivateKey()
  const opened = await host.do('open', { client: 'it', url, key, path: stores.path() })
  return { host, inboxId: opened.value }
}

async function openPair(bench: Bench, kind: Kind): Promise<Pair> {
  const [actor, witness] = [await openClient(bench, kind), await openClient(bench, kind)]
  await witness.host.do('stream', { client: 'it' })
  return { actor: actor.host, witness: witness.host, witnessId: witness.inboxId }
}

async function endAll(pairs: Readonly<Record<Kind, Pair>>): Promise<void> {
  for (const { actor, witness } of Object.values(pairs))
    await Promise.all([actor.end(), witness.end()])
}

/** Who comes first changes from round to round. */
export function turnsOf(round: number): readonly Kind[] {
  return round % 2 === 0 ? kinds : kinds.toReversed()
}

const text = 'A message of the usual length, as people write them.'

/** Rounds that are not counted: an engine that compiles as it goes, as well as caches, shall be warm. */
const warmUps = { clients: 4, people: 20, groups: 4, messages: 40 } as const

export async function measureTalk(bench: Bench): Promise<void> {
  const { node, stores, crowd, results } = bench
  const rounds = bench.rounds * 4
  const pairs = { theirs: await openPair(bench, 'theirs'), ours: await openPair(bench, 'ours') }
  for (let round = -warmUps.clients; round < rounds; round += 1)
    for (const kind of turnsOf(round)) {
      const options = { url: node.url, key: generatePrivateKey(), path: stores.path() }
      const took = await pairs[kind].actor.do('open', { client: `new ${round}`, ...options })
      if (round >= 0) results.note('create a client, a new inbox', kind, took)
    }
  for (const [round, { inboxId }] of crowd.clients.entries()) {
    if (round >= rounds + warmUps.people) break
    for (const kind of turnsOf(round)) {
      const took = await pairs[kind].actor.do('createDm', { client: 'it', inboxId })
      if (round >= warmUps.people) results.note('create a DM, with somebody new', kind, took)
    }
  }
  await measureSending(bench, pairs)
  await measureHearing(bench, pairs)
  results.print('Milliseconds; CPU of the process that does it')
  await endAll(pairs)
}

async function measureSending(
  { rounds, results }: Bench,
  pairs: Record<Kind, Pair>,
): Promise<void> {
  const groups = {} as Record<Kind, string>
  for (const kind of kinds) {
    const { actor, witnessId } = pairs[kind]
    groups[kind] = (await actor.do('createDm', { client: 'it', inboxId: witnessId })).value
  }
  for (let round = -warmUps.messages; round < rounds * 10; round += 1)
    for (const kind of turnsOf(round)) {
      const { actor, witness } = pairs[kind]
      const group = groups[kind]
      const took = await actor.do('send', { client: 'it', group, text })
      const { value: heard } = await witness.do('arrival', { group, after: took.startedAt })
      if (round < 0) continue
      results.note('send a text in a DM', kind, took)
      results.note('until the other one of the same SDK has it', kind, {
        ms: heard.at - took.startedAt,
      })
    }
}

/** The same sender for both: what differs is who hears it. */
async function measureHearing(
  { rounds, results, crowd }: Bench,
  pairs: Record<Kind, Pair>,
): Promise<void> {
  const [sender] = crowd.clients
  if (sender === undefined) return
  const dms = {
    theirs: await sender.conversations.createDm(pairs.theirs.witnessId),
    ours: await sender.conversations.createDm(pairs.ours.witnessId),
  }
  for (let round = -warmUps.messages; round < rounds * 10; round += 1)
    for (const kind of turnsOf(round)) {
      const startedAt = performance.timeOrigin + performance.now()
      await dms[kind].sendText(text)
      const group = dms[kind].id
      const { value: heard } = await pairs[kind].witness.do('arrival', { group, after: startedAt })
      if (round >= 0)
        results.note('receive by stream, from the call of one sender', kind, {
          ms: heard.at - startedAt,
        })
    }
}

/** Groups that have `size` members when somebody was added. */
export async function measureGroups(bench: Bench, size: number): Promise<void> {
  const { crowd, results, rounds } = bench
  const pairs = { theirs: await openPair(bench, 'theirs'), ours: await openPair(bench, 'ours') }
  const others = crowd.clients.slice(0, size - 3).map(({ inboxId }) => inboxId)
  const added = crowd.clients.at(-1)?.inboxId ?? ''
  for (let round = -warmUps.groups; round < rounds; round += 1)
    for (const kind of turnsOf(round)) {
      const { actor, witness, witnessId } = pairs[kind]
      const inboxIds = [...others, witnessId]
      const made = await actor.do('createGroup', { client: 'it', inboxIds })
      const at = { client: 'it', group: made.value }
      const steps = [
        ['create', made],
        ['add one', () => actor.do('add', { ...at, inboxId: added })],
        ['rename', () => actor.do('rename', { ...at, name: `Round ${round}` })],
        ['remove one', () => actor.do('remove', { ...at, inboxId: added })],
        ['send', () => actor.do('send', { ...at, text })],
      ] as const
      for (const [what, step] of steps) {
        const took = typeof step === 'function' ? await step() : step
        const { value } = await witness.do('arrival', { group: at.group, after: took.startedAt })
        const until = { ms: value.at - took.startedAt }
        if (round < 0) {
          const isFirst = round === -warmUps.groups && what === 'create'
          if (isFirst) results.note('create, the first, all members unknown', kind, took)
          continue
        }
        results.note(what, kind, took)
        results.note(`${what}, until another member has it`, kind, until)
      }
    }
  results.print(`A group of ${size}: milliseconds; CPU of the process that does it`)
  await endAll(pairs)
}
