import { describe, expect, it } from 'vitest'
import { errorCodes, v3, XmtpError } from '@xmtp-ts/protocol'
import {
  chain,
  compose,
  contract,
  installation,
  wallet,
  type Step,
} from '../../../../../test/vectors/v3/actors.ts'
import type { IdentityLogEntry, IdentityLogQuery } from '../../network/identity-api.ts'
import { openMemoryRecords, RecordMemory } from '../../store/memory-records.ts'
import type { RecordStore } from '../../store/record-store.ts'
import { keys } from '../records/keys.ts'
import { createInboxDirectory, stateKey, type InboxAnswers } from './directory.ts'

const owner = (number: number) => wallet(number)
const inboxOf = (number: number) => v3.deriveInboxId(owner(number).identifier, 1n)

/** Updates of the inbox of wallet `number`: it creates it, then grants one installation after the other. */
function updatesOf(number: number, length: number): v3.IdentityUpdate[] {
  const inboxId = inboxOf(number)
  return Array.from({ length }, (_, index) => {
    const added = installation(10 * number + index)
    const steps: Step[] =
      index === 0
        ? [
            {
              kind: 'createInbox',
              identifier: owner(number).identifier,
              nonce: 1n,
              by: [owner(number)],
            },
          ]
        : [{ kind: 'add', member: added.identifier, by: [owner(number), added] }]
    return compose({ inboxId, clientTimestampNs: BigInt(index) * 1_000_000_000n, steps })
  })
}

const entriesOf = (updates: readonly v3.IdentityUpdate[], first = 1n): IdentityLogEntry[] =>
  updates.map((update, index) => ({
    sequenceId: first + 2n * BigInt(index),
    serverTimestampNs: 5n,
    update,
  }))

/** A node that says what it is told to. */
function stubNode() {
  const logs = new Map<string, readonly IdentityLogEntry[]>()
  const asked: (readonly IdentityLogQuery[])[] = []
  let verdicts = 0
  const faults: {
    network?: XmtpError
    chains?: XmtpError
    shiftsPast?: boolean
    unreadable?: string
  } = {}
  return {
    logs,
    asked,
    faults,
    verdicts: () => verdicts,
    api: {
      async getIdentityUpdates(queries: readonly IdentityLogQuery[]) {
        asked.push(queries)
        if (faults.network !== undefined) throw faults.network
        if (queries.some(({ inboxId }) => inboxId === faults.unreadable))
          throw new XmtpError('client.network.malformedAnswer', 'A log does not decode.')
        return queries.map(({ inboxId, afterSequenceId }) =>
          (logs.get(inboxId) ?? []).filter(
            ({ sequenceId }) => faults.shiftsPast || sequenceId > afterSequenceId,
          ),
        )
      },
      async verifySmartContractWalletSignatures(checks: readonly v3.ContractCheck[]) {
        verdicts += 1
        if (faults.chains !== undefined) throw faults.chains
        return checks.map(chain)
      },
    },
  }
}

function setUp(store: RecordStore = openMemoryRecords()) {
  const node = stubNode()
  return { node, store, directory: createInboxDirectory({ store, api: node.api }) }
}

/** Some whole inboxes, with 4 updates each: at 1, 3, 5, 7. */
function withInboxes(...numbers: readonly number[]) {
  const parts = setUp()
  for (const number of numbers)
    parts.node.logs.set(inboxOf(number), entriesOf(updatesOf(number, 4)))
  return parts
}

const codeOf = (answers: InboxAnswers, inboxId: string) =>
  answers.has(inboxId) ? 'ok' : answers.problems.get(inboxId)?.code

const rejection = async (promise: Promise<unknown>): Promise<XmtpError> => {
  try {
    await promise
  } catch (error) {
    if (error instanceof XmtpError) return error
    throw error
  }
  throw new Error('It was resolved.')
}

describe('refresh', () => {
  it('takes one call for many inboxes, and then asks only for what is new', async () => {
    const { node, directory } = withInboxes(1, 2, 3)
    const inboxIds = [1, 2, 3].map(inboxOf)
    const first = await directory.refresh([...inboxIds, ...inboxIds])
    expect(inboxIds.map((inboxId) => codeOf(first, inboxId))).toEqual(['ok', 'ok', 'ok'])
    node.logs.set(inboxOf(2), entriesOf(updatesOf(2, 5)))
    const second = await directory.refresh(inboxIds)
    expect(second.get(inboxOf(2))).toMatchObject({ sequenceId: 9n })
    expect(node.asked.map((queries) => queries.map((query) => query.afterSequenceId))).toEqual([
      [0n, 0n, 0n],
      [7n, 7n, 7n],
    ])
  })

  it('says which inboxes are unknown or no inboxes, and asks nothing for nothing', async () => {
    const { node, directory } = withInboxes(1)
    const answers = await directory.refresh([inboxOf(1), inboxOf(9), 'nonsense'])
    expect(codeOf(answers, inboxOf(1))).toBe('ok')
    expect(codeOf(answers, inboxOf(9))).toBe('client.inbox.unknown')
    expect(codeOf(answers, 'nonsense')).toBe('v3.identity.inboxId.malformed')
    expect((await directory.refresh([])).size).toBe(0)
    expect(node.asked).toHaveLength(1)
  })

  it('survives the process: another one reads the store and asks for the rest', async () => {
    const memory = new RecordMemory()
    const { node, directory } = setUp(openMemoryRecords(memory))
    node.logs.set(inboxOf(1), entriesOf(updatesOf(1, 4)))
    const before = await directory.refresh([inboxOf(1)])
    const later = createInboxDirectory({ store: openMemoryRecords(memory), api: node.api })
    expect(await later.latest([inboxOf(1)])).toEqual(before)
    expect(node.asked).toHaveLength(1)
    await later.refresh([inboxOf(1)])
    expect(node.asked[1]).toEqual([{ inboxId: inboxOf(1), afterSequenceId: 7n }])
  })

  it('reads a log anew whose stored state is lost or of another make', async () => {
    const { node, store, directory } = withInboxes(1)
    await directory.refresh([inboxOf(1)])
    for (const change of [
      { remove: [keys.inboxState(inboxOf(1), 7n)] },
      { put: [{ key: keys.inboxState(inboxOf(1), 7n), value: new Uint8Array([1, 2, 3]) }] },
    ]) {
      await store.write(change)
      const later = createInboxDirectory({ store, api: node.api })
      expect(codeOf(await later.refresh([inboxOf(1)]), inboxOf(1))).toBe('ok')
      expect(node.asked.at(-1)).toEqual([{ inboxId: inboxOf(1), afterSequenceId: 0n }])
    }
  })
})

describe('states at places', () => {
  it('gives the state after each update, from the node once and from the store later', async () => {
    const { node, store, directory } = withInboxes(1, 2)
    const places = [1n, 3n, 5n, 7n].flatMap((sequenceId) =>
      [1, 2].map((number) => ({ inboxId: inboxOf(number), sequenceId })),
    )
    const states = await directory.statesAt(places)
    const later = await createInboxDirectory({ store, api: node.api }).statesAt(places)
    for (const { inboxId, sequenceId } of places)
      for (const found of [states, later])
        expect(found.get(stateKey(inboxId, sequenceId))?.members.size).toBe(
          1 + (Number(sequenceId) - 1) / 2,
        )
    expect(node.asked).toHaveLength(1)
  })

  it('asks for the logs that end before a place, and for no others', async () => {
    const { node, directory } = withInboxes(1, 2)
    await directory.refresh([inboxOf(1), inboxOf(2)])
    node.logs.set(inboxOf(2), entriesOf(updatesOf(2, 5)))
    await directory.statesAt([
      { inboxId: inboxOf(1), sequenceId: 7n },
      { inboxId: inboxOf(2), sequenceId: 9n },
    ])
    expect(node.asked[1]).toEqual([{ inboxId: inboxOf(2), afterSequenceId: 7n }])
  })

  it.each([0n, 2n, 6n, 8n, 2n ** 63n])('refuses %s for good: no update is there', async (place) => {
    const { directory } = withInboxes(1)
    const error = await rejection(
      directory.statesAt([
        { inboxId: inboxOf(1), sequenceId: 7n },
        { inboxId: inboxOf(1), sequenceId: place },
      ]),
    )
    expect(error.code).toBe('client.inbox.noSuchState')
    expect(error.retry).toBe(false)
  })

  it('fails for now when the node cannot be asked', async () => {
    const { node, directory } = withInboxes(1)
    node.faults.network = new XmtpError('client.network.unreachable', 'Down.')
    const error = await rejection(directory.statesAt([{ inboxId: inboxOf(1), sequenceId: 7n }]))
    expect(error).toBe(node.faults.network)
    expect(error.retry).toBe(true)
  })

  it('takes a place without update for an earlier one when there is nothing between', async () => {
    const { directory } = withInboxes(1)
    const inboxId = inboxOf(1)
    const found = await directory.findStates([
      { inboxId, sequenceId: 6n, since: 5n },
      { inboxId, sequenceId: 8n, since: 5n },
      { inboxId, sequenceId: 100n, since: 7n },
      { inboxId, sequenceId: 4n, since: 6n },
      { inboxId: 'nonsense', sequenceId: 4n },
    ])
    expect([...found].map(([key, { members }]) => [key, members.size])).toEqual([
      [stateKey(inboxId, 6n), 3],
      [stateKey(inboxId, 100n), 4],
    ])
  })
})

describe('hostile logs', () => {
  const good = entriesOf(updatesOf(1, 4))
  const replaced = (index: number, change: (entry: IdentityLogEntry) => IdentityLogEntry) =>
    good.map((entry, place) => (place === index ? change(entry) : entry))
  const many = entriesOf(Array.from({ length: 10_000 }, () => updatesOf(1, 1)[0]!))
  const logs: Record<string, readonly IdentityLogEntry[]> = {
    'of another inbox': entriesOf(updatesOf(2, 4)),
    'with an update of another inbox': replaced(2, (entry) => ({
      ...entry,
      update: updatesOf(2, 4)[2]!,
    })),
    'with numbers that fall': replaced(2, (entry) => ({ ...entry, sequenceId: 2n })),
    'with a number twice': replaced(2, (entry) => ({ ...entry, sequenceId: 3n })),
    'with a signature that is not over it': replaced(2, (entry) => ({
      ...entry,
      update: { ...entry.update, clientTimestampNs: 77_000_000_000n },
    })),
    'that begins in the middle': good.slice(1),
    'with an update twice': replaced(2, (entry) => ({ ...entry, update: good[1]!.update })),
    'of 10,000 updates': many,
  }

  it.each(Object.entries(logs))('%s: refused, and the others go on', async (_name, log) => {
    const { node, directory } = withInboxes(2, 3)
    node.logs.set(inboxOf(1), log)
    const answers = await directory.refresh([inboxOf(1), inboxOf(2), inboxOf(3)])
    expect(codeOf(answers, inboxOf(1))).toBe('client.inbox.badLog')
    expect([2, 3].map((number) => codeOf(answers, inboxOf(number)))).toEqual(['ok', 'ok'])
  })

  it('keeps what holds before the update that does not', async () => {
    const { node, directory } = setUp()
    node.logs.set(inboxOf(1), logs['with a signature that is not over it'] ?? [])
    expect(codeOf(await directory.refresh([inboxOf(1)]), inboxOf(1))).toBe('client.inbox.badLog')
    const states = await directory.statesAt([{ inboxId: inboxOf(1), sequenceId: 3n }])
    expect(states.size).toBe(1)
    const error = await rejection(directory.statesAt([{ inboxId: inboxOf(1), sequenceId: 5n }]))
    expect(error.code).toBe('client.inbox.noSuchState')
  })

  it('a log that cannot be decoded hides no other one', async () => {
    const numbers = [1, 2, 3, 4, 5]
    const { node, directory } = withInboxes(...numbers)
    node.faults.unreadable = inboxOf(4)
    const answers = await directory.refresh(numbers.map(inboxOf))
    expect(numbers.map((number) => codeOf(answers, inboxOf(number)))).toEqual([
      'ok',
      'ok',
      'ok',
      'client.network.malformedAnswer',
      'ok',
    ])
  })

  it('notices a past that changes: numbers again that it has had', async () => {
    const { node, directory } = withInboxes(1)
    await directory.refresh([inboxOf(1)])
    node.faults.shiftsPast = true
    const answers = await directory.refresh([inboxOf(1)])
    expect(codeOf(answers, inboxOf(1))).toBe('client.inbox.logChanged')
  })

  it('writes a full state of the largest size it accepts, and refuses a larger one', async () => {
    const { node, directory } = setUp()
    const by = [owner(1)]
    const create: Step = { kind: 'createInbox', identifier: owner(1).identifier, nonce: 1n, by }
    const origin = `https://${'x'.repeat(300_000)}`
    const { passkey } = await import('../../../../../test/vectors/v3/actors.ts')
    const key = passkey(1, origin)
    const updates = [
      compose({ inboxId: inboxOf(1), clientTimestampNs: 0n, steps: [create] }),
      compose({
        inboxId: inboxOf(1),
        clientTimestampNs: 0n,
        steps: [{ kind: 'add', member: key.identifier, by: [owner(1), key] }],
      }),
    ]
    node.logs.set(inboxOf(1), entriesOf(updates))
    expect(codeOf(await directory.refresh([inboxOf(1)]), inboxOf(1))).toBe('client.inbox.badLog')
  })
})

describe('contract wallets', () => {
  function withContract() {
    const parts = withInboxes(2)
    const safe = contract(1)
    const inboxId = v3.deriveInboxId(safe.identifier, 1n)
    const step: Step = {
      kind: 'createInbox',
      identifier: safe.identifier,
      nonce: 1n,
      by: [safe],
    }
    const added = installation(1)
    const grant: Step = { kind: 'add', member: added.identifier, by: [safe, added] }
    const updates = [
      compose({ inboxId, clientTimestampNs: 0n, steps: [step] }),
      compose({ inboxId, clientTimestampNs: 1_000_000_000n, steps: [grant] }),
    ]
    parts.node.logs.set(inboxId, entriesOf(updates))
    return { ...parts, inboxId }
  }

  it('are asked about in one call for all updates of all inboxes', async () => {
    const { node, directory, inboxId } = withContract()
    const answers = await directory.refresh([inboxId, inboxOf(2)])
    expect(codeOf(answers, inboxId)).toBe('ok')
    expect(node.verdicts()).toBe(1)
  })

  it('hold up only their own inboxes while their chain cannot be asked', async () => {
    const { node, directory, inboxId } = withContract()
    node.faults.chains = new XmtpError('client.node.unavailable', 'No chain.')
    const answers = await directory.refresh([inboxId, inboxOf(2)])
    expect(answers.problems.get(inboxId)).toBe(node.faults.chains)
    expect(codeOf(answers, inboxOf(2))).toBe('ok')
    const error = await rejection(directory.statesAt([{ inboxId, sequenceId: 1n }]))
    expect(error.retry).toBe(true)
    delete node.faults.chains
    expect((await directory.statesAt([{ inboxId, sequenceId: 3n }])).size).toBe(1)
  })
})

it('takes no earlier place for one behind an update that does not hold', async () => {
  const { node, directory } = setUp()
  const inboxId = inboxOf(1)
  const updates = updatesOf(1, 3)
  updates[2] = { ...updatesOf(1, 4)[3]!, clientTimestampNs: 9n }
  node.logs.set(inboxId, entriesOf(updates))
  const found = await directory.findStates([{ inboxId, sequenceId: 100n, since: 3n }])
  expect(found.size).toBe(0)
})

describe('two processes on one store', () => {
  it('write the same, however their calls interleave', async () => {
    const memory = new RecordMemory()
    const node = stubNode()
    const directories = [1, 2, 3].map(() =>
      createInboxDirectory({ store: openMemoryRecords(memory), api: node.api }),
    )
    for (let length = 1; length <= 6; length += 1) {
      for (const number of [1, 2])
        node.logs.set(inboxOf(number), entriesOf(updatesOf(number, length)))
      const all = await Promise.all(
        directories.map((each) => each.refresh([inboxOf(1), inboxOf(2)])),
      )
      for (const answers of all)
        expect(answers.get(inboxOf(1))).toMatchObject({
          sequenceId: BigInt(2 * length - 1),
        })
    }
  })

  it('one that was told a longer log before is not set back', async () => {
    const memory = new RecordMemory()
    const slowNode = stubNode()
    const node = stubNode()
    slowNode.logs.set(inboxOf(1), entriesOf(updatesOf(1, 2)))
    node.logs.set(inboxOf(1), entriesOf(updatesOf(1, 4)))
    const fast = createInboxDirectory({ store: openMemoryRecords(memory), api: node.api })
    const slow = createInboxDirectory({
      store: openMemoryRecords(memory),
      api: {
        ...slowNode.api,
        getIdentityUpdates: async (queries) => {
          await fast.refresh([inboxOf(1)])
          return slowNode.api.getIdentityUpdates(queries)
        },
      },
    })
    expect(codeOf(await slow.refresh([inboxOf(1)]), inboxOf(1))).toBe('ok')
    expect((await slow.latest([inboxOf(1)])).get(inboxOf(1))).toMatchObject({
      sequenceId: 7n,
    })
  })

  it('notice that their nodes tell different stories', async () => {
    const memory = new RecordMemory()
    const [here, there] = [stubNode(), stubNode()]
    here.logs.set(inboxOf(1), entriesOf(updatesOf(1, 3)))
    there.logs.set(
      inboxOf(1),
      entriesOf(updatesOf(1, 1)).concat(entriesOf(updatesOf(1, 3).slice(2), 3n)),
    )
    const first = createInboxDirectory({ store: openMemoryRecords(memory), api: here.api })
    const second = createInboxDirectory({
      store: openMemoryRecords(memory),
      api: {
        ...there.api,
        getIdentityUpdates: async (queries) => {
          await first.refresh([inboxOf(1)])
          return there.api.getIdentityUpdates(queries)
        },
      },
    })
    expect(codeOf(await second.refresh([inboxOf(1)]), inboxOf(1))).toBe('client.inbox.logChanged')
  })
})

it('codes say whether to come again', () => {
  expect(errorCodes['client.inbox.noSuchState'].retry).toBe(false)
  expect(errorCodes['client.store.busy'].retry).toBe(true)
})
