import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  GetIdentityUpdatesResponse,
  GetInboxIdsResponse,
  VerifySmartContractWalletSignaturesResponse,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind } from '@xmtp-ts/proto/identity/associations/association'
import {
  BatchQueryCommitLogResponse,
  FetchKeyPackagesResponse,
  GetNewestGroupMessageResponse,
  GroupMessage,
  QueryGroupMessagesRequest,
  QueryGroupMessagesResponse,
  QueryWelcomeMessagesResponse,
  WelcomeMessage,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { WelcomePointerWrapperAlgorithm } from '@xmtp-ts/proto/mls/message_contents/wrapper_encryption'
import { v3, XmtpError } from '@xmtp-ts/protocol'
import { systemEnvironment } from '../environment.ts'
import { createIdentityApi } from './identity-api.ts'
import { createMlsApi } from './mls-api.ts'

const group = new Uint8Array(16).fill(1)
const otherGroup = new Uint8Array(16).fill(2)
const installation = new Uint8Array(32).fill(3)
const inboxId = v3.parseInboxId('ab'.repeat(32))
const wallet = v3.ethereumIdentifier(`0x${'1'.repeat(40)}`)
const none = new Uint8Array()
const kind = IdentifierKind.IDENTIFIER_KIND_ETHEREUM
const malformed = { code: 'client.network.malformedAnswer' }

/** A node that answers whatever it likes. */
function apisOn(answer: (request: Uint8Array) => Uint8Array, stream: readonly Uint8Array[] = []) {
  const options = {
    transport: {
      unary: async (_path: string, request: Uint8Array) => answer(request),
      serverStream: async () => ({
        headers: {},
        messages: (async function* () {
          yield* stream
        })(),
      }),
    },
    headers: {},
    environment: systemEnvironment,
  }
  return { mls: createMlsApi(options), identity: createIdentityApi(options) }
}

async function collect<T>(all: AsyncIterable<T>): Promise<readonly T[]> {
  const collected: T[] = []
  for await (const one of all) collected.push(one)
  return collected
}

const message = (id: bigint, groupId = group): GroupMessage => ({
  version: {
    $case: 'v1',
    value: {
      id,
      createdNs: 1n,
      groupId,
      data: none,
      senderHmac: none,
      shouldPush: false,
      isCommit: false,
    },
  },
})

const welcome = (id: bigint, installationKey = installation): WelcomeMessage => ({
  version: {
    $case: 'welcomePointer',
    value: {
      id,
      createdNs: 1n,
      installationKey,
      welcomePointer: none,
      hpkePublicKey: none,
      wrapperAlgorithm:
        WelcomePointerWrapperAlgorithm.WELCOME_POINTER_WRAPPER_ALGORITHM_XWING_MLKEM_768_DRAFT_6,
    },
  },
})

const range = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => BigInt(from + index))
const paging = (idCursor: bigint) => ({ direction: 1, limit: 100, idCursor })
const groupPage = (messages: GroupMessage[], idCursor = 0n) =>
  QueryGroupMessagesResponse.encode({ messages, pagingInfo: paging(idCursor) }).finish()

describe('a page of group messages', () => {
  it.each([
    ['of another group', groupPage([message(6n), message(7n, otherGroup)])],
    ['in the wrong order', groupPage([message(7n), message(6n)])],
    ['with a message twice', groupPage([message(6n), message(6n)])],
    ['of messages from before', groupPage([message(5n)])],
    ['of more than a hundred', groupPage(range(6, 101).map((id) => message(id)))],
    ['with a message of no version', groupPage([{ version: undefined }])],
    [
      'whose cursor stays',
      groupPage(
        range(6, 100).map((id) => message(id)),
        5n,
      ),
    ],
    ['that is no message', Uint8Array.of(0xff)],
  ])('%s is refused', async (_, answer) => {
    const { mls } = apisOn(() => answer)
    await expect(collect(mls.queryGroupMessages(group, 5n))).rejects.toMatchObject(malformed)
  })

  it('leads to the next by its last message, whatever its cursor skips', async () => {
    const asked: bigint[] = []
    const { mls } = apisOn((request) => {
      const after = QueryGroupMessagesRequest.decode(request).pagingInfo!.idCursor
      asked.push(after)
      if (after === 0n)
        return groupPage(
          range(1, 100).map((id) => message(id)),
          5_000n,
        )
      return groupPage([message(101n)])
    })
    const pages = await collect(mls.queryGroupMessages(group, 0n))
    expect(asked).toEqual([0n, 100n])
    expect(pages.flat()).toHaveLength(101)
  })

  it('that is full is the last one without a cursor', async () => {
    const { mls } = apisOn(() => groupPage(range(1, 100).map((id) => message(id))))
    expect((await collect(mls.queryGroupMessages(group, 0n))).flat()).toHaveLength(100)
  })
})

it.each([
  ['of another installation', [welcome(6n, new Uint8Array(32))]],
  ['in the wrong order', [welcome(7n), welcome(6n)]],
  ['of no version', [{ version: undefined }]],
])('a page of welcomes %s is refused', async (_, messages) => {
  const answer = QueryWelcomeMessagesResponse.encode({ messages, pagingInfo: undefined }).finish()
  const { mls } = apisOn(() => answer)
  await expect(collect(mls.queryWelcomeMessages(installation, 5n))).rejects.toMatchObject(malformed)
})

describe('a stream', () => {
  const encode = (id: bigint, groupId = group) => GroupMessage.encode(message(id, groupId)).finish()
  const follow = async (...stream: readonly Uint8Array[]) => {
    const { mls } = apisOn(() => none, stream)
    const filters = [{ groupId: group, afterId: 5n }]
    return collect(await mls.subscribeGroupMessages(filters, new AbortController().signal))
  }

  it('is rid of what came before', async () => {
    const messages = await follow(encode(4n), encode(6n), encode(6n), encode(5n), encode(9n))
    expect(messages.map(({ id }) => id)).toEqual([6n, 9n])
  })

  it('that carries what nobody asked for, or no message, is refused', async () => {
    await expect(follow(encode(6n, otherGroup))).rejects.toMatchObject(malformed)
    await expect(follow(Uint8Array.of(0xff))).rejects.toMatchObject(malformed)
    await expect(follow(none)).rejects.toMatchObject(malformed)
  })

  it('of welcomes is held to the same', async () => {
    const stream = [welcome(3n), welcome(3n), welcome(4n), welcome(5n, group)]
    const { mls } = apisOn(
      () => none,
      stream.map((one) => WelcomeMessage.encode(one).finish()),
    )
    const filters = [{ installationKey: installation, afterId: 0n }]
    const welcomes = await mls.subscribeWelcomeMessages(filters, new AbortController().signal)
    const ids: bigint[] = []
    const read = async () => {
      for await (const { value } of welcomes) ids.push(value.id)
    }
    await expect(read()).rejects.toMatchObject(malformed)
    expect(ids).toEqual([3n, 4n])
  })
})

it.each([
  ['key packages, too few', FetchKeyPackagesResponse.encode({ keyPackages: [] })],
  [
    'key packages, too many',
    FetchKeyPackagesResponse.encode({
      keyPackages: [{ keyPackageTlsSerialized: none }, { keyPackageTlsSerialized: none }],
    }),
  ],
  [
    'a key package too long',
    FetchKeyPackagesResponse.encode({
      keyPackages: [{ keyPackageTlsSerialized: new Uint8Array(65_537) }],
    }),
  ],
])('%s: refused', async (_, answer) => {
  const { mls } = apisOn(() => answer.finish())
  await expect(mls.fetchKeyPackages([installation])).rejects.toMatchObject(malformed)
})

it.each([
  ['too few', []],
  ['of another group', [{ groupMessage: message(1n, otherGroup) }]],
  ['of no version', [{ groupMessage: { version: undefined } }]],
])('newest messages %s are refused', async (_, responses) => {
  const { mls } = apisOn(() => GetNewestGroupMessageResponse.encode({ responses }).finish())
  await expect(mls.newestGroupMessages([group])).rejects.toMatchObject(malformed)
})

describe('a commit log', () => {
  const signature = { bytes: none, publicKey: none }
  const entry = (sequenceId: bigint) => ({ sequenceId, serializedCommitLogEntry: none, signature })
  const answerOf = (groupId: Uint8Array, commitLogEntries: ReturnType<typeof entry>[]) => ({
    groupId,
    commitLogEntries,
    pagingInfo: undefined,
  })
  it.each([
    ['missing', []],
    ['of another group', [answerOf(otherGroup, [])]],
    ['in the wrong order', [answerOf(group, [entry(7n), entry(6n)])]],
    ['from before', [answerOf(group, [entry(5n)])]],
    ['without a signature', [answerOf(group, [{ ...entry(6n), signature: undefined as never }])]],
  ])('%s is refused', async (_, responses) => {
    const { mls } = apisOn(() => BatchQueryCommitLogResponse.encode({ responses }).finish())
    await expect(mls.batchQueryCommitLog([{ groupId: group, afterId: 5n }])).rejects.toMatchObject(
      malformed,
    )
  })
})

describe('an identity log', () => {
  const update = { actions: [], clientTimestampNs: 1n, inboxId }
  const entry = (sequenceId: bigint) => ({ sequenceId, serverTimestampNs: 1n, update })
  it.each([
    ['missing', []],
    ['of another inbox', [{ inboxId: 'cd'.repeat(32), updates: [] }]],
    ['in the wrong order', [{ inboxId, updates: [entry(7n), entry(6n)] }]],
    ['from before', [{ inboxId, updates: [entry(5n)] }]],
    ['with an empty entry', [{ inboxId, updates: [{ ...entry(6n), update: undefined }] }]],
    [
      'with an empty action',
      [
        {
          inboxId,
          updates: [{ ...entry(6n), update: { ...update, actions: [{ kind: undefined }] } }],
        },
      ],
    ],
    ['without an end', [{ inboxId, updates: range(6, 257).map(entry) }]],
  ])('%s is refused', async (_, responses) => {
    const { identity } = apisOn(() => GetIdentityUpdatesResponse.encode({ responses }).finish())
    const asked = identity.getIdentityUpdates([{ inboxId, afterSequenceId: 5n }])
    await expect(asked).rejects.toMatchObject(malformed)
  })
})

it.each([
  ['missing', []],
  ['of somebody else', [{ identifier: `0x${'2'.repeat(40)}`, inboxId, identifierKind: kind }]],
  [
    'that is none',
    [{ identifier: wallet.address, inboxId: 'AB'.repeat(32), identifierKind: kind }],
  ],
])('an inbox id %s is refused', async (_, responses) => {
  const { identity } = apisOn(() => GetInboxIdsResponse.encode({ responses }).finish())
  await expect(identity.getInboxIds([wallet])).rejects.toMatchObject(malformed)
})

it('verdicts that are missing are noticed', async () => {
  const answer = VerifySmartContractWalletSignaturesResponse.encode({ responses: [] }).finish()
  const account = v3.parseAccountId(`eip155:1:${wallet.address}`)
  const check = { account, hash: new Uint8Array(32), signature: none, blockNumber: undefined }
  const asked = apisOn(() => answer).identity.verifySmartContractWalletSignatures([check])
  await expect(asked).rejects.toMatchObject(malformed)
})

it('any bytes are an answer or an XmtpError', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const { mls, identity } = apisOn(() => bytes, [bytes])
      const { signal } = new AbortController()
      const filters = [{ groupId: group, afterId: 0n }]
      const outcomes = await Promise.allSettled([
        mls.fetchKeyPackages([installation]),
        collect(mls.queryGroupMessages(group, 0n)),
        collect(mls.queryWelcomeMessages(installation, 0n)),
        mls.newestGroupMessages([group]),
        mls.batchQueryCommitLog(filters),
        mls.subscribeGroupMessages(filters, signal).then(collect),
        identity.getIdentityUpdates([{ inboxId, afterSequenceId: 0n }]),
        identity.getInboxIds([wallet]),
      ])
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(XmtpError)
    }),
    { seed: 1, numRuns: 200 },
  )
})
