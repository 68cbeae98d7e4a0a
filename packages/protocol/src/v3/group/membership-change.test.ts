import {
  adoptCommit,
  createCommit,
  members,
  processMessage,
  type GroupState,
  type KeyPackage,
  type StagedCommit,
} from '@xmtp-ts/mls'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  append,
  contentOf,
  extensionsProposal,
  hexOf,
  inbox,
  inboxState,
  installation,
  joinBy,
  keyPackage,
  lookupIn,
  newGroup,
  question,
  seeded,
  startContent,
  trio,
  type Installation,
  type Logs,
} from '../../../test/group-world.ts'
import type { Random } from '../../bytes.ts'
import type { InboxId } from '../identity/identifier.ts'
import { validateCommit } from './commit.ts'
import { withMembership } from './extensions.ts'
import {
  planMembershipChange,
  withoutInstallations,
  type InboxStates,
  type MembershipChange,
} from './membership-change.ts'
import type { Membership } from './membership.ts'

/** What a client knows of everybody who is in the group or is to be. */
function statesFor(
  logs: Logs,
  membership: Membership,
  inboxIds: readonly InboxId[],
): ReadonlyMap<InboxId, InboxStates> {
  return new Map(
    inboxIds.map((inboxId): [InboxId, InboxStates] => {
      const log = logs.get(inboxId) ?? new Map()
      const [sequenceId, state] = [...log].at(-1) ?? []
      const old = log.get(membership.members.get(inboxId) ?? 0n)
      return [inboxId, { old, latest: { sequenceId, state } }]
    }),
  )
}

async function commitPlanned(
  state: GroupState,
  change: MembershipChange,
  keyPackages: readonly KeyPackage[],
  random: Random,
) {
  const extensions = withMembership(state.context.extensions, change.membership)
  const made = await createCommit(state, {
    proposals: [
      ...keyPackages.map((one) => ({ kind: 'add' as const, keyPackage: one })),
      ...change.leavesToRemove.map((removed) => ({ kind: 'remove' as const, removed })),
      extensionsProposal(extensions),
    ],
    random,
  })
  return { made }
}

describe('planning a change of members (v3-mls §5.2)', () => {
  const plan = async (
    add: readonly InboxId[],
    remove: readonly InboxId[],
    prepare: (logs: Logs) => void = () => {},
  ) => {
    const world = await trio()
    prepare(world.logs)
    const { membership } = contentOf(world.states.alix)
    const inboxIds = [...new Set([inbox('alix'), inbox('bo'), inbox('caro'), ...add])]
    const states = statesFor(world.logs, membership, inboxIds)
    const leaves = members(world.states.alix)
    const { key: self } = world.alix
    return {
      world,
      change: planMembershipChange({ membership, states, leaves, add, remove, self }),
    }
  }

  it('nothing to do', async () => {
    const { change } = await plan([], [])
    expect(change).toMatchObject({ isEmpty: true, installationsToAdd: [], leavesToRemove: [] })
  })

  it('an inbox that comes', async () => {
    const dana = installation(inbox('dana'), 'dana')
    const { change } = await plan([dana.inboxId], [], (logs) =>
      append(logs, inboxState(dana.inboxId, [dana]), 9n),
    )
    expect(hexOf(change.installationsToAdd)).toEqual(hexOf([dana.key]))
    expect(change.membership.members.get(dana.inboxId)).toBe(9n)
    expect(change.isEmpty).toBe(false)
    const failed = withoutInstallations(change, [dana.key])
    expect(failed.installationsToAdd).toEqual([])
    expect(failed.membership.failedInstallations).toEqual([dana.key])
  })

  it('an inbox that goes', async () => {
    const { change } = await plan([], [inbox('bo')])
    expect(change).toMatchObject({ leavesToRemove: [1], installationsToAdd: [], isEmpty: false })
    expect([...change.membership.members.keys()]).toEqual([inbox('alix'), inbox('caro')])
  })

  it('a log that has gone on without a change of installations is still caught up with', async () => {
    const bo = installation(inbox('bo'), 'bo')
    const { change } = await plan([], [], (logs) =>
      append(logs, inboxState(bo.inboxId, [bo], 2), 10n),
    )
    expect(change).toMatchObject({ isEmpty: false, leavesToRemove: [], installationsToAdd: [] })
    expect(change.membership.members.get(bo.inboxId)).toBe(10n)
  })

  it('our own leaf never goes by our own hand', async () => {
    expect((await plan([], [inbox('alix')])).change.isEmpty).toBe(true)
  })

  it('the states of everybody are needed', async () => {
    const world = await trio()
    const { membership } = contentOf(world.states.alix)
    const rest = { leaves: [], add: [], remove: [], self: world.alix.key }
    expect(() => planMembershipChange({ ...rest, membership, states: new Map() })).toThrow(
      TypeError,
    )
    const halves = new Map([[inbox('alix'), { old: undefined }]])
    expect(() => planMembershipChange({ ...rest, membership, states: halves })).toThrow(TypeError)
  })

  it('an installation that failed once comes in, and goes out again', async () => {
    const [dana, bo] = [installation(inbox('dana'), 'dana'), installation(inbox('bo'), 'bo')]
    const start = new Map([inbox('alix'), inbox('bo'), inbox('caro')].map((id, at) => [id, at + 1]))
    const world = await trio({
      membership: {
        members: new Map([...start].map(([inboxId, id]) => [inboxId, BigInt(id)])),
        failedInstallations: [dana.key, bo.key],
      },
    })
    append(world.logs, inboxState(dana.inboxId, [dana]), 9n)
    const { membership } = contentOf(world.states.alix)
    const inboxIds = [...start.keys(), dana.inboxId]
    const change = planMembershipChange({
      membership,
      states: statesFor(world.logs, membership, inboxIds),
      leaves: members(world.states.alix),
      add: [dana.inboxId],
      remove: [bo.inboxId],
      self: world.alix.key,
    })
    expect(change.membership.failedInstallations).toEqual([])
    expect(change.leavesToRemove).toEqual([1])
    const { own } = await keyPackage(dana, world.random)
    const { made } = await commitPlanned(world.states.alix, change, [own.keyPackage], world.random)
    expect(validateCommit(question(world, world.states.alix, made.staged))).toMatchObject({
      ok: true,
    })
  })

  it('an installation that never came in does not keep its inbox in', async () => {
    const dana = installation(inbox('dana'), 'dana')
    const world = await trio()
    append(world.logs, inboxState(dana.inboxId, [dana]), 9n)
    const leaves = members(world.states.alix)
    const self = world.alix.key
    const { membership } = contentOf(world.states.alix)
    // Somebody added the inbox and left its installation out, without saying that it failed.
    const silent = { ...membership, members: new Map([...membership.members, [dana.inboxId, 9n]]) }
    const inboxIds = [inbox('alix'), inbox('bo'), inbox('caro'), dana.inboxId]
    const states = statesFor(world.logs, silent, inboxIds)
    const remove = [dana.inboxId]
    const change = planMembershipChange({
      membership: silent,
      states,
      leaves,
      add: [],
      remove,
      self,
    })
    expect(change).toMatchObject({ leavesToRemove: [], isEmpty: false })
    expect(hexOf(change.membership.failedInstallations)).toEqual(hexOf([dana.key]))
  })
})

type Step =
  | { readonly kind: 'add' | 'remove' | 'install' | 'revoke'; readonly who: number }
  | { readonly kind: 'sync'; readonly unusable: boolean }

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('add', 'remove', 'install', 'revoke'),
    who: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ kind: fc.constant('sync'), unusable: fc.boolean() }),
)

/** A group that alix keeps in line with everybody's log, as bo, who is in it from the start, sees it. */
class Model {
  readonly logs: Logs = new Map()
  readonly random = seeded('model')
  readonly installations = new Map<InboxId, readonly Installation[]>()
  readonly failed = new Set<string>()
  sequence = 0n

  log(inboxId: InboxId, installations: readonly Installation[]): void {
    this.sequence += 1n
    const updates = this.logs.get(inboxId)?.size ?? 0
    this.installations.set(inboxId, installations)
    append(this.logs, inboxState(inboxId, installations, updates + 1), this.sequence)
  }

  plan(state: GroupState, add: readonly InboxId[], remove: readonly InboxId[], self: Uint8Array) {
    const { membership } = contentOf(state)
    const inboxIds = [...new Set([...membership.members.keys(), ...add])].filter((inboxId) =>
      this.installations.has(inboxId as InboxId),
    ) as InboxId[]
    const states = statesFor(this.logs, membership, inboxIds)
    return planMembershipChange({ membership, states, leaves: members(state), add, remove, self })
  }

  async commit(state: GroupState, change: MembershipChange) {
    const adds = []
    for (const key of hexOf(change.installationsToAdd)) {
      const who = [...this.installations.values()].flat().find((one) => hexOf([one.key])[0] === key)
      adds.push({ who: who!, own: await keyPackage(who!, this.random) })
    }
    const keyPackages = adds.map(({ own }) => own.own.keyPackage)
    const { made } = await commitPlanned(state, change, keyPackages, this.random)
    return { made, adds }
  }
}

const judge = (model: Model, state: GroupState, staged: StagedCommit) => {
  const result = validateCommit({
    ...question({ logs: model.logs, content: startContent(inbox('m0')) }, state, staged),
    states: lookupIn(model.logs),
  })
  if (!result.ok) throw result.error
}

it('whatever the logs do, a planned commit is valid and the leaves are the installations', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary, { minLength: 3, maxLength: 12 }), async (steps) => {
      const model = new Model()
      const people = [0, 1, 2, 3, 4].map((number) => inbox(`m${number}`))
      for (const [number, inboxId] of people.entries())
        model.log(inboxId, [installation(inboxId, `m${number}`)])
      const [self] = model.installations.get(people[0]!)!
      // The reader is a second installation of the same inbox, which nobody removes.
      const reader = installation(people[0]!, 'reader')
      let state = await newGroup(self!, startContent(people[0]!), model.random)
      model.log(people[0]!, [self!, reader])
      const first = await model.commit(state, model.plan(state, [], [], self!.key))
      state = adoptCommit(first.made.state, first.made.staged)
      let seen = await joinBy(first.made.welcome!, first.adds[0]!.own, reader)

      const run = async (
        add: readonly InboxId[],
        remove: readonly InboxId[],
        unusable: boolean,
      ): Promise<void> => {
        const planned = model.plan(state, add, remove, self!.key)
        const lost = unusable ? planned.installationsToAdd.slice(0, 1) : []
        const change = withoutInstallations(planned, lost)
        for (const key of hexOf(lost)) model.failed.add(key)
        if (change.isEmpty) return
        const { made } = await model.commit(state, change)
        judge(model, state, made.staged)
        const received = await processMessage(seen, made.message)
        if (received.kind !== 'commit') throw new Error(received.kind)
        judge(model, received.state, received.staged)
        seen = adoptCommit(received.state, received.staged)
        state = adoptCommit(made.state, made.staged)
        const { membership } = contentOf(state)
        const expected = [...membership.members.keys()].flatMap((inboxId) =>
          hexOf(model.installations.get(inboxId as InboxId)!.map(({ key }) => key)),
        )
        const leaves = hexOf(members(state).map(({ leaf }) => leaf.signatureKey))
        const missing = expected.filter((key) => !leaves.includes(key))
        expect(leaves.filter((key) => !expected.includes(key))).toEqual([])
        expect(missing.filter((key) => !model.failed.has(key))).toEqual([])
        expect(hexOf(membership.failedInstallations)).toEqual(expect.arrayContaining(missing))
      }

      let counter = 0
      for (const step of steps) {
        if (step.kind === 'sync') {
          await run([], [], step.unusable)
          continue
        }
        const who = people[step.who]!
        const isMember = contentOf(state).membership.members.has(who)
        const has = model.installations.get(who)!
        if (step.kind === 'install') model.log(who, [...has, installation(who, `new${counter++}`)])
        else if (step.kind === 'revoke') model.log(who, has.slice(1))
        else if (step.kind === 'add' && !isMember) await run([who], [], false)
        else if (step.kind === 'remove' && isMember) await run([], [who], false)
      }
      await run([], [], false)
    }),
    { numRuns: 25 },
  )
})
