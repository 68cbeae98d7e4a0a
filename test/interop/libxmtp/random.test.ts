import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  addInboxes,
  epoch,
  groupOf,
  membersOf,
  person,
  removeInboxes,
  rename,
  reopen,
  say,
  sync,
  texts,
  type Person,
} from '../../../packages/client/test/person.ts'
import { grpcWebTransport } from '../../../packages/client/src/transport/grpc-web.ts'
import type { Client, ClientProcess } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'

// Three clients of ours and three of libxmtp in one group do random things at the same time. When all is quiet they must be in
// the same epoch, with the same members and the same messages. More seeds and operations: XMTP_SEEDS, XMTP_OPERATIONS.
const seeds = Number(process.env['XMTP_SEEDS'] ?? 1)
const operations = Number(process.env['XMTP_OPERATIONS'] ?? 60)
const firstSeed = Number(process.env['XMTP_FIRST_SEED'] ?? 1)

/** mulberry32 */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

type Peer = {
  readonly name: string
  readonly inboxId: string
  say(words: string): Promise<unknown>
  rename(name: string): Promise<unknown>
  add(inboxId: string): Promise<unknown>
  remove(inboxId: string): Promise<unknown>
  sync(): Promise<unknown>
  restart(): Promise<unknown>
  view(): Promise<{ epoch: string; members: readonly string[]; texts: readonly string[] }>
}

function ourPeer(name: string, first: Person, id: string): Peer {
  let one = first
  return {
    name,
    inboxId: first.core.self.inboxId,
    say: (words) => say(one, id, words),
    rename: (text) => rename(one, id, text),
    add: (inboxId) => addInboxes(one, id, [inboxId]),
    remove: (inboxId) => removeInboxes(one, id, [inboxId]),
    sync: () => sync(one),
    async restart() {
      one = await reopen(one)
    },
    view: async () => ({
      epoch: (await epoch(one, id)).slice(0, 6),
      members: await membersOf(one, id),
      texts: [...(await texts(one, id))],
    }),
  }
}

function theirPeer(name: string, client: Client, id: string): Peer {
  const group = () => client.conversation(id)
  return {
    name,
    inboxId: client.inboxId,
    say: async (words) => (await group()).send(words),
    rename: async (text) => (await group()).updateName(text),
    add: async (inboxId) => (await group()).addMembers([inboxId]),
    remove: async (inboxId) => (await group()).removeMembers([inboxId]),
    sync: () => client.syncAll(),
    restart: () => client.syncAll(),
    view: async () => {
      const seen = await group()
      const { commits } = await seen.debugInfo()
      return {
        epoch: commits.at(-1)?.authenticator ?? '',
        members: (await seen.members()).map(({ inboxId }) => inboxId).toSorted(),
        texts: await seen.texts(),
      }
    },
  }
}

describe.skipIf(native.problem !== undefined)('random runs with libxmtp', () => {
  let node: LocalNode
  let libxmtp: ClientProcess

  beforeAll(async () => {
    node = await startNode()
    libxmtp = await native.start()
  }, 60_000)
  afterAll(async () => {
    await libxmtp.kill()
    await node[Symbol.asyncDispose]()
  })

  async function run(seed: number): Promise<void> {
    const below = randomOf(seed)
    const key = (n: number) => (seed * 100 + n).toString(16).padStart(64, '0')
    const ours = await Promise.all(
      [1, 2, 3].map((n) => person(grpcWebTransport({ url: node.url }), key(n))),
    )
    const theirs = await Promise.all([1, 2, 3].map(() => libxmtp.newClient({ apiUrl: node.url })))
    const id = await groupOf(ours[0]!, [])
    await addInboxes(ours[0]!, id, [
      ...ours.slice(1).map(({ core }) => core.self.inboxId),
      ...theirs.map(({ inboxId }) => inboxId),
    ])
    const peers = [
      ...ours.map((one, index) => ourPeer(`ours ${index}`, one, id)),
      ...theirs.map((one, index) => theirPeer(`theirs ${index}`, one, id)),
    ]
    await Promise.all(peers.map((peer) => peer.sync()))
    const said = new Set<string>()
    const step = async (number: number) => {
      const peer = peers[below(peers.length)]!
      // The last two come and go; the others stay.
      const guest = peers[[2, 5][below(2)]!]!
      const chance = below(100)
      const words = `${number} of ${peer.name}`
      const work = async () => {
        if (chance < 45) {
          await peer.say(words)
          said.add(words)
        } else if (chance < 60) await peer.rename(`name ${number}`)
        else if (chance < 68) await peer.add(guest.inboxId)
        else if (chance < 74) await peers[0]!.remove(guest.inboxId)
        else if (chance < 94) await peer.sync()
        else await peer.restart()
      }
      // Who is out of the group, or loses every race, is told so; that is no fault.
      await work().catch((error: unknown) => failures.push(`${words}: ${String(error)}`))
    }
    const failures: string[] = []
    for (let number = 0; number < operations; number += 3)
      await Promise.all([step(number), step(number + 1), step(number + 2)])
    await peers[0]!.add(peers[2]!.inboxId)
    await peers[0]!.add(peers[5]!.inboxId)
    for (let round = 0; round < 3; round += 1) for (const peer of peers) await peer.sync()
    const views = []
    for (const peer of peers) views.push({ name: peer.name, ...(await peer.view()) })
    const [first] = views
    for (const view of views) {
      expect(view.epoch, `epoch of ${view.name}\n${failures.join('\n')}`).toBe(first!.epoch)
      expect(view.members, `members of ${view.name}`).toEqual(first!.members)
    }
    // libxmtp sends its own messages again when three commits came first, though others have read them: only for what
    // our clients say is the order the same for all.
    const [annSaw, bettySaw] = views
    expect(bettySaw!.texts, failures.join('\n')).toEqual(annSaw!.texts)
    const ofOurs = (view: { readonly texts: readonly string[] }) =>
      view.texts.filter((words) => /ours [01]$/.test(words))
    for (const view of views.filter((_, index) => ![2, 5].includes(index)))
      expect(ofOurs(view), `messages of ${view.name}\n${failures.join('\n')}`).toEqual(
        ofOurs(annSaw!),
      )
    const missing = [...said].filter((words) => /ours [01]$/.test(words))
    const seen = new Set(annSaw!.texts)
    expect(
      missing.filter((words) => !seen.has(words)),
      failures.join('\n'),
    ).toEqual([])
  }

  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1)
    it(`seed ${seed}: everybody ends in the same place`, () => run(seed), 120_000)
})
