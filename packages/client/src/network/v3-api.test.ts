import { afterEach, describe, expect, it } from 'vitest'
import { createNode, openMemoryLog, openMemoryV3Store } from '@xmtp-ts/node'
import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { v3 } from '@xmtp-ts/protocol'
import { createInstallationKeyPackage } from '@xmtp-ts/protocol/group'
import { privateKeyToAccount } from 'viem/accounts'
import { systemEnvironment } from '../environment.ts'
import { memoryTransport } from '../transport/memory.ts'
import type { Transport } from '../transport/transport.ts'
import { createIdentityApi } from './identity-api.ts'
import { createMlsApi } from './mls-api.ts'

const group = new Uint8Array(16).fill(1)
const otherGroup = new Uint8Array(16).fill(2)
const installation = new Uint8Array(32).fill(3)
const { random } = systemEnvironment

/** A PrivateMessage by hand (RFC 9420 §6.3). */
function mlsMessage(text: string, { groupId = group, contentType = 1 } = {}): Uint8Array {
  const vector = (bytes: Uint8Array) => Buffer.concat([Buffer.of(bytes.length), bytes])
  const empty = Buffer.of(0)
  const parts = [Buffer.from('00010002', 'hex'), vector(groupId), Buffer.alloc(8)]
  return new Uint8Array(
    Buffer.concat([...parts, Buffer.of(contentType), empty, empty, vector(Buffer.from(text))]),
  )
}

const sendable = (data: Uint8Array) => ({
  data,
  senderHmac: new Uint8Array(32).fill(9),
  shouldPush: true,
})

const welcome = (number: number, installationKey = installation) => ({
  version: {
    $case: 'v1' as const,
    value: {
      installationKey,
      data: Uint8Array.of(number >> 8, number),
      hpkePublicKey: new Uint8Array(32),
      wrapperAlgorithm: 1,
      welcomeMetadata: new Uint8Array(),
    },
  },
})

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]()
})

type Call = { readonly path: string; readonly headers: Readonly<Record<string, string>> }

async function open() {
  const node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
  opened.push(node)
  const inner = memoryTransport(node.memory())
  const calls: Call[] = []
  const note = (path: string, { headers = {} }: Partial<Call>) => calls.push({ path, headers })
  const transport: Transport = {
    unary(path, request, options) {
      note(path, options)
      return inner.unary(path, request, options)
    },
    serverStream(path, request, options) {
      note(path, options)
      return inner.serverStream(path, request, options)
    },
  }
  const options = { transport, headers: {}, environment: systemEnvironment }
  return { calls, mls: createMlsApi(options), identity: createIdentityApi(options), options }
}

async function collect<T>(pages: AsyncIterable<readonly T[]>): Promise<readonly (readonly T[])[]> {
  const all: (readonly T[])[] = []
  for await (const page of pages) all.push(page)
  return all
}

async function take<T>(stream: AsyncIterable<T>, count: number): Promise<readonly T[]> {
  const taken: T[] = []
  for await (const one of stream) if (taken.push(one) === count) break
  return taken
}

const texts = (messages: readonly { readonly data: Uint8Array }[]) =>
  messages.map(({ data }) => Buffer.from(data.subarray(data.lastIndexOf(0) + 2)).toString())

describe('the MLS calls, on a node', () => {
  it('say which versions they are of', async () => {
    const { mls, calls, options } = await open()
    await mls.newestGroupMessages([group])
    const named = createMlsApi({ ...options, headers: { 'x-app-version': 'inbox/2' } })
    await named.subscribeGroupMessages([], AbortSignal.timeout(10_000))
    expect(calls.map(({ headers }) => headers)).toEqual([
      { 'x-app-version': '0.0.0', 'x-libxmtp-version': '1.10.0' },
      { 'x-app-version': 'inbox/2', 'x-libxmtp-version': '1.10.0' },
    ])
  })

  it('find key packages in the order of the question, each key asked for once', async () => {
    const { mls, calls } = await open()
    const make = async () => {
      const secret = random(32)
      const { bytes } = await createInstallationKeyPackage({
        installationSecretKey: secret,
        inboxId: v3.parseInboxId('ab'.repeat(32)),
        nowSeconds: BigInt(Math.floor(Date.now() / 1_000)),
        random,
      })
      await mls.uploadKeyPackage(bytes)
      return { key: v3.installationKey(secret), bytes }
    }
    const [one, other] = [await make(), await make()]
    const unknown = Array.from({ length: 600 }, (_, index) =>
      new Uint8Array(32).fill(7, index % 32),
    )
    unknown.forEach((key, index) => key.set([index >> 8, index]))
    const found = await mls.fetchKeyPackages([other.key, ...unknown, one.key, other.key])
    expect(found).toEqual([other.bytes, ...unknown.map(() => undefined), one.bytes, other.bytes])
    expect(calls.filter(({ path }) => path.endsWith('/FetchKeyPackages'))).toHaveLength(2)
    await expect(mls.uploadKeyPackage(Uint8Array.of(1))).rejects.toMatchObject({
      code: 'client.node.refused',
    })
  })

  it.each([
    [0, []],
    [1, [1]],
    [100, [100]],
    [101, [100, 1]],
    [250, [100, 100, 50]],
  ])('read %i messages of a group in pages of %j', async (count, sizes) => {
    const { mls } = await open()
    const names = Array.from({ length: count }, (_, index) => `m${index}`)
    await mls.sendGroupMessages(names.map((name) => sendable(mlsMessage(name))))
    await mls.sendGroupMessages([sendable(mlsMessage('elsewhere', { groupId: otherGroup }))])
    const pages = await collect(mls.queryGroupMessages(group, 0n))
    expect(pages.map(({ length }) => length)).toEqual(sizes)
    expect(texts(pages.flat())).toEqual(names)
    const last = pages.flat().at(-1)
    if (last === undefined) return
    expect(last).toMatchObject({
      groupId: group,
      senderHmac: sendable(group).senderHmac,
      shouldPush: true,
    })
    const behind = await collect(mls.queryGroupMessages(group, last.id - 1n))
    expect(behind).toEqual([[last]])
  })

  it('name the newest message of each group, and which are commits', async () => {
    const { mls } = await open()
    await mls.sendGroupMessages([
      sendable(mlsMessage('a')),
      sendable(mlsMessage('b', { groupId: otherGroup, contentType: 3 })),
    ])
    const [none, newest, other, again] = await mls.newestGroupMessages([
      new Uint8Array(16),
      group,
      otherGroup,
      group,
    ])
    expect(none).toBeUndefined()
    expect([newest!.isCommit, other!.isCommit]).toEqual([false, true])
    expect(again).toEqual(newest)
    const message = (await collect(mls.queryGroupMessages(group, 0n)))[0]![0]!
    expect(newest).toMatchObject({ id: message.id, createdNs: message.createdNs })
  })

  it('carry welcomes of both kinds, many at once', async () => {
    const { mls, calls } = await open()
    const pointer = {
      version: {
        $case: 'welcomePointer' as const,
        value: {
          installationKey: installation,
          welcomePointer: Uint8Array.of(1),
          hpkePublicKey: new Uint8Array(1_216),
          wrapperAlgorithm: 2,
        },
      },
    }
    const many = Array.from({ length: 120 }, (_, index) => welcome(index))
    await mls.sendWelcomeMessages([pointer, ...many])
    expect(calls.map(({ path }) => path.split('/')[2])).toEqual(
      Array(3).fill('SendWelcomeMessages'),
    )
    const pages = await collect(mls.queryWelcomeMessages(installation, 0n))
    expect(pages.map(({ length }) => length)).toEqual([100, 21])
    expect(pages.flat().filter(({ $case }) => $case === 'welcomePointer')).toHaveLength(1)
    expect(await collect(mls.queryWelcomeMessages(new Uint8Array(32), 0n))).toEqual([])
  })

  it('follow groups and welcomes from a place on, until their signal', async () => {
    const { mls } = await open()
    await mls.sendGroupMessages(['a', 'b'].map((name) => sendable(mlsMessage(name))))
    const first = (await collect(mls.queryGroupMessages(group, 0n)))[0]![0]!
    const controller = new AbortController()
    const stream = await mls.subscribeGroupMessages(
      [
        { groupId: group, afterId: first.id },
        { groupId: otherGroup, afterId: 0n },
      ],
      controller.signal,
    )
    await mls.sendGroupMessages([sendable(mlsMessage('c', { groupId: otherGroup }))])
    const iterator = stream[Symbol.asyncIterator]()
    const two = [await iterator.next(), await iterator.next()].map(({ value }) => value)
    expect(texts(two)).toEqual(['b', 'c'])
    const waiting = iterator.next()
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'client.closed' })

    const welcomes = await mls.subscribeWelcomeMessages(
      [{ installationKey: installation, afterId: 0n }],
      AbortSignal.timeout(10_000),
    )
    await mls.sendWelcomeMessages([welcome(1), welcome(2)])
    expect((await take(welcomes, 2)).map(({ $case }) => $case)).toEqual(['v1', 'v1'])
  })

  it('write and read commit logs in calls as small as nodes ask for', async () => {
    const { mls, calls } = await open()
    const entries = Array.from({ length: 105 }, (_, index) => ({
      groupId: group,
      entry: v3.signCommitLogEntry(installation, {
        groupId: group,
        commitSequenceId: BigInt(index + 1),
        lastEpochAuthenticator: new Uint8Array(32),
        commitResult: CommitResult.COMMIT_RESULT_APPLIED,
        appliedEpochNumber: BigInt(index + 1),
        appliedEpochAuthenticator: new Uint8Array(32),
      }),
    }))
    await mls.batchPublishCommitLog(entries)
    const empty = Array.from({ length: 24 }, (_, index) => ({
      groupId: new Uint8Array(16).fill(index + 100),
      afterId: 0n,
    }))
    const [page, ...others] = await mls.batchQueryCommitLog([
      { groupId: group, afterId: 0n },
      ...empty,
    ])
    const read = page!.entries.map(({ bytes, signature }) => ({ bytes, signature }))
    expect(read).toEqual(entries.slice(0, 100).map(({ entry }) => entry))
    expect(page!.hasMore).toBe(true)
    expect(others).toEqual(empty.map(() => ({ entries: [], hasMore: false })))
    const afterId = page!.entries.at(-1)!.sequenceId
    const [rest] = await mls.batchQueryCommitLog([{ groupId: group, afterId }])
    expect([rest!.entries.length, rest!.hasMore]).toEqual([5, false])
    const methods = calls.map(({ path }) => path.split('/')[2])
    expect(methods.filter((method) => method === 'BatchPublishCommitLog')).toHaveLength(11)
    expect(methods.filter((method) => method === 'BatchQueryCommitLog')).toHaveLength(3)
  })

  it('with nothing to ask make no call', async () => {
    const { mls, identity, calls } = await open()
    await mls.sendGroupMessages([])
    await mls.sendWelcomeMessages([])
    await mls.batchPublishCommitLog([])
    const answers = [
      await mls.fetchKeyPackages([]),
      await mls.newestGroupMessages([]),
      await mls.batchQueryCommitLog([]),
      await identity.getIdentityUpdates([]),
      await identity.getInboxIds([]),
      await identity.verifySmartContractWalletSignatures([]),
    ]
    expect(answers).toEqual([[], [], [], [], [], []])
    expect(calls).toEqual([])
  })
})

/** The first update of an account: an inbox, and an installation in it. */
async function firstUpdate(number: number) {
  const account = privateKeyToAccount(`0x${number.toString(16).padStart(64, '0')}`)
  const owner = v3.ethereumIdentifier(account.address)
  const inboxId = v3.deriveInboxId(owner, 1n)
  const secret = random(32)
  const member = v3.installationIdentifier(v3.installationKey(secret))
  const draft = v3.draftIdentityUpdate({
    inboxId,
    clientTimestampNs: 1_000_000_000n,
    actions: [
      { kind: 'createInbox', identifier: owner, nonce: 1n },
      { kind: 'add', member, existing: owner },
    ],
  })
  const signed = await account.signMessage({ message: draft.text })
  const bytes = v3.finishIdentityUpdate(draft, [
    { kind: 'erc191', bytes: new Uint8Array(Buffer.from(signed.slice(2), 'hex')) },
    v3.signAsInstallation(secret, draft.text),
  ])
  return { owner, inboxId, update: v3.parseIdentityUpdate(bytes) }
}

describe('the identity calls, on a node', () => {
  it('publish, find and read back inboxes, in the order of the question', async () => {
    const { identity } = await open()
    const [one, other] = [await firstUpdate(1), await firstUpdate(2)]
    await identity.publishIdentityUpdate(one.update)
    await identity.publishIdentityUpdate(other.update)
    const nobody = v3.ethereumIdentifier(`0x${'9'.repeat(40)}`)
    const passkey = v3.passkeyIdentifier(new Uint8Array(33).fill(2))
    expect(await identity.getInboxIds([other.owner, nobody, passkey, one.owner])).toEqual([
      other.inboxId,
      undefined,
      undefined,
      one.inboxId,
    ])
    const unknown = v3.deriveInboxId(nobody, 1n)
    const whole = (inboxId: v3.InboxId) => ({ inboxId, afterSequenceId: 0n })
    const [second, none, first] = await identity.getIdentityUpdates(
      [other.inboxId, unknown, one.inboxId].map(whole),
    )
    expect(second!.map(({ update }) => update)).toEqual([other.update])
    expect(none).toEqual([])
    expect(first!.map(({ update }) => update)).toEqual([one.update])
    const { sequenceId } = first![0]!
    const again = await identity.getIdentityUpdates([
      { inboxId: one.inboxId, afterSequenceId: sequenceId },
      { inboxId: one.inboxId, afterSequenceId: sequenceId - 1n },
    ])
    expect(again).toEqual([[], first])
  })

  it('say why an update was refused', async () => {
    const { identity } = await open()
    const { update } = await firstUpdate(1)
    await identity.publishIdentityUpdate(update)
    const changed = { ...update, clientTimestampNs: update.clientTimestampNs + 1_000_000_000n }
    await expect(identity.publishIdentityUpdate(changed)).rejects.toMatchObject({
      name: 'XmtpError',
      code: expect.stringMatching(/^client\.node\./),
    })
  })

  it('ask for many inboxes in calls of fifty', async () => {
    const { identity, calls } = await open()
    const queries = Array.from({ length: 230 }, (_, index) => ({
      inboxId: v3.parseInboxId(index.toString(16).padStart(64, '0')),
      afterSequenceId: 0n,
    }))
    expect(await identity.getIdentityUpdates(queries)).toEqual(queries.map(() => []))
    expect(calls).toHaveLength(5)
  })

  it('bring the verdicts on contract wallets', async () => {
    const { identity } = await open()
    const account = v3.parseAccountId(`eip155:1:0x${'1'.repeat(40)}`)
    const check = {
      account,
      hash: new Uint8Array(32),
      signature: new Uint8Array(65),
      blockNumber: 7n,
    }
    const [verdict] = await identity.verifySmartContractWalletSignatures([check])
    expect(verdict).toMatchObject({ isValid: false, reason: expect.stringContaining('eip155:1') })
  })
})
