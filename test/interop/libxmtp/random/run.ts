import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { startNode, type LocalNode } from '../node.ts'
import { chanceOf } from '../../../support/chance.ts'
import {
  differencesOfMessages,
  differencesOfState,
  hasEverLostPlace,
  hasLostPlace,
  lost,
  notStreamed,
  unexpected,
  type Seen,
  type Told,
} from './checks.ts'
import {
  describeOperation,
  founderOf,
  guests,
  planOperations,
  type Operation,
} from './operations.ts'
import { openOurs, openTheirs, type Peer } from './peer.ts'

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
  /** Who made the group and stays its super admin. */
  readonly founder: Peer
  readonly groupId: string
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
  const peers = await openPeers(node, folder)
  try {
    const world = await openWorld(node, peers, seed)
    for (const round of planOperations(seed, count))
      await Promise.all(round.map((operation) => perform(world, operation)))
    const faults = await faultsAtTheEnd(world).catch((error: unknown) => [String(error)])
    return { faults, log: world.log }
  } finally {
    await Promise.all(peers.map((peer) => peer.close()))
  }
}

function openPeers({ url: apiUrl }: LocalNode, folder: string): Promise<readonly Peer[]> {
  const options = (name: string) => ({ name, apiUrl, dbPath: join(folder, `${name}.db3`) })
  return Promise.all([
    ...[0, 1, 2].map((place) => openOurs(options(`ours ${place}`))),
    ...[3, 4, 5].map((place) => openTheirs(options(`theirs ${place}`))),
  ])
}

async function openWorld(node: LocalNode, peers: readonly Peer[], seed: number): Promise<World> {
  const founder = peers[founderOf(seed)]!
  const others = peers.filter((peer) => peer !== founder)
  const group = await founder.client().newGroup(others.map(({ inboxId }) => inboxId))
  for (const peer of others) await peer.client().syncAll()
  const chance = chanceOf(-seed)
  for (const peer of peers) if (chance(2) === 0) await peer.startStream()
  return { node, peers, founder, groupId: group.id, told: [], log: [] }
}

/** Who is out of the group, may not, or loses every race, is told so; that is no fault. */
async function perform(world: World, operation: Operation): Promise<void> {
  await wait(operation.delayMs)
  const what = describeOperation(operation)
  const begun = performance.now()
  const note = (outcome: string) =>
    world.log.push(`${what} -> ${outcome} (${Math.round(performance.now() - begun)} ms)`)
  try {
    await operate(world, operation)
    note('done')
  } catch (error) {
    note(String(error).slice(0, 300))
  }
}

async function operate(
  { node, peers, groupId, told }: World,
  operation: Operation,
): Promise<unknown> {
  const peer = peers[operation.by]!
  if (operation.kind === 'restart') return peer.restart()
  if (operation.kind === 'restartNode') return node.restart()
  if (operation.kind === 'sync') return peer.client().syncAll()
  const text = `${operation.number} of ${peer.name}`
  const group = await peer.group(groupId)
  const whom = 'whom' in operation ? peers[operation.whom]!.inboxId : ''
  switch (operation.kind) {
    case 'say':
      return told.push({ id: await group.send(text), text, by: peer })
    case 'rename':
      return group.updateName(`name ${text}`)
    case 'describe':
      return group.updateDescription(`about ${text}`)
    case 'leave':
      return group.leave()
    case 'add':
      return group.addMembers([whom])
    case 'remove':
      return group.removeMembers([whom])
    case 'promote':
      return operation.list === 'admin' ? group.addAdmin(whom) : group.addSuperAdmin(whom)
    case 'demote':
      return operation.list === 'admin' ? group.removeAdmin(whom) : group.removeSuperAdmin(whom)
    case 'setPolicy': {
      const { kind, policy, field } = operation.change
      return group.updatePermission(kind, policy, field)
    }
    default:
      throw new Error(`Nobody knows how to ${operation.kind}.`)
  }
}

async function faultsAtTheEnd(world: World): Promise<readonly string[]> {
  const { peers, told, groupId } = world
  await bringBack(world)
  const closings: Told[] = []
  for (const peer of peers) {
    const text = `the last of ${peer.name}`
    const id = await atLast(peer, async () => (await peer.group(groupId)).send(text))
    closings.push({ id, text, by: peer })
  }
  const founder = await world.founder.view(groupId)
  const everybody = await settle(world)
  const theirs = everybody.filter(({ peer }) => !peer.isOurs && peer !== world.founder)
  const isSomebodyLost = theirs.some(({ view }) => hasEverLostPlace(view, founder))
  const lostNow = new Set(theirs.filter(({ view }) => hasLostPlace(view, founder)))
  for (const { peer } of lostNow) world.log.push(`${peer.name} has lost its place`)
  const seen = everybody.filter((one) => !lostNow.has(one))
  const present = new Set(seen.map(({ peer }) => peer))
  const stayed = new Set(peers.filter((_, place) => !guests.some((guest) => guest === place)))
  const stayers = seen.filter(({ peer }) => stayed.has(peer))
  const toldByStayers = told.filter(({ by }) => stayed.has(by))
  return [
    ...differencesOfState(seen),
    ...differencesOfMessages(stayers),
    ...lost(toldByStayers, stayers),
    ...lost(
      closings.filter(({ by }) => present.has(by)),
      seen,
    ),
    ...seen.filter(({ peer }) => peer.isOurs).flatMap(notStreamed),
    ...stayers.flatMap(({ peer, view }) => (view.maybeForked ? [`${peer.name} is forked`] : [])),
    ...peers.flatMap(({ name, complaints }) =>
      unexpected(complaints(), { isSomebodyLost }).map(
        (complaint) => `${name} complains: ${complaint}`,
      ),
    ),
  ]
}

/**
 * Everybody is in the group again. libxmtp looks every two seconds for who wants to leave, and what it has put off may remove
 * somebody once more.
 */
async function bringBack(world: World): Promise<void> {
  const { founder, groupId, peers } = world
  const group = await founder.group(groupId)
  const isLeaving = async (peer: Peer) => (await peer.group(groupId)).isPendingRemoval()
  const end = performance.now() + 30_000
  while (performance.now() < end) {
    await settle(world)
    await atLast(founder, () => group.updatePermission('addMember', 'allow'))
    const { members } = await founder.view(groupId)
    const missing = peers.map(({ inboxId }) => inboxId).filter((id) => !members.includes(id))
    const leaving = await Promise.all(peers.map(isLeaving))
    if (missing.length > 0) await atLast(founder, () => group.addMembers(missing))
    else if (leaving.includes(true)) await wait(200)
    else return
  }
}

/** libxmtp gives up after three commits of its own that waited, or of others; what it has still to send goes first. */
async function atLast<T>(peer: Peer, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1)
    try {
      return await work()
    } catch (error) {
      if (peer.isOurs || tries === 10) throw error
    }
}

/** Everybody reads, and sends what was put off, until nobody gets any further; for a minute at the most. */
async function settle({ peers, groupId, log }: World): Promise<readonly Seen[]> {
  const end = performance.now() + 60_000
  let before = ''
  let quiet = 0
  for (;;) {
    for (const peer of peers)
      await readAll(peer, groupId).catch((error: unknown) =>
        log.push(`${peer.name} reads -> ${String(error).slice(0, 300)}`),
      )
    const views = await Promise.all(peers.map((peer) => peer.view(groupId)))
    const seen = peers.map((peer, place) => ({ peer, view: views[place]! }))
    const now = views.map(({ epoch, said }) => `${epoch} ${said.length}`).join()
    const active = views.filter(({ isActive }) => isActive)
    const isTogether = new Set(active.map(({ epoch }) => epoch)).size === 1
    quiet = now === before ? quiet + 1 : 0
    // Somebody who has lost their place does not come together with the others.
    if (quiet >= (isTogether ? 1 : 5) || performance.now() > end) return seen
    before = now
  }
}

async function readAll(peer: Peer, groupId: string): Promise<void> {
  await peer.client().syncAll()
  const group = await peer.group(groupId)
  // libxmtp leaves a group alone in which there is nothing new, also with something of its own to send.
  if (await group.isActive()) await group.sync()
}
