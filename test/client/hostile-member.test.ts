import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import {
  Client,
  memoryTransport,
  openMemoryRecords,
  RecordMemory,
  type Group,
  type Refusal,
} from '@xmtp-ts/client'
import {
  adoptCommit,
  basicCredential,
  chacha20Poly1305Suite,
  createCommit,
  createGroup,
  encryptMessage,
  exportGroupInfo,
  joinByExternalCommit,
  members,
  propose,
  type CommitOptions,
  type GroupState,
  type Proposal,
} from '@xmtp-ts/mls'
import { Compression, EncodedContent } from '@xmtp-ts/proto/message_contents/content'
import { bytesToHex, v3 } from '@xmtp-ts/protocol'
import {
  createInstallationKeyPackage,
  groupConfig,
  groupExtensions,
  groupExtensionTypes as types,
  planWelcomes,
  policyPresets,
  readGroupContent,
  readKeyPackage,
  replaceExtension,
  withMembership,
  withMutableMetadata,
  withPolicies,
  type GroupContent,
} from '@xmtp-ts/protocol/group'
import { describe, expect, it } from 'vitest'
import {
  epoch,
  groupOf,
  keyOf,
  person,
  rename,
  say,
  sync,
  texts as textsOf,
  type Person,
} from '../../packages/client/test/person.ts'
import { hostileNode } from '../support/hostile-node.ts'
import { texts, until, walletKey, world } from './world.ts'

const { open, node, keep, options } = world()

const random = (size: number) => new Uint8Array(randomBytes(size))

async function somebody(number: number): Promise<Person> {
  const one = await person(memoryTransport(node().memory()), keyOf(number))
  keep({ [Symbol.asyncDispose]: async () => one.close() })
  return one
}

/** Ann made the group; mallory is a member like carl. */
async function trio() {
  const [ann, mallory, carl] = [await somebody(1), await somebody(2), await somebody(3)]
  const id = await groupOf(ann, [mallory, carl])
  await say(ann, id, 'before')
  for (const one of [mallory, carl]) await sync(one)
  return { ann, mallory, carl, id }
}

type Trio = Awaited<ReturnType<typeof trio>>

const stateOf = async ({ core }: Person, id: string): Promise<GroupState> =>
  (await core.groups.turn(id, () => core.groups.load(id)))!.mls

const post = ({ core }: Person, data: Uint8Array) =>
  core.mls.sendGroupMessages([{ data, senderHmac: random(32), shouldPush: false }])

const reasons = ({ refusals }: Person) =>
  refusals.map(({ error }) => error.details['reason'] ?? error.details['mlsCode'] ?? error.code)

type Change = Omit<CommitOptions, 'random'>
type Make = (state: GroupState, world: Trio) => Change | Promise<Change>

const extensions = (next: GroupState['context']['extensions']): Change => ({
  proposals: [{ kind: 'groupContextExtensions', extensions: next }],
})

const replacing =
  (type: number, data: Uint8Array): Make =>
  ({ context }) =>
    extensions(replaceExtension(context.extensions, { type, data }))

const metadata =
  (
    change: (before: GroupContent['mutableMetadata']) => Partial<GroupContent['mutableMetadata']>,
  ): Make =>
  ({ context }) => {
    const { mutableMetadata } = readGroupContent(context.extensions)
    const next = { ...mutableMetadata, ...change(mutableMetadata) }
    return extensions(withMutableMetadata(context.extensions, next))
  }

const attribute = (name: string, value: string) =>
  metadata(({ attributes }) => ({ attributes: new Map([...attributes, [name, value]]) }))

function membership(
  state: GroupState,
  edit: {
    set?: [string, bigint][]
    drop?: string[]
    failed?: Uint8Array[]
    proposals?: Proposal[]
  },
): Change {
  const before = readGroupContent(state.context.extensions).membership
  const next = new Map([...before.members, ...(edit.set ?? [])])
  for (const inboxId of edit.drop ?? []) next.delete(inboxId)
  const failedInstallations = edit.failed ?? before.failedInstallations
  const { proposals = [] } = edit
  const all = withMembership(state.context.extensions, { members: next, failedInstallations })
  return { proposals: [...proposals, { kind: 'groupContextExtensions', extensions: all }] }
}

const removing = (state: GroupState, who: Person): Extract<Proposal, { kind: 'remove' }> => ({
  kind: 'remove',
  removed: members(state).find(
    ({ leaf }) => bytesToHex(leaf.signatureKey) === bytesToHex(who.core.self.installationId),
  )!.leafIndex,
})

async function keyPackageOf(who: Person) {
  const [bytes] = await who.core.mls.fetchKeyPackages([who.core.self.installationId])
  return { ...(await readKeyPackage(bytes!, undefined)), bytes: bytes! }
}

const forbidden: Record<string, { by: 'ann' | 'mallory'; make: Make; reason: string }> = {
  'without readable metadata': {
    by: 'ann',
    make: replacing(types.mutableMetadata, new Uint8Array()),
    reason: 'groupMutableMetadata',
  },
  'without metadata': {
    by: 'ann',
    make: ({ context }) =>
      extensions(context.extensions.filter(({ type }) => type !== types.mutableMetadata)),
    reason: 'missingMutableMetadata',
  },
  'without readable permissions': {
    by: 'ann',
    make: replacing(types.permissions, new Uint8Array()),
    reason: 'groupMutablePermissions',
  },
  'with an unreadable kind of group': {
    by: 'ann',
    make: replacing(types.immutableMetadata, Uint8Array.of(5, 1)),
    reason: 'groupMetadata',
  },
  'with a name of 101 bytes': {
    by: 'ann',
    make: attribute('group_name', 'n'.repeat(101)),
    reason: 'tooManyCharacters',
  },
  'with another key than the path has': {
    by: 'mallory',
    make: async (state, world) => ({
      ...(await attribute('group_name', 'x')(state, world)),
      newSignaturePrivateKey: random(32),
    }),
    reason: 'multipleActors',
  },
  'with a new key for its author': {
    by: 'mallory',
    make: () => ({ newSignaturePrivateKey: random(32) }),
    reason: 'inboxValidationFailed',
  },
  'with no readable name for its author': {
    by: 'mallory',
    make: () => ({ leafChange: { credential: basicCredential(Uint8Array.of(1)) } }),
    reason: 'mlsCredential',
  },
  'with a pre-shared key': {
    by: 'ann',
    make: () => ({
      proposals: [
        {
          kind: 'preSharedKey',
          psk: { kind: 'external', id: Uint8Array.of(1), nonce: new Uint8Array(32) },
        },
      ],
      psk: () => new Uint8Array(32),
    }),
    // Nobody has such a key: MLS refuses it before the rules of groups do.
    reason: 'psk.unknown',
  },
  'that ends the group': {
    by: 'ann',
    make: () => ({
      proposals: [
        {
          kind: 'reInit',
          groupId: random(16),
          version: 1,
          cipherSuite: chacha20Poly1305Suite.id,
          extensions: [],
        },
      ],
    }),
    reason: 'unsupportedProposal',
  },
  'without a membership': {
    by: 'ann',
    make: ({ context }) =>
      extensions(context.extensions.filter(({ type }) => type !== types.membership)),
    reason: 'missingGroupMembership',
  },
  'with an unreadable membership': {
    by: 'ann',
    make: replacing(types.membership, Uint8Array.of(9)),
    reason: 'groupMembership',
  },
  'that goes back in a log': {
    by: 'ann',
    make: (state, { carl }) => membership(state, { set: [[carl.core.self.inboxId, 0n]] }),
    reason: 'sequenceIdDecreased',
  },
  'that adds an inbox which nobody has': {
    by: 'ann',
    make: (state) => membership(state, { set: [['ab'.repeat(32), 9n]] }),
    reason: 'missingIdentityUpdate',
  },
  'that adds an installation which nobody expects': {
    by: 'ann',
    make: async () => {
      const { keyPackage } = await keyPackageOf(await somebody(9))
      return { proposals: [{ kind: 'add', keyPackage }] }
    },
    reason: 'unexpectedInstallationAdded',
  },
  'that takes out an installation and leaves its inbox': {
    by: 'mallory',
    make: (state, { ann }) => ({ proposals: [removing(state, ann)] }),
    reason: 'unexpectedInstallationsRemoved',
  },
  'that takes out an inbox and leaves its installations': {
    by: 'ann',
    make: (state, { mallory }) => membership(state, { drop: [mallory.core.self.inboxId] }),
    reason: 'unexpectedInstallationsRemoved',
  },
  'whose author takes itself out': {
    by: 'mallory',
    make: (state, { mallory: { core } }) =>
      membership(state, { drop: [core.self.inboxId], failed: [core.self.installationId] }),
    reason: 'subjectDoesNotExist',
  },
  'that removes somebody, without the right to': {
    by: 'mallory',
    make: (state, { ann }) =>
      membership(state, { drop: [ann.core.self.inboxId], proposals: [removing(state, ann)] }),
    reason: 'insufficientPermissions',
  },
  'that makes its author a super admin': {
    by: 'mallory',
    make: (state, world) =>
      metadata(() => ({ superAdmins: [world.mallory.core.self.inboxId] }))(state, world),
    reason: 'insufficientPermissions',
  },
  'that opens the permissions': {
    by: 'mallory',
    make: ({ context }) => extensions(withPolicies(context.extensions, policyPresets.adminOnly)),
    reason: 'insufficientPermissions',
  },
  'with a version that is none': {
    by: 'ann',
    make: attribute('minimum_supported_protocol_version', '1.10'),
    reason: 'invalidVersionFormat',
  },
}

describe('a commit that is valid MLS', () => {
  it.each(Object.entries(forbidden))('%s is refused, and the group goes on', async (_, rule) => {
    const world = await trio()
    const { ann, mallory, carl, id } = world
    const before = await epoch(carl, id)
    const author = world[rule.by]
    const state = await stateOf(author, id)
    const made = await createCommit(state, {
      ...(await rule.make(state, world)),
      path: 'always',
      random,
    })
    await post(author, made.message)
    await sync(carl)
    expect(reasons(carl)).toContain(rule.reason)
    expect(await epoch(carl, id)).toBe(before)
    // The next commit of the same epoch counts, and what is said after it is read.
    await rename(carl, id, 'goes on')
    await say(carl, id, 'still here')
    const other = rule.by === 'ann' ? mallory : ann
    await sync(other)
    await sync(carl)
    expect(await epoch(other, id)).toBe(await epoch(carl, id))
    expect(await textsOf(other, id)).toEqual(['before', 'still here'])
    expect(reasons(carl)).toHaveLength(1)
  })

  it('by somebody outside, or to a proposal that stands alone, is refused', async () => {
    const { ann, mallory, carl, id } = await trio()
    const before = await epoch(carl, id)
    const state = await stateOf(mallory, id)
    const stranger = await somebody(9)
    const { keyPackage } = await keyPackageOf(stranger)
    const { credential, capabilities } = keyPackage.leafNode
    const joined = await joinByExternalCommit(
      await exportGroupInfo(state, { withRatchetTree: true, withExternalPub: true }),
      {
        config: groupConfig,
        signaturePrivateKey: stranger.core.self.signingKey,
        credential,
        capabilities,
        random,
      },
    )
    // An honest node takes no PublicMessage; a hostile one shows it.
    const groupId = Uint8Array.from(Buffer.from(id, 'hex'))
    const lone = await propose(state, removing(state, ann), { random })
    await post(mallory, lone.message)
    await sync(carl)
    expect(reasons(carl)).toEqual(['client.group.loneProposal'])
    const { receiveMessages } = await import('../../packages/client/src/v3/group/receive.ts')
    await carl.core.groups.turn(id, () =>
      receiveMessages(carl.core, id, [
        {
          id: 1_000n,
          createdNs: 1n,
          groupId,
          data: joined.message,
          senderHmac: new Uint8Array(),
          shouldPush: false,
          isCommit: true,
        },
      ]),
    )
    expect(reasons(carl).slice(1)).toEqual(['actorNotMember'])
    expect(await epoch(carl, id)).toBe(before)
    // A commit to what was never taken refers to nothing.
    const made = await createCommit(lone.state, { path: 'always', random })
    await post(mallory, made.message)
    await sync(carl)
    expect(await epoch(carl, id)).toBe(before)
    await say(ann, id, 'still here')
    await sync(carl)
    expect(await textsOf(carl, id)).toEqual(['before', 'still here'])
  })
})

describe('a message of a member', () => {
  const plaintext = (content: Uint8Array, idempotencyKey = String(Math.random())) =>
    v3.encodePlaintext({ content, idempotencyKey })

  it('under the name of another is refused, and costs the other nothing', async () => {
    const { ann, mallory, carl, id } = await trio()
    const state = await stateOf(mallory, id)
    const annLeaf = members(state).find(
      ({ leaf }) => bytesToHex(leaf.signatureKey) === bytesToHex(ann.core.self.installationId),
    )!.leafIndex
    const forged = await encryptMessage(
      { ...state, ownLeaf: annLeaf },
      plaintext(new Uint8Array(9)),
      { random },
    )
    await post(mallory, forged.message)
    await say(ann, id, 'really ann')
    await sync(carl)
    expect(reasons(carl)).toEqual(['message.badSignature'])
    expect(await textsOf(carl, id)).toEqual(['before', 'really ann'])
  })

  it('may hold anything: nothing of it ends a list or a stream', async () => {
    const refused: string[] = []
    const ben: Client = keep(
      await Client.create(walletKey(3), {
        ...options(),
        store: openMemoryRecords(new RecordMemory()),
        onRefused: ({ error }) => refused.push(error.code),
      }),
    )
    const mallory = await somebody(2)
    const id = await groupOf(mallory, [])
    const { addInboxes } = await import('../../packages/client/test/person.ts')
    await addInboxes(mallory, id, [ben.inboxId])
    await using stream = await ben.conversations.streamAllMessages()
    await until(async () => (await ben.conversations.list()).length === 1)
    const type = (typeId: string) => ({
      authorityId: 'xmtp.org',
      typeId,
      versionMajor: 1,
      versionMinor: 0,
    })
    const base = { parameters: {}, fallback: undefined, compression: undefined }
    const bomb = gzipSync(new Uint8Array(200_000_000))
    const contents: Uint8Array[] = [
      new Uint8Array(0),
      random(1_000),
      random(1_000_000),
      EncodedContent.encode({ ...base, type: undefined, content: random(9) }).finish(),
      EncodedContent.encode({
        ...base,
        type: type('text'),
        content: Uint8Array.of(255, 254),
      }).finish(),
      EncodedContent.encode({
        ...base,
        type: type('text'),
        compression: Compression.COMPRESSION_GZIP,
        content: bomb,
      }).finish(),
      // A compression that nobody knows.
      Buffer.concat([
        EncodedContent.encode({ ...base, type: type('text'), content: random(9) }).finish(),
        Buffer.of(0x28, 9),
      ]),
      EncodedContent.encode({ ...base, type: type('reply'), content: random(99) }).finish(),
      EncodedContent.encode({ ...base, type: type('reaction'), content: random(99) }).finish(),
      EncodedContent.encode({ ...base, type: type('deleteMessage'), content: random(99) }).finish(),
      EncodedContent.encode({ ...base, type: type('leave_request'), content: random(99) }).finish(),
      EncodedContent.encode({ ...base, type: type('group_updated'), content: random(99) }).finish(),
      EncodedContent.encode({
        ...base,
        type: type('unheard-of'),
        fallback: 'something new',
        content: random(99),
      }).finish(),
    ]
    const memoryBefore = process.memoryUsage().rss
    let state = await stateOf(mallory, id)
    for (const [index, content] of contents.entries()) {
      const next = await encryptMessage(state, plaintext(content, String(index)), { random })
      state = next.state
      await post(mallory, next.message)
    }
    // No content at all, and one of another version.
    for (const data of [random(50), new Uint8Array(), Uint8Array.of(18, 0)]) {
      const next = await encryptMessage(state, data, { random })
      state = next.state
      await post(mallory, next.message)
    }
    const last = EncodedContent.encode({
      ...base,
      type: type('text'),
      parameters: { encoding: 'UTF-8' },
      content: new TextEncoder().encode('the end'),
    }).finish()
    const next = await encryptMessage(state, plaintext(last, 'end'), { random })
    await post(mallory, next.message)
    const seen: unknown[] = []
    for await (const { content } of stream) {
      seen.push(content)
      if (content === 'the end') break
    }
    const group = (await ben.conversations.getConversationById(id)) as Group
    expect(texts(await group.messages()).at(-1)).toBe('the end')
    expect((await group.messages()).length).toBeGreaterThan(5)
    const unknown = (await group.messages()).find(({ fallback }) => fallback === 'something new')
    expect(unknown?.content).toBeUndefined()
    expect(group.isActive).toBe(true)
    expect(refused).toEqual(['v3.message.malformed', 'v3.message.malformed'])
    expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(400_000_000)
  })
})

describe('a welcome', () => {
  /** A group of mallory's own making, with whatever content, to which somebody is welcomed. */
  async function welcomeTo(
    by: Person,
    to: Person,
    make: (content: GroupContent) => Partial<GroupContent>,
    {
      groupId = random(16),
      epochs = 0,
      added,
    }: { groupId?: Uint8Array; epochs?: number; added?: Proposal[] } = {},
  ) {
    const { self } = by.core
    const own = await createInstallationKeyPackage({
      installationSecretKey: self.signingKey,
      inboxId: self.inboxId,
      nowSeconds: BigInt(Math.trunc(Date.now() / 1_000)),
      random,
      postQuantum: false,
    })
    const place = async ({ core }: Person) => {
      const inbox = (await core.inboxes.refresh([core.self.inboxId])).get(core.self.inboxId)!
      return [core.self.inboxId, inbox.sequenceId] as const
    }
    const content: GroupContent = {
      metadata: { type: 'group', creatorInboxId: self.inboxId },
      mutableMetadata: {
        attributes: new Map([['group_name', 'forged']]),
        admins: [],
        superAdmins: [self.inboxId],
      },
      membership: {
        members: new Map<string, bigint>([await place(by), await place(to)]),
        failedInstallations: [],
      },
      policies: policyPresets.default,
    }
    let state = createGroup({
      suite: chacha20Poly1305Suite,
      groupId,
      own: own.own,
      signaturePrivateKey: self.signingKey,
      extensions: groupExtensions({ ...content, ...make(content) }),
      config: groupConfig,
      random,
    })
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      const made = await createCommit(state, { path: 'always', random })
      state = adoptCommit(made.state, made.staged)
    }
    const target = await keyPackageOf(to)
    const made = await createCommit(state, {
      proposals: [{ kind: 'add', keyPackage: target.keyPackage }, ...(added ?? [])],
      path: 'always',
      random,
    })
    return planWelcomes({
      installations: [target],
      welcome: made.welcome!,
      messageCursor: 0n,
      random,
    })
  }

  const send = ({ core }: Person, inputs: Awaited<ReturnType<typeof planWelcomes>>) =>
    core.mls.sendWelcomeMessages(inputs)

  const conversationsOf = ({ core }: Person) =>
    core.store.scan({ from: 'conversation/', to: 'conversation0', order: 'ascending', limit: 99 })

  it('that is poisoned does not stop the good ones behind it', async () => {
    const [ann, mallory, carl] = [await somebody(1), await somebody(2), await somebody(3)]
    const other = await keyPackageOf(await somebody(8))
    const good = await welcomeTo(mallory, carl, () => ({}))
    const broken = (change: (data: Uint8Array) => Uint8Array) =>
      good.map((input) => {
        if (input.version?.$case !== 'v1') throw new Error('It is a pointer.')
        const { value } = input.version
        return { version: { $case: 'v1' as const, value: { ...value, data: change(value.data) } } }
      })
    await send(
      mallory,
      broken((data) => data.slice(0, 100)),
    )
    await send(
      mallory,
      broken((data) => data.map((byte, at) => (at === 1_500 ? byte ^ 1 : byte))),
    )
    const forTheOther = await planWelcomes({
      installations: [other],
      welcome: random(500),
      messageCursor: 0n,
      random,
    })
    const { installationId } = carl.core.self
    await send(
      mallory,
      forTheOther.map((input) => {
        if (input.version === undefined) throw new Error('It is empty.')
        const value = { ...input.version.value, installationKey: installationId }
        return { version: { ...input.version, value } } as typeof input
      }),
    )
    const nonsense = await planWelcomes({
      installations: [await keyPackageOf(carl)],
      welcome: new Uint8Array(500),
      messageCursor: 0n,
      random,
    })
    await send(mallory, nonsense)
    const members = (change: (all: Map<string, bigint>) => void) =>
      welcomeTo(mallory, carl, ({ membership }) => {
        const next = new Map(membership.members)
        change(next)
        return { membership: { ...membership, members: next } }
      })
    await send(mallory, await members((all) => all.set('cd'.repeat(32), 5n)))
    await send(mallory, await members((all) => all.set('no inbox', 5n)))
    await send(mallory, await members((all) => all.delete(mallory.core.self.inboxId)))
    await send(mallory, await members((all) => all.set(ann.core.self.inboxId, 1n)))
    await send(mallory, await members((all) => all.set(carl.core.self.inboxId, 999n)))
    const dm = (dmMembers: readonly [string, string]) =>
      welcomeTo(mallory, carl, () => ({
        metadata: { type: 'dm', creatorInboxId: mallory.core.self.inboxId, dmMembers },
        mutableMetadata: { attributes: new Map(), admins: [], superAdmins: [] },
        policies: policyPresets.direct,
      }))
    await send(mallory, await dm([ann.core.self.inboxId, carl.core.self.inboxId]))
    await send(mallory, await dm([ann.core.self.inboxId, mallory.core.self.inboxId]))
    const poisoned = 11
    const id = await groupOf(ann, [carl])
    await say(ann, id, 'welcome')
    await sync(carl)
    expect(carl.refusals).toHaveLength(poisoned)
    expect(reasons(carl).map(String).toSorted()).toEqual([
      'client.welcome.badMembers',
      'client.welcome.badMembers',
      'client.welcome.badMembers',
      'client.welcome.badMembers',
      'client.welcome.badMembers',
      'message.unsupportedVersion',
      'v3.group.notDirect',
      'v3.group.notDirect',
      'v3.welcome.malformed',
      'v3.welcome.notForUs',
      'v3.welcome.undecryptable',
    ])
    expect(await textsOf(carl, id)).toEqual(['welcome'])
    expect(await conversationsOf(carl)).toHaveLength(1)
    // They are not told of again, however often they are looked at.
    for (let round = 0; round < 4; round += 1) await sync(carl)
    expect(carl.refusals).toHaveLength(poisoned)
  })

  it('does not take over a group that is known; who was removed is added again all the same', async () => {
    const { ann, mallory, carl, id } = await trio()
    const groupId = Uint8Array.from(Buffer.from(id, 'hex'))
    const before = await epoch(carl, id)
    const copy = ({ metadata }: GroupContent) => ({
      metadata: { ...metadata, creatorInboxId: ann.core.self.inboxId },
    })
    await send(mallory, await welcomeTo(mallory, carl, copy, { groupId, epochs: 20 }))
    await send(mallory, await welcomeTo(mallory, carl, () => ({}), { groupId, epochs: 20 }))
    // Of no later epoch: nothing new.
    await send(mallory, await welcomeTo(mallory, carl, copy, { groupId }))
    await say(ann, id, 'still ours')
    await sync(carl)
    expect(reasons(carl)).toEqual(['client.welcome.takeover', 'client.welcome.takeover'])
    expect(await epoch(carl, id)).toBe(before)
    expect(await textsOf(carl, id)).toEqual(['before', 'still ours'])

    const { add, remove } = await import('../../packages/client/test/person.ts')
    await remove(ann, id, [carl])
    await add(ann, id, [carl])
    await say(ann, id, 'again')
    await sync(carl)
    expect(await epoch(carl, id)).toBe(await epoch(ann, id))
    expect(await textsOf(carl, id)).toEqual(['before', 'still ours', 'again'])
    expect(reasons(carl)).toHaveLength(2)
  })

  it('is not shown again to who was removed since', async () => {
    const { ann, carl, id } = await trio()
    const { remove } = await import('../../packages/client/test/person.ts')
    const old: Awaited<ReturnType<typeof collect>> = []
    async function collect() {
      const all = []
      for await (const page of carl.core.mls.queryWelcomeMessages(
        carl.core.self.installationId,
        0n,
      ))
        all.push(...page)
      return all
    }
    old.push(...(await collect()))
    await remove(ann, id, [carl])
    await sync(carl)
    const { takeWelcomes } = await import('../../packages/client/src/v3/group/welcomes.ts')
    const replayed = old.map(
      (one) => ({ ...one, value: { ...one.value, id: one.value.id + 50n } }) as typeof one,
    )
    expect(await takeWelcomes(carl.core, replayed)).toEqual([])
    const group = await carl.core.groups.turn(id, () => carl.core.groups.load(id))
    expect(group?.conversation.active).toBe(false)
  })
})

describe('a member that cannot be resolved', () => {
  it('makes its group wait, and no other; what it said is read when it can be', async () => {
    const between = hostileNode(node().memory())
    const [ann, control] = [await open(1), await open(3)]
    const told: unknown[] = []
    const refused: Refusal[] = []
    const ben: Client = keep(
      await Client.create(walletKey(2), {
        ...options(),
        transport: memoryTransport(between.endpoint),
        onRefused: (refusal) => refused.push(refusal),
        onError: (error) => told.push(error),
      }),
    )
    const people = [ben.inboxId, control.inboxId]
    const stuck = await ann.conversations.createGroup(people, { groupName: 'stuck' })
    const free = await ann.conversations.createGroup(people, { groupName: 'free' })
    await ben.conversations.syncAll()
    const dan = await open(4)
    between.lie({
      async unary(method, ask) {
        if (method !== 'GetIdentityUpdates') return ask()
        throw Object.assign(new Error('later'), { code: 4 })
      },
    })
    await using _stream = await ben.conversations.streamAllMessages()
    await stuck.addMembers([dan.inboxId])
    // More than what may wait in memory.
    for (let index = 0; index < 1_100; index += 1) await stuck.sendText(`stuck ${index}`, true)
    await stuck.publishMessages()
    await free.sendText('free')
    const atBen = async (id: string) => (await ben.conversations.getConversationById(id)) as Group
    await until(async () => texts(await (await atBen(free.id)).messages()).includes('free'))
    expect(texts(await (await atBen(stuck.id)).messages())).toEqual([])
    // A sync says why, and brings the others.
    await free.sendText('free again')
    await expect(ben.conversations.syncAll()).rejects.toMatchObject({
      code: 'client.network.timeout',
    })
    expect(texts(await (await atBen(free.id)).messages())).toContain('free again')
    between.beHonest()
    await until(async () => texts(await (await atBen(stuck.id)).messages()).length === 1_100)
    expect(texts(await (await atBen(stuck.id)).messages())).toEqual(
      Array.from({ length: 1_100 }, (_, index) => `stuck ${index}`),
    )
    expect((await (await atBen(stuck.id)).debugInfo()).epoch).toBe((await stuck.debugInfo()).epoch)
    expect(refused).toEqual([])
  })
})
