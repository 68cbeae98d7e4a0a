import { describe, expect, it } from 'vitest'
import { defaultConfig } from './default-config.ts'
import type { Client } from '../../test/world.ts'
import { below, client, seeded } from '../../test/world.ts'
import { ascii, equal, toHex } from '../bytes.ts'
import { MlsError } from '../errors.ts'
import type { Random } from '../hpke/kem.ts'
import type { Proposal } from '../message/proposal.ts'
import { changesSince, loadGroup } from '../state/records.ts'
import { retire } from '../state/retire.ts'
import { encryptionKeyAt } from '../tree/ratchet-tree.ts'
import { encodeTree } from '../tree/tree-codec.ts'
import { treeHash } from '../tree/tree-hash.ts'
import { checkTree } from '../tree/validate.ts'
import { createCommit } from './commit.ts'
import { createGroup } from './create.ts'
import { exportGroupInfo } from './group-info.ts'
import { joinByExternalCommit } from './external.ts'
import { joinGroup } from './join.ts'
import { basicCapabilities } from './key-package.ts'
import { processMessage } from './process.ts'
import { encryptMessage, propose, proposeUpdate } from './send.ts'
import { adoptCommit } from './staged-commit.ts'
import type { GroupState } from './state.ts'
import { members } from './state.ts'

const rounds = Number(process.env['MLS_SIMULATION_ROUNDS'] ?? 12)
const seeds = (process.env['MLS_SIMULATION_SEEDS'] ?? 'ash,birch,cedar').split(',')

/** One member with its own store; every step is stored, and now and then the member starts anew from it. */
type Member = { client: Client; state: GroupState; records: Map<string, Uint8Array> }

function step(member: Member, after: GroupState): void {
  const before = member.state
  const changes = changesSince(before, after)
  for (const [key, bytes] of changes.put) member.records.set(key, bytes)
  for (const key of changes.remove) member.records.delete(key)
  member.state = after
  if (before !== after) retire(before, after)
}

function enter(joiner: Client, state: GroupState): Member {
  const records = new Map(changesSince(undefined, state).put)
  return { client: joiner, state, records }
}

function restart(member: Member): void {
  const { signaturePrivateKey } = member.client
  const loaded = loadGroup(member.records, { config: defaultConfig, signaturePrivateKey })
  expect(loaded.context).toEqual(member.state.context)
  expect(encodeTree(loaded.tree)).toEqual(encodeTree(member.state.tree))
  expect(treeHash(loaded.suite, loaded.tree)).toEqual(loaded.context.treeHash)
  const again = changesSince(undefined, loaded).put
  expect([...again.keys()].sort()).toEqual([...member.records.keys()].sort())
  for (const [key, bytes] of again)
    if (!key.startsWith('tree:')) expect(bytes, key).toEqual(member.records.get(key))
  member.state = loaded
}

async function deliver(to: Member[], message: Uint8Array): Promise<Member[]> {
  const left: Member[] = []
  for (const member of to) {
    const received = await processMessage(member.state, message, { nowSeconds: 1500n })
    step(member, received.state)
    if (received.kind !== 'commit') continue
    step(member, adoptCommit(member.state, received.staged))
    if (member.state.status === 'removed') left.push(member)
  }
  return left
}

async function expectAgreement(group: Member[], count: number): Promise<void> {
  const [first] = group
  for (const member of group) {
    const { state } = member
    expect(toHex(state.secrets.epochAuthenticator)).toBe(
      toHex(first!.state.secrets.epochAuthenticator),
    )
    expect(treeHash(state.suite, state.tree)).toEqual(state.context.treeHash)
    checkTree(state.suite, state.tree)
    expect(members(state).length).toBe(count)
    // A private key that no longer belongs to its node would be one that should have been forgotten.
    for (const [node, key] of state.nodeKeys)
      expect(await state.suite.hpke.kem.publicKey(key)).toEqual(encryptionKeyAt(state.tree, node))
  }
}

async function simulate(seed: string, suiteId: number): Promise<void> {
  const random = seeded(seed)
  const settings = { suiteId, capabilities: { extensions: [0xff00], proposals: [10] } }
  const creator = await client('member-0', random, settings)
  let born = 1
  let group: Member[] = [
    enter(
      creator,
      createGroup({
        config: defaultConfig,
        suite: creator.suite,
        groupId: ascii(`group ${seed}`),
        own: creator.own,
        signaturePrivateKey: creator.signaturePrivateKey,
        random,
      }),
    ),
  ]
  for (let round = 0; round < rounds; round++) {
    const committer = group[below(random, group.length)]!
    const others = group.filter((member) => member !== committer)
    const newcomers: Client[] = []
    const proposals: Proposal[] = []
    const adding = group.length < 3 ? 1 + below(random, 4) : below(random, 3)
    for (let i = 0; i < adding; i++) {
      const fresh = await client(`member-${born++}`, random, settings)
      newcomers.push(fresh)
      proposals.push({ kind: 'add', keyPackage: fresh.own.keyPackage })
    }
    if (others.length > 2 && below(random, 2) === 0) {
      const victim = others[below(random, others.length)]!
      proposals.push({ kind: 'remove', removed: victim.state.ownLeaf })
    }
    if (below(random, 3) === 0) {
      const extensions = [{ type: 0xff00, data: ascii(`name ${round}`) }]
      proposals.push({ kind: 'groupContextExtensions', extensions })
    }
    const updater = others[below(random, Math.max(1, others.length))]
    const removedLeaf = proposals.find((p) => p.kind === 'remove')?.removed
    if (updater && updater.state.ownLeaf !== removedLeaf && below(random, 2) === 0) {
      const update = await proposeUpdate(updater.state, { random })
      step(updater, update.state)
      await deliver(
        group.filter((member) => member !== updater),
        update.message,
      )
    }
    const commit = await createCommit(committer.state, {
      proposals,
      random,
      nowSeconds: 1500n,
      path: below(random, 2) === 0 ? 'always' : 'whenRequired',
    })
    // The losing side of a race: made for the same epoch, and refused once another commit was taken.
    const rival =
      others[0] &&
      (await createCommit(others[0].state, {
        random,
        references: others[0].state.proposals.map((p) => p.reference),
      }).catch((error: unknown) => {
        // There may be nothing that this member could commit to; any other failure is a bug.
        if (error instanceof MlsError) return undefined
        throw error
      }))
    step(committer, commit.state)
    const left = await deliver(others, commit.message)
    step(committer, adoptCommit(committer.state, commit.staged))
    if (rival && others[0]!.state.status === 'active') {
      expect(() => adoptCommit(others[0]!.state, rival.staged)).toThrow(/commitOfOtherEpoch/)
      const late = processMessage(committer.state, rival.message)
      await expect(late).rejects.toThrow(/epochTooOld/)
    }
    group = group.filter((member) => !left.includes(member))
    for (const joiner of newcomers) {
      const { signaturePrivateKey, own } = joiner
      const options = {
        keyPackages: [own],
        signaturePrivateKey,
        nowSeconds: 1500n,
        config: defaultConfig,
      }
      group.push(enter(joiner, (await joinGroup(commit.welcome!, options)).state))
    }
    if (below(random, 8) === 0) await joinFromOutside(group, random, settings, born++)
    await expectAgreement(group, group.length)
    await chat(group, random, round)
    if (below(random, 3) === 0) restart(group[below(random, group.length)]!)
  }
}

async function joinFromOutside(
  group: Member[],
  random: Random,
  settings: { suiteId: number; capabilities: { extensions: number[]; proposals: number[] } },
  number: number,
): Promise<void> {
  const info = await exportGroupInfo(group[0]!.state)
  const joiner = await client(`member-${number}`, random, settings)
  const { leafNode } = joiner.own.keyPackage
  const joined = await joinByExternalCommit(info, {
    config: defaultConfig,
    signaturePrivateKey: joiner.signaturePrivateKey,
    credential: leafNode.credential,
    capabilities: basicCapabilities(joiner.suite, settings.capabilities),
    random,
  })
  await deliver(group, joined.message)
  group.push(enter(joiner, joined.state))
}

/** Messages that are reordered, lost and repeated: what arrives is read once, by everyone, with its sender. */
async function chat(group: Member[], random: Random, round: number): Promise<void> {
  const sender = group[below(random, group.length)]!
  const sent: Uint8Array[] = []
  for (let i = 0; i < 3; i++) {
    const out = await encryptMessage(sender.state, ascii(`${round}/${i}`), { random })
    step(sender, out.state)
    sent.push(out.message)
  }
  const order = below(random, 2) === 0 ? [2, 0] : [1, 0, 2]
  for (const member of group) {
    if (member === sender) continue
    for (const i of order) {
      const received = await processMessage(member.state, sent[i]!)
      if (received.kind !== 'application') throw new Error('not a message')
      expect(equal(received.data, ascii(`${round}/${i}`))).toBe(true)
      expect(received.sender.leafIndex).toBe(sender.state.ownLeaf)
      step(member, received.state)
    }
    const again = processMessage(member.state, sent[order[0]!]!)
    await expect(again).rejects.toThrow(/generationSpent/)
  }
}

describe('a group of many rounds', () => {
  for (const [index, seed] of seeds.entries()) {
    const suiteId = index % 2 === 0 ? 3 : 1
    it(`keeps its members in one epoch, seed ${seed}, suite ${suiteId}`, async () => {
      await simulate(seed, suiteId)
    })
  }
  it('lets a member leave by SelfRemove', async () => {
    const random = seeded('leave')
    const settings = { capabilities: { proposals: [10] } }
    const [a, b] = [await client('a', random, settings), await client('b', random, settings)]
    const alone = createGroup({
      config: defaultConfig,
      suite: a.suite,
      groupId: ascii('g'),
      own: a.own,
      signaturePrivateKey: a.signaturePrivateKey,
      random,
    })
    const commit = await createCommit(alone, {
      proposals: [{ kind: 'add', keyPackage: b.own.keyPackage }],
      random,
    })
    const one = adoptCommit(commit.state, commit.staged)
    const { signaturePrivateKey } = b
    const two = (
      await joinGroup(commit.welcome!, {
        config: defaultConfig,
        keyPackages: [b.own],
        signaturePrivateKey,
      })
    ).state
    const leave = await propose(two, { kind: 'selfRemove' }, { random })
    const heard = await processMessage(one, leave.message)
    const farewell = await createCommit(heard.state, { random })
    expect(farewell.staged.removed.map(({ leafIndex }) => leafIndex)).toEqual([two.ownLeaf])
    const received = await processMessage(leave.state, farewell.message)
    if (received.kind !== 'commit') throw new Error('not a commit')
    expect(received.staged.removesSelf).toBe(true)
    const gone = adoptCommit(received.state, received.staged)
    await expect(encryptMessage(gone, ascii('x'), { random })).rejects.toThrow(MlsError)
  })
})
