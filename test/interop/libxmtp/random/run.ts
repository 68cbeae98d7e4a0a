import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { startNode, type LocalNode } from '../node.ts'
import { chanceOf } from './chance.ts'
import {
  differencesOfMessages,
  differencesOfState,
  lost,
  notStreamed,
  unexpected,
  type Seen,
  type Told,
} from './checks.ts'
import { guests, describeOperation, planOperations, type Operation } from './operations.ts'
import { openOurs } from './our-peer.ts'
import type { Peer } from './peer.ts'
import { openTheirs } from './their-peer.ts'

export type Outcome = {
  /** What is not as it must be; empty if all is well. */
  readonly faults: readonly string[]
  /** Every operation and what came of it, in the order of their ends. */
  readonly log: readonly string[]
}

/** What goes on during one run. */
type World = {
  readonly node: LocalNode
  readonly peers: readonly Peer[]
  readonly told: Told[]
  readonly log: string[]
}

/**
 * Three clients of ours and three of libxmtp in one group do random things, several at the same time. When all is quiet they
 * must be in the same epoch and see the same.
 * @param folder for the stores of everybody
 */
export async function runSeed(seed: number, count: number, folder: string): Promise<Outcome> {
  await using node = await startNode(join(folder, 'node.db'))
  const world = await openWorld(node, seed, folder)
  try {
    for (const round of planOperations(seed, count))
      await Promise.all(round.map((operation) => perform(world, operation)))
    const faults = await faultsAtTheEnd(world).catch((error: unknown) => [String(error)])
    return { faults, log: world.log }
  } finally {
    for (const peer of world.peers) await peer.close()
  }
}

async function openWorld(node: LocalNode, seed: number, folder: string): Promise<World> {
  const options = (name: string) => ({
    name,
    apiUrl: node.url,
    dbPath: join(folder, `${name}.db3`),
  })
  const key = (place: number) => (seed * 100 + place + 1).toString(16).padStart(64, '0')
  const people = await Promise.all([
    ...[0, 1, 2].map((place) => openOurs({ ...options(`ours ${place}`), privateKey: key(place) })),
    ...[3, 4, 5].map((place) => openTheirs(options(`theirs ${place}`))),
  ])
  const [first, ...others] = people
  const groupId = await first!.createGroup(others.map(({ inboxId }) => inboxId))
  const peers = people.map((person) => person.inGroup(groupId))
  await Promise.all(peers.map((peer) => peer.sync()))
  const chance = chanceOf(-seed)
  for (const peer of peers) if (chance(2) === 0) await peer.startStream()
  return { node, peers, told: [], log: [] }
}

/** Who is out of the group, may not, or loses every race, is told so; that is no fault. */
async function perform(world: World, operation: Operation): Promise<void> {
  await wait(operation.delayMs)
  const what = describeOperation(operation)
  const begun = performance.now()
  const note = (outcome: string) =>
    world.log.push(`${what} -> ${outcome} (${Math.round(performance.now() - begun)} ms)`)
  try {
    await doOne(world, operation)
    note('done')
  } catch (error) {
    note(String(error).slice(0, 300))
  }
}

async function doOne({ node, peers, told }: World, operation: Operation): Promise<unknown> {
  const peer = peers[operation.by]!
  const words = `${operation.number} of ${peer.name}`
  switch (operation.kind) {
    case 'say':
      return told.push({ id: await peer.say(words), text: words, by: peer })
    case 'rename':
      return peer.rename(`name ${words}`)
    case 'describe':
      return peer.describe(`about ${words}`)
    case 'sync':
      return peer.sync()
    case 'leave':
      return peer.leave()
    case 'restart':
      return peer.restart()
    case 'restartNode':
      return node.restart()
    case 'add':
      return peer.add(peers[operation.whom]!.inboxId)
    case 'remove':
      return peer.remove(peers[operation.whom]!.inboxId)
    case 'promote':
      return peer.promote(peers[operation.whom]!.inboxId, operation.list)
    case 'demote':
      return peer.demote(peers[operation.whom]!.inboxId, operation.list)
    case 'setPolicy':
      return peer.setPolicy(operation.change)
    default:
      return operation satisfies never
  }
}

async function faultsAtTheEnd(world: World): Promise<readonly string[]> {
  const { peers, told } = world
  await settle(world)
  const [first] = peers
  await first!.setPolicy({ kind: 'addMember', policy: 'allow' })
  const { members } = await first!.view()
  for (const guest of guests)
    if (!members.includes(peers[guest]!.inboxId)) await first!.add(peers[guest]!.inboxId)
  await settle(world)
  const closings: Told[] = []
  for (const peer of peers) {
    const words = `the last of ${peer.name}`
    closings.push({ id: await sayAtLast(peer, words), text: words, by: peer })
  }
  const seen = await settle(world)
  const stayed = new Set(peers.filter((_, place) => !guests.some((guest) => guest === place)))
  const stayers = seen.filter(({ peer }) => stayed.has(peer))
  const toldByStayers = told.filter(({ by }) => stayed.has(by))
  return [
    ...differencesOfState(seen),
    ...differencesOfMessages(stayers),
    ...lost(toldByStayers, stayers),
    ...lost(closings, seen),
    ...seen.filter(({ peer }) => peer.isOurs).flatMap(notStreamed),
    ...stayers.flatMap(({ peer, view }) => (view.maybeForked ? [`${peer.name} is forked`] : [])),
    ...peers.flatMap(({ name, complaints }) =>
      unexpected(complaints()).map((complaint) => `${name} complains: ${complaint}`),
    ),
  ]
}

/** libxmtp gives up after three commits of its own that waited, or of others; what it has still to send goes first. */
async function sayAtLast(peer: Peer, words: string): Promise<string> {
  for (let tries = 1; ; tries += 1)
    try {
      return await peer.say(words)
    } catch (error) {
      if (peer.isOurs || tries === 10) throw error
    }
}

/** Everybody reads until nobody gets any further, for a minute at the most. */
async function settle({ peers, log }: World): Promise<readonly Seen[]> {
  const end = performance.now() + 60_000
  let before = ''
  for (;;) {
    for (const peer of peers)
      await peer
        .sync()
        .catch((error: unknown) => log.push(`${peer.name} reads -> ${String(error).slice(0, 300)}`))
    const views = await Promise.all(peers.map((peer) => peer.view()))
    const seen = peers.map((peer, place) => ({ peer, view: views[place]! }))
    const now = views.map(({ epoch, said }) => `${epoch} ${said.length}`).join()
    const active = views.filter(({ isActive }) => isActive)
    const isTogether = new Set(active.map(({ epoch }) => epoch)).size === 1
    if ((now === before && isTogether) || performance.now() > end) return seen
    before = now
  }
}
