import {
  adoptCommit,
  basicCredential,
  chacha20Poly1305Suite,
  createCommit,
  exportGroupInfo,
  joinByExternalCommit,
  members,
  processMessage,
  propose,
  type CommitOptions,
  type Extension,
  type GroupState,
  type Proposal,
} from '@xmtp-ts/mls'
import { MlsCredential } from '@xmtp-ts/proto/identity/credential'
import { describe, expect, it } from 'vitest'
import {
  append,
  commitTo,
  contentOf,
  extensionsProposal,
  hexOf,
  inbox,
  inboxState,
  installation,
  keyPackage,
  lookupIn,
  question,
  trio,
  type Installation,
  type Trio,
} from '../../../test/group-world.ts'
import { utf8 } from '../../bytes.ts'
import { statesNeeded, validateCommit, type CommitValidation } from './commit.ts'
import {
  groupExtensionTypes as types,
  replaceExtension,
  withMembership,
  withMutableMetadata,
  withPolicies,
  type GroupContent,
} from './extensions.ts'
import { groupConfig } from './key-package.ts'
import { encodeGroupMetadata } from './metadata.ts'
import { policyPresets } from './policies.ts'

type Name = 'alix' | 'bo' | 'caro'
type Change = Omit<CommitOptions, 'random'>

/** One of the three commits, and another one judges. */
async function judged(world: Trio, author: Name, change: Change): Promise<CommitValidation> {
  const reader = author === 'caro' ? 'bo' : 'caro'
  const { alix, bo, caro } = world.states
  const states = { alix, bo, caro }
  const { received, staged } = await commitTo(states[author], states[reader], change, world.random)
  return validateCommit(question(world, received, staged))
}

async function reasonOf(author: Name, changeOf: (world: Trio) => Change | Promise<Change>) {
  const world = await trio()
  const result = await judged(world, author, await changeOf(world))
  return result.ok ? 'ok' : result.reason
}

const extensionsOf = ({ states }: Trio) => states.alix.context.extensions

const toExtensions = (extensions: readonly Extension[]): Change => ({
  proposals: [extensionsProposal(extensions)],
})

const replacing = (world: Trio, type: number, data: Uint8Array): Change =>
  toExtensions(replaceExtension(extensionsOf(world), { type, data }))

const without = (world: Trio, type: number): Change =>
  toExtensions(extensionsOf(world).filter((extension) => extension.type !== type))

/** A change of the mutable metadata. */
const metadata =
  (change: (before: GroupContent['mutableMetadata']) => Partial<GroupContent['mutableMetadata']>) =>
  (world: Trio): Change => {
    const before = contentOf(world.states.alix).mutableMetadata
    return toExtensions(withMutableMetadata(extensionsOf(world), { ...before, ...change(before) }))
  }

const attribute = (name: string, value: string) =>
  metadata(({ attributes }) => ({ attributes: new Map([...attributes, [name, value]]) }))

type MembershipEdit = {
  readonly set?: readonly (readonly [string, bigint])[]
  readonly drop?: readonly string[]
  readonly failed?: readonly Uint8Array[]
  readonly proposals?: readonly Proposal[]
}

function membership(world: Trio, edit: MembershipEdit): Change {
  const before = contentOf(world.states.alix).membership
  const next = new Map([...before.members, ...(edit.set ?? [])])
  for (const inboxId of edit.drop ?? []) next.delete(inboxId)
  const failedInstallations = edit.failed ?? before.failedInstallations
  const extensions = withMembership(extensionsOf(world), { members: next, failedInstallations })
  return { proposals: [...(edit.proposals ?? []), extensionsProposal(extensions)] }
}

const adding = async (world: Trio, who: Installation): Promise<Proposal> => ({
  kind: 'add',
  keyPackage: (await keyPackage(who, world.random)).own.keyPackage,
})

const leafIndexOf = (state: GroupState, who: Installation) =>
  members(state).find(({ leaf }) => hexOf([leaf.signatureKey])[0] === hexOf([who.key])[0])!
    .leafIndex

const removing = (world: Trio, who: Installation): Proposal => ({
  kind: 'remove',
  removed: leafIndexOf(world.states.alix, who),
})

const dana = installation(inbox('dana'), 'dana')

describe('what libxmtp refuses (v3-mls §5.3)', () => {
  it('1: contexts that cannot be read', async () => {
    const lists = (world: Trio) => replacing(world, types.mutableMetadata, new Uint8Array())
    expect(await reasonOf('alix', lists)).toBe('groupMutableMetadata')
    const noMetadata = (world: Trio) => without(world, types.mutableMetadata)
    expect(await reasonOf('alix', noMetadata)).toBe('missingMutableMetadata')
    const noPolicies = (world: Trio) => replacing(world, types.permissions, new Uint8Array())
    expect(await reasonOf('alix', noPolicies)).toBe('groupMutablePermissions')
    const gone = (world: Trio) => without(world, types.permissions)
    expect(await reasonOf('alix', gone)).toBe('groupMutablePermissions')
    const frame = (world: Trio) => replacing(world, types.immutableMetadata, Uint8Array.of(5, 1))
    expect(await reasonOf('alix', frame)).toBe('groupMetadata')
  })

  it('1: the immutable metadata may be replaced by anybody, and ends the group when it is nonsense', async () => {
    const world = await trio()
    const other = encodeGroupMetadata({ type: 'group', creatorInboxId: world.bo.inboxId })
    const taken = await judged(world, 'bo', replacing(world, types.immutableMetadata, other))
    expect(taken).toMatchObject({ ok: true })
    const nonsense = replacing(world, types.immutableMetadata, Uint8Array.of(2, 8, 9))
    const { states, random } = world
    const { received, staged, made } = await commitTo(states.bo, states.caro, nonsense, random)
    expect(validateCommit(question(world, received, staged)).ok).toBe(true)
    const after = adoptCommit(received, staged)
    const next = await commitTo(adoptCommit(made.state, made.staged), after, {}, random)
    const refused = validateCommit(question(world, next.received, next.staged))
    expect(refused).toMatchObject({ ok: false, reason: 'groupMetadata' })
  })

  it('2: attributes beyond their length, in bytes', async () => {
    const limits = {
      group_name: 100,
      description: 1000,
      group_image_url_square: 2048,
      app_data: 8192,
    }
    for (const [name, limit] of Object.entries(limits)) {
      expect(await reasonOf('bo', attribute(name, 'é'.repeat(limit / 2)))).toBe('ok')
      const longer = attribute(name, `${'é'.repeat(limit / 2)}e`)
      expect(await reasonOf('alix', longer)).toBe('tooManyCharacters')
    }
  })

  it('3: more than one actor, or none of the group', async () => {
    const otherKey = ({ random }: Trio) => ({ newSignaturePrivateKey: random(32) })
    const rename = attribute('group_name', 'x')
    const both = (world: Trio) => ({ ...rename(world), ...otherKey(world) })
    expect(await reasonOf('bo', both)).toBe('multipleActors')
    expect(await reasonOf('bo', otherKey)).toBe('inboxValidationFailed')
    const credential = { leafChange: { credential: basicCredential(Uint8Array.of(1)) } }
    expect(await reasonOf('bo', () => credential)).toBe('mlsCredential')
  })

  it('3: an external commit', async () => {
    const world = await trio()
    const { random, states } = world
    const { own } = await keyPackage(dana, random)
    const { leafNode } = own.keyPackage
    const joined = await joinByExternalCommit(
      await exportGroupInfo(states.alix, { withRatchetTree: true, withExternalPub: true }),
      {
        config: groupConfig,
        signaturePrivateKey: dana.secret,
        credential: leafNode.credential,
        capabilities: leafNode.capabilities,
        random,
      },
    )
    const received = await processMessage(states.caro, joined.message)
    if (received.kind !== 'commit') throw new Error(received.kind)
    const result = validateCommit(question(world, received.state, received.staged))
    expect(result).toMatchObject({ ok: false, reason: 'actorNotMember' })
    expect(statesNeeded(received.state, received.staged)).toEqual([])
  })

  it('3: a commit to a proposal that was sent on its own', async () => {
    const world = await trio()
    const { random, states } = world
    const rename = attribute('group_name', 'x')(world).proposals![0]!
    if (rename.kind === 'update') throw new Error('It is an update.')
    const sent = await propose(states.bo, rename, { random })
    const heard = await processMessage(states.caro, sent.message)
    const { received, staged } = await commitTo(sent.state, heard.state, {}, random)
    const result = validateCommit(question(world, received, staged))
    expect(result).toMatchObject({ ok: false, reason: 'proposalByReference' })
  })

  it('4: pre-shared keys and proposals that nobody knows', async () => {
    const id = utf8('key')
    const nonce = new Uint8Array(32)
    const psk = { kind: 'external', id, nonce } as const
    const withPsk = () => ({
      proposals: [{ kind: 'preSharedKey', psk }] as const,
      psk: () => new Uint8Array(32),
    })
    expect(await reasonOf('alix', withPsk)).toBe('noPskSupport')
    const reInit = ({ random }: Trio): Change => ({
      proposals: [
        {
          kind: 'reInit',
          groupId: random(16),
          version: 1,
          cipherSuite: chacha20Poly1305Suite.id,
          extensions: [],
        },
      ],
    })
    expect(await reasonOf('alix', reInit)).toBe('unsupportedProposal')
  })

  it('5: memberships that are not there, not readable or go back', async () => {
    expect(await reasonOf('alix', (world) => without(world, types.membership))).toBe(
      'missingGroupMembership',
    )
    const nonsense = (world: Trio) => replacing(world, types.membership, Uint8Array.of(9))
    expect(await reasonOf('alix', nonsense)).toBe('groupMembership')
    const back = (world: Trio) => membership(world, { set: [[world.caro.inboxId, 2n]] })
    expect(await reasonOf('alix', back)).toBe('sequenceIdDecreased')
  })

  it('5: sequence ids that name no update', async () => {
    const unknown = (world: Trio) => membership(world, { set: [[dana.inboxId, 9n]] })
    expect(await reasonOf('alix', unknown)).toBe('missingIdentityUpdate')
    const zero = (world: Trio) => membership(world, { set: [[dana.inboxId, 0n]] })
    expect(await reasonOf('alix', zero)).toBe('missingIdentityUpdate')
    const noInbox = (world: Trio) => membership(world, { set: [['dana', 9n]] })
    expect(await reasonOf('alix', noInbox)).toBe('missingIdentityUpdate')
    const beyond = (world: Trio) => {
      append(world.logs, inboxState(world.caro.inboxId, [world.caro]), 6n)
      return membership(world, { set: [[world.caro.inboxId, 7n]] })
    }
    expect(await reasonOf('alix', beyond)).toBe('missingIdentityUpdate')
  })

  it('5: a raise over nothing goes unnoticed, but its author must be where it says', async () => {
    const over = (world: Trio) => membership(world, { set: [[world.caro.inboxId, 7n]] })
    expect(await reasonOf('alix', over)).toBe('ok')
    expect(await reasonOf('caro', over)).toBe('missingIdentityUpdate')
    const world = await trio()
    const { states, random } = world
    const { received, staged } = await commitTo(states.alix, states.bo, over(world), random)
    const { hasUpdates: _, ...asked } = question(world, received, staged)
    const result = validateCommit(asked)
    expect(result).toMatchObject({ ok: false, reason: 'missingIdentityUpdate' })
  })

  it('7: installations that come without being expected', async () => {
    const stray = async (world: Trio) => ({ proposals: [await adding(world, dana)] })
    expect(await reasonOf('alix', stray)).toBe('unexpectedInstallationAdded')
  })

  it('7: installations that go without being expected, or stay', async () => {
    const taken = (world: Trio) => ({ proposals: [removing(world, world.caro)] })
    expect(await reasonOf('alix', (world) => ({ proposals: [removing(world, world.bo)] }))).toBe(
      'unexpectedInstallationsRemoved',
    )
    expect(await reasonOf('bo', (world) => ({ proposals: [removing(world, world.alix)] }))).toBe(
      'unexpectedInstallationsRemoved',
    )
    const world = await trio()
    const { states, random } = world
    const seen = await commitTo(states.alix, states.bo, taken(world), random)
    expect(validateCommit(question(world, seen.received, seen.staged))).toMatchObject({
      reason: 'unexpectedInstallationsRemoved',
    })
    const stays = (one: Trio) => membership(one, { drop: [one.bo.inboxId] })
    expect(await reasonOf('alix', stays)).toBe('unexpectedInstallationsRemoved')
    const named = (one: Trio) => membership(one, { drop: [one.bo.inboxId], failed: [one.bo.key] })
    expect(await reasonOf('alix', named)).toBe('ok')
  })

  it('8: an author who is not there afterwards, or never was who it says', async () => {
    const leaves = (world: Trio) =>
      membership(world, { drop: [world.bo.inboxId], failed: [world.bo.key] })
    expect(await reasonOf('bo', leaves)).toBe('subjectDoesNotExist')
    const revoked = (world: Trio) => {
      append(world.logs, inboxState(world.bo.inboxId, []), 8n)
      return membership(world, { set: [[world.bo.inboxId, 8n]], failed: [world.bo.key] })
    }
    expect(await reasonOf('bo', revoked)).toBe('inboxValidationFailed')
    const disguised = ({ alix }: Trio) => {
      const identity = MlsCredential.encode({ inboxId: alix.inboxId }).finish()
      return { leafChange: { credential: basicCredential(identity) } }
    }
    expect(await reasonOf('bo', disguised)).toBe('inboxValidationFailed')
  })

  it('10: a group that wants a newer client pauses', async () => {
    const wants = (version: string) => attribute('minimum_supported_protocol_version', version)
    expect(await reasonOf('alix', wants('1.10.0'))).toBe('ok')
    expect(await reasonOf('alix', wants('1.9.9'))).toBe('ok')
    expect(await reasonOf('alix', wants('1.10.1'))).toBe('protocolVersionTooLow')
    expect(await reasonOf('alix', wants('1.10.0-dev'))).toBe('protocolVersionTooLow')
    expect(await reasonOf('alix', wants('1.10'))).toBe('invalidVersionFormat')
    expect(await reasonOf('bo', wants('1.10.1'))).toBe('insufficientPermissions')
  })
})

describe('permissions (v3-mls §3.5)', () => {
  const admins = (...admins: string[]) => metadata(() => ({ admins }))

  it.each([
    ['bo', attribute('group_name', 'x'), 'ok'],
    ['bo', attribute('message_disappear_in_ns', '1'), 'insufficientPermissions'],
    ['bo', attribute('zz', 'x'), 'insufficientPermissions'],
    ['alix', attribute('zz', 'x'), 'ok'],
    ['alix', attribute('_commit_log_signer', 'x'), 'ok'],
    ['bo', attribute('__proto__', 'x'), 'insufficientPermissions'],
    ['bo', admins(inbox('bo')), 'insufficientPermissions'],
    ['alix', admins(inbox('bo'), inbox('bo')), 'ok'],
    ['bo', metadata(() => ({ superAdmins: [inbox('bo')] })), 'insufficientPermissions'],
    ['bo', metadata(() => ({ superAdmins: [] })), 'insufficientPermissions'],
    ['alix', metadata(() => ({ superAdmins: [] })), 'insufficientPermissions'],
    ['alix', metadata(() => ({ superAdmins: [inbox('bo')] })), 'ok'],
  ] as const)('%s: %#', async (author, change, expected) => {
    expect(await reasonOf(author, change)).toBe(expected)
  })

  it('an admin may what admins may, and not what super admins may', async () => {
    const mutableMetadata = {
      attributes: new Map(),
      admins: [inbox('bo')],
      superAdmins: [inbox('alix')],
    }
    const world = await trio({ mutableMetadata })
    const outcome = async (change: (world: Trio) => Change) => {
      const result = await judged(world, 'bo', change(world))
      return result.ok ? 'ok' : result.reason
    }
    expect(await outcome(attribute('zz', 'x'))).toBe('ok')
    expect(await outcome(attribute('_zz', 'x'))).toBe('insufficientPermissions')
    expect(await outcome(admins())).toBe('insufficientPermissions')
    const removal = (who: Installation) =>
      membership(world, { drop: [who.inboxId], proposals: [removing(world, who)] })
    expect(await outcome(() => removal(world.alix))).toBe('insufficientPermissions')
    const { states, random } = world
    const seen = await commitTo(states.bo, states.alix, removal(world.caro), random)
    const result = validateCommit(question(world, seen.received, seen.staged))
    expect(result).toMatchObject({ ok: true, summary: { removedInboxes: [world.caro.inboxId] } })
  })

  it('only super admins change permissions, whatever the policy for it says', async () => {
    const policies = (world: Trio) =>
      toExtensions(withPolicies(extensionsOf(world), policyPresets.adminOnly))
    expect(await reasonOf('bo', policies)).toBe('insufficientPermissions')
    expect(await reasonOf('alix', policies)).toBe('ok')
    const closed = await trio({
      policies: { ...policyPresets.default, updatePermissions: { kind: 'base', base: 'deny' } },
    })
    expect(await judged(closed, 'alix', policies(closed))).toMatchObject({
      ok: true,
      summary: { policiesChanged: true },
    })
  })

  it('either party of a direct message may bring in the other, nobody anybody else', async () => {
    const dm = async (dmMembers: readonly [string, string]) => {
      const type = 'dm' as const
      const world = await trio({
        metadata: { type, creatorInboxId: inbox('alix'), dmMembers },
        policies: policyPresets.direct,
      })
      append(world.logs, inboxState(dana.inboxId, [dana]), 9n)
      const proposals = [await adding(world, dana)]
      const change = membership(world, { set: [[dana.inboxId, 9n]], proposals })
      const result = await judged(world, 'bo', change)
      return result.ok ? 'ok' : result.reason
    }
    expect(await dm([inbox('alix'), dana.inboxId])).toBe('ok')
    expect(await dm([inbox('alix'), inbox('bo')])).toBe('insufficientPermissions')
  })
})

describe('what counts', () => {
  it('an empty commit, with nothing in its summary', async () => {
    const world = await trio()
    const result = await judged(world, 'bo', {})
    expect(result).toMatchObject({
      ok: true,
      summary: {
        actor: { inboxId: world.bo.inboxId },
        addedInboxes: [],
        changedAttributes: [],
        policiesChanged: false,
        addedInstallations: [],
      },
    })
  })

  it('a rename, with what was and what is', async () => {
    const world = await trio()
    const result = await judged(world, 'bo', attribute('group_name', 'next')(world))
    expect(result).toMatchObject({
      ok: true,
      summary: { changedAttributes: [{ name: 'group_name', old: 'start', new: 'next' }] },
    })
  })

  it('a new inbox with some of its installations', async () => {
    const world = await trio()
    const dana2 = installation(dana.inboxId, 'dana2')
    append(world.logs, inboxState(dana.inboxId, [dana, dana2]), 9n)
    const proposals = [await adding(world, dana)]
    const change = membership(world, { set: [[dana.inboxId, 9n]], proposals })
    const { states, random } = world
    const { received, staged } = await commitTo(states.bo, states.caro, change, random)
    expect(statesNeeded(received, staged)).toEqual([
      { inboxId: dana.inboxId, sequenceId: 9n },
      { inboxId: world.bo.inboxId, sequenceId: 2n },
    ])
    const result = validateCommit(question(world, received, staged))
    if (!result.ok) throw result.error
    expect(result.summary.addedInboxes).toEqual([dana.inboxId])
    expect(hexOf(result.summary.addedInstallations)).toEqual(hexOf([dana.key]))
    expect(result.summary.membership.after.members.get(dana.inboxId)).toBe(9n)
  })

  it('6: a super admin puts an installation back, others may not', async () => {
    const readd = async (author: Name) => {
      const world = await trio()
      const { states, random, caro } = world
      const proposals = [removing(world, caro), await adding(world, caro)]
      const reader = author === 'bo' ? states.alix : states.bo
      const { received, staged } = await commitTo(states[author], reader, { proposals }, random)
      return { caro, result: validateCommit(question(world, received, staged)) }
    }
    const { result, caro } = await readd('alix')
    if (!result.ok) throw result.error
    expect(hexOf(result.summary.readded)).toEqual(hexOf([caro.key]))
    expect(result.summary.addedInstallations).toEqual([])
    expect(result.summary.removedInstallations).toEqual([])
    expect(await readd('bo')).toMatchObject({
      result: { ok: false, reason: 'unexpectedInstallationsRemoved' },
    })
  })

  it('6: a super admin takes out an installation that failed to come back', async () => {
    const world = await trio()
    const { states, random, caro } = world
    const change = membership(world, { failed: [caro.key], proposals: [removing(world, caro)] })
    const { received, staged } = await commitTo(states.alix, states.bo, change, random)
    const result = validateCommit(question(world, received, staged))
    if (!result.ok) throw result.error
    expect(hexOf(result.summary.readded)).toEqual(hexOf([caro.key]))
  })

  it('what its author stages is judged alike', async () => {
    const world = await trio()
    const { states, random } = world
    const good = await createCommit(states.bo, { ...attribute('group_name', 'x')(world), random })
    const bad = await createCommit(states.bo, { ...attribute('zz', 'x')(world), random })
    const own = question(world, states.bo, good.staged)
    expect(validateCommit(own).ok).toBe(true)
    expect(validateCommit({ ...own, staged: bad.staged })).toMatchObject({
      reason: 'insufficientPermissions',
    })
    expect(validateCommit({ ...own, states: lookupIn(new Map()) })).toMatchObject({
      reason: 'missingIdentityUpdate',
    })
  })
})
