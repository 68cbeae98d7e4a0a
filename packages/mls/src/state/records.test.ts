import { beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../test/world.ts'
import { client, seeded } from '../../test/world.ts'
import { ascii, equal } from '../bytes.ts'
import { createCommit } from '../group/commit.ts'
import { createGroup } from '../group/create.ts'
import { defaultConfig as config } from '../group/default-config.ts'
import { joinGroup } from '../group/join.ts'
import { processMessage } from '../group/process.ts'
import { encryptMessage } from '../group/send.ts'
import { adoptCommit } from '../group/staged-commit.ts'
import type { GroupState } from '../group/state.ts'
import type { RecordChanges } from './records.ts'
import { changesSince, loadGroup } from './records.ts'
import { retire } from './retire.ts'

const random = seeded('records')
const memberCount = 200
let joiner: Client
let founder: GroupState
let welcome: Uint8Array

beforeAll(async () => {
  const clients: Client[] = []
  for (let i = 0; i < memberCount; i++) clients.push(await client(`member-${i}`, random))
  const [first, second] = clients
  joiner = second!
  const { own, signaturePrivateKey, suite } = first!
  const alone = createGroup({
    suite,
    groupId: ascii('g'),
    own,
    signaturePrivateKey,
    config,
    random,
  })
  const commit = await createCommit(alone, {
    proposals: clients.slice(1).map(({ own }) => ({ kind: 'add', keyPackage: own.keyPackage })),
    random,
  })
  founder = adoptCommit(commit.state, commit.staged)
  welcome = commit.welcome!
})

async function joined(): Promise<GroupState> {
  const { own, signaturePrivateKey } = joiner
  return (await joinGroup(welcome, { keyPackages: [own], signaturePrivateKey, config })).state
}

const sizeOf = ({ put }: RecordChanges) => [...put.values()].reduce((sum, b) => sum + b.length, 0)
const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0)

function apply(records: Map<string, Uint8Array>, { put, remove }: RecordChanges): void {
  for (const [key, bytes] of put) records.set(key, bytes)
  for (const key of remove) records.delete(key)
}

const load = (records: Map<string, Uint8Array>) =>
  loadGroup(records, { signaturePrivateKey: joiner.signaturePrivateKey, config })

describe('what is stored', () => {
  it('grows with the change, not with the group', async () => {
    const state = await joined()
    const all = sizeOf(changesSince(undefined, state))
    expect(all).toBeGreaterThan(memberCount * 150)
    const sent = await encryptMessage(founder, ascii('hello'), { random })
    const received = await processMessage(state, sent.message)
    expect(sizeOf(changesSince(state, received.state))).toBeLessThan(1500)
    const commit = await createCommit(founder, { random })
    const incoming = await processMessage(state, commit.message)
    if (incoming.kind !== 'commit') throw new Error('not a commit')
    const after = adoptCommit(incoming.state, incoming.staged)
    expect(sizeOf(changesSince(state, after))).toBeLessThan(6000)
    expect(changesSince(after, after)).toEqual({ put: new Map(), remove: [] })
  })

  it('is a group that goes on where it stopped', async () => {
    const records = new Map<string, Uint8Array>()
    apply(records, changesSince(undefined, await joined()))
    const sent = await encryptMessage(founder, ascii('after'), { random })
    const received = await processMessage(load(records), sent.message)
    expect(received.kind === 'application' && equal(received.data, ascii('after'))).toBe(true)
    const own = await encryptMessage(load(records), ascii('own'), { random })
    expect((await processMessage(founder, own.message)).kind).toBe('application')
  })

  it('holds a pending commit, whatever is read before it is adopted', async () => {
    const state = await joined()
    const records = new Map<string, Uint8Array>()
    apply(records, changesSince(undefined, state))
    const commit = await createCommit(state, { random })
    apply(records, changesSince(state, commit.state))
    const pending = changesSince(commit.state, adoptCommit(commit.state, commit.staged))
    const sent = await encryptMessage(founder, ascii('meanwhile'), { random })
    const read = await processMessage(commit.state, sent.message)
    apply(records, changesSince(commit.state, read.state))
    apply(records, pending)
    const after = load(records)
    expect(after.context).toEqual(commit.staged.groupContext)
    await expect(processMessage(after, sent.message)).rejects.toThrow(/generationSpent/)
  })
})

describe('wiping', () => {
  it('zeroes what the next state does not have, and nothing that it has', async () => {
    const before = await joined()
    const commit = await createCommit(founder, { random })
    const received = await processMessage(before, commit.message)
    if (received.kind !== 'commit') throw new Error('not a commit')
    const after = adoptCommit(received.state, received.staged)
    retire(received.state, after)
    expect(isZero(before.secrets.initSecret)).toBe(true)
    expect(isZero(before.secrets.exporterSecret)).toBe(true)
    // Still needed for late messages and for resumption.
    expect(isZero(before.secrets.senderDataSecret)).toBe(false)
    expect(isZero(before.secrets.resumptionPsk)).toBe(false)
    for (const secret of Object.values(after.secrets)) expect(isZero(secret)).toBe(false)
    const late = await encryptMessage(founder, ascii('late'), { random })
    expect((await processMessage(after, late.message)).kind).toBe('application')
  })

  it('zeroes the ratchet of a message that was read', async () => {
    const before = await joined()
    const sent = await encryptMessage(founder, ascii('x'), { random })
    const { state: first } = await processMessage(before, sent.message)
    const again = await encryptMessage(sent.state, ascii('y'), { random })
    const { state: second } = await processMessage(first, again.message)
    const copy = changesSince(undefined, second)
    retire(first, second)
    expect(changesSince(undefined, second)).toEqual(copy)
    await expect(processMessage(first, again.message)).rejects.toThrow(/undecryptable/)
  })
})

describe('the cost of a commit', () => {
  it('is hashing along one path, not through the group', async () => {
    const state = await joined()
    const warm = await processMessage(state, (await createCommit(founder, { random })).message)
    expect(warm.kind).toBe('commit')
    let hashes = 0
    const { suite } = state
    const counting = {
      ...suite,
      hash(data: Uint8Array) {
        hashes++
        return suite.hash(data)
      },
    }
    const { message } = await createCommit(founder, { random })
    await processMessage({ ...state, suite: counting }, message)
    // Tree hash and parent hash of each of the 8 levels, up to 15 hashes below the cached ones, transcripts.
    expect(hashes).toBeLessThan(60)
  })
})
