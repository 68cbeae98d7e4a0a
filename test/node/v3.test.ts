import {
  basicCapabilities,
  basicCredential,
  chacha20Poly1305Suite,
  createKeyPackage,
  encode,
  keyPackageCodec,
  platformRandom,
} from '@xmtp-ts/mls'
import { openMemoryV3Store, type V3Store } from '@xmtp-ts/node'
import {
  GetIdentityUpdatesRequest,
  GetIdentityUpdatesResponse,
  GetInboxIdsRequest,
  GetInboxIdsResponse,
  PublishIdentityUpdateRequest,
  VerifySmartContractWalletSignaturesRequest,
  VerifySmartContractWalletSignaturesResponse,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind, IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import { MlsCredential } from '@xmtp-ts/proto/identity/credential'
import { Envelope } from '@xmtp-ts/proto/message_api/v1/message_api'
import {
  BatchPublishCommitLogRequest,
  BatchQueryCommitLogRequest,
  BatchQueryCommitLogResponse,
  FetchKeyPackagesRequest,
  FetchKeyPackagesResponse,
  GetNewestGroupMessageRequest,
  GetNewestGroupMessageResponse,
  GroupMessage,
  QueryGroupMessagesRequest,
  QueryGroupMessagesResponse,
  QueryWelcomeMessagesRequest,
  QueryWelcomeMessagesResponse,
  SendGroupMessagesRequest,
  SendWelcomeMessagesRequest,
  SubscribeGroupMessagesRequest,
  SubscribeWelcomeMessagesRequest,
  UploadKeyPackageRequest,
  WelcomeMessage,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { WelcomePointerWrapperAlgorithm } from '@xmtp-ts/proto/mls/message_contents/wrapper_encryption'
import { v3 } from '@xmtp-ts/protocol'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, grpcClient, startNode, take } from './support.ts'

closeAfterEach()

const mls = '/xmtp.mls.api.v1.MlsApi'
const identity = '/xmtp.identity.api.v1.IdentityApi'
const group = new Uint8Array(16).fill(1)
const otherGroup = new Uint8Array(16).fill(2)
const installation = new Uint8Array(32).fill(3)
const none = new Uint8Array()

/** A PrivateMessage by hand (RFC 9420 §6.3). */
function mlsMessage(text: string, options: { groupId?: Uint8Array; contentType?: number } = {}) {
  const { groupId = group, contentType = 1 } = options
  const vector = (bytes: Uint8Array) => Buffer.concat([Buffer.of(bytes.length), bytes])
  return new Uint8Array(
    Buffer.concat([
      Buffer.from('00010002', 'hex'),
      vector(groupId),
      Buffer.alloc(8),
      Buffer.of(contentType),
      vector(none),
      vector(none),
      vector(Buffer.from(text)),
    ]),
  )
}

function groupMessages(...data: readonly Uint8Array[]): Uint8Array {
  const messages = data.map((each) => ({
    version: {
      $case: 'v1' as const,
      value: { data: each, senderHmac: new Uint8Array(32), shouldPush: true },
    },
  }))
  return SendGroupMessagesRequest.encode({ messages }).finish()
}

function welcomes(
  ...changes: readonly Partial<{
    installationKey: Uint8Array
    data: Uint8Array
    hpkePublicKey: Uint8Array
    welcomeMetadata: Uint8Array
    wrapperAlgorithm: number
  }>[]
): Uint8Array {
  const messages = changes.map((change) => ({
    version: {
      $case: 'v1' as const,
      value: {
        installationKey: installation,
        data: Uint8Array.of(1),
        hpkePublicKey: Uint8Array.of(1),
        wrapperAlgorithm: 1,
        welcomeMetadata: none,
        ...change,
      },
    },
  }))
  return SendWelcomeMessagesRequest.encode({ messages }).finish()
}

const paging = (direction: number, limit = 0, idCursor = 0n) => ({ direction, limit, idCursor })

async function open() {
  const store = openMemoryV3Store()
  const node = await startNode({ v3: store })
  return { node, store, client: grpcClient(node) }
}

/** How much there is of everything that the node keeps. */
async function stored({
  groupMessages: messages,
  welcomes: all,
  commitLog,
  identity: logs,
}: V3Store) {
  return Promise.all([messages, all, commitLog, logs.log].map((log) => log.head()))
}

describe('refusals', () => {
  const filters = Array.from({ length: 10_001 }, (_, index) => Buffer.from(String(index)))
  it.each<[string, string, Uint8Array, string | RegExp]>([
    ['no group messages', `${mls}/SendGroupMessages`, none, 'no group messages to send'],
    [
      'a message without a version',
      `${mls}/SendGroupMessages`,
      SendGroupMessagesRequest.encode({ messages: [{ version: undefined }] }).finish(),
      'invalid group message',
    ],
    ['an empty message', `${mls}/SendGroupMessages`, groupMessages(none), /message is empty$/],
    [
      'B13: a byte behind the message',
      `${mls}/SendGroupMessages`,
      groupMessages(Buffer.concat([mlsMessage('a'), Buffer.of(0)])),
      /^invalid group message: validation failed with error /,
    ],
    [
      'a cut message',
      `${mls}/SendGroupMessages`,
      groupMessages(mlsMessage('a').subarray(0, -1)),
      /^invalid group message: validation failed with error /,
    ],
    [
      'a message without a group',
      `${mls}/SendGroupMessages`,
      groupMessages(mlsMessage('a', { groupId: none })),
      /group id is empty$/,
    ],
    [
      'a message above 1 MiB',
      `${mls}/SendGroupMessages`,
      groupMessages(new Uint8Array(1_048_577)),
      /message too big$/,
    ],
    ['no welcomes', `${mls}/SendWelcomeMessages`, none, 'no welcome messages to send'],
    [
      'a welcome without data',
      `${mls}/SendWelcomeMessages`,
      welcomes({ data: none }),
      'invalid welcome message',
    ],
    [
      'a welcome for nobody',
      `${mls}/SendWelcomeMessages`,
      welcomes({ installationKey: none }),
      'invalid welcome message',
    ],
    [
      'a welcome without its key',
      `${mls}/SendWelcomeMessages`,
      welcomes({ hpkePublicKey: none }),
      'invalid welcome message',
    ],
    [
      'a welcome without a version',
      `${mls}/SendWelcomeMessages`,
      SendWelcomeMessagesRequest.encode({ messages: [{ version: undefined }] }).finish(),
      'invalid welcome message: missing version',
    ],
    [
      'a pointer without a pointer',
      `${mls}/SendWelcomeMessages`,
      SendWelcomeMessagesRequest.encode({
        messages: [
          {
            version: {
              $case: 'welcomePointer',
              value: {
                installationKey: installation,
                welcomePointer: none,
                hpkePublicKey: group,
                wrapperAlgorithm:
                  WelcomePointerWrapperAlgorithm.WELCOME_POINTER_WRAPPER_ALGORITHM_XWING_MLKEM_768_DRAFT_6,
              },
            },
          },
        ],
      }).finish(),
      'invalid welcome pointer message',
    ],
    ['no key package', `${mls}/UploadKeyPackage`, none, 'no key package'],
    [
      'a key package of noise',
      `${mls}/UploadKeyPackage`,
      upload(new Uint8Array(99)),
      /^invalid identity: /,
    ],
    ['a query of no group', `${mls}/QueryGroupMessages`, none, 'group is required'],
    ['a query of no installation', `${mls}/QueryWelcomeMessages`, none, 'installation is required'],
    ['the newest of nothing', `${mls}/GetNewestGroupMessage`, none, 'no group ids provided'],
    [
      'B18: the newest of too many groups',
      `${mls}/GetNewestGroupMessage`,
      GetNewestGroupMessageRequest.encode({ groupIds: filters, includeContent: false }).finish(),
      'cannot exceed 10000 groups in single call',
    ],
    [
      'B18: too many key packages',
      `${mls}/FetchKeyPackages`,
      FetchKeyPackagesRequest.encode({ installationKeys: filters }).finish(),
      'cannot exceed 10000 keys in single call',
    ],
    ['no commit log entries', `${mls}/BatchPublishCommitLog`, none, 'no log entries to publish'],
    [
      'an empty commit log entry',
      `${mls}/BatchPublishCommitLog`,
      BatchPublishCommitLogRequest.encode({
        requests: [{ groupId: group, serializedCommitLogEntry: none, signature: undefined }],
      }).finish(),
      'invalid commit log entry',
    ],
    ['no commit log queries', `${mls}/BatchQueryCommitLog`, none, 'no requests to query'],
    [
      'a commit log query backwards',
      `${mls}/BatchQueryCommitLog`,
      BatchQueryCommitLogRequest.encode({
        requests: [{ groupId: group, pagingInfo: paging(2) }],
      }).finish(),
      'failed to query commit log: descending direction is not supported',
    ],
    ['no identity update', `${identity}/PublishIdentityUpdate`, none, 'IdentityUpdate is required'],
    [
      'an update of no inbox',
      `${identity}/PublishIdentityUpdate`,
      PublishIdentityUpdateRequest.encode({
        identityUpdate: { inboxId: 'zz', clientTimestampNs: 1n, actions: [] },
      }).finish(),
      /v3\.identity\.inboxId\.malformed/,
    ],
    [
      'an update without actions',
      `${identity}/PublishIdentityUpdate`,
      PublishIdentityUpdateRequest.encode({
        identityUpdate: { inboxId: 'ab'.repeat(32), clientTimestampNs: 1n, actions: [] },
      }).finish(),
      /v3\.identity\.update\.empty/,
    ],
    [
      'updates of no inbox',
      `${identity}/GetIdentityUpdates`,
      GetIdentityUpdatesRequest.encode({ requests: [{ inboxId: 'xx', sequenceId: 0n }] }).finish(),
      /v3\.identity\.inboxId\.malformed/,
    ],
    ['noise', `${mls}/SendGroupMessages`, Uint8Array.of(0x0a, 0xff), /node\.request\.malformed/],
  ])('B8: %s is INVALID_ARGUMENT, and nothing is stored', async (_name, path, request, text) => {
    const { client, store } = await open()
    const details = text instanceof RegExp ? expect.stringMatching(text) : text
    await expect(client.unary(path, request)).rejects.toMatchObject({ code: 3, details })
    expect(await stored(store)).toEqual([0, 0, 0, 0])
  })

  const large = new Uint8Array(16_385)
  const signed = v3.signCommitLogEntry(new Uint8Array(32).fill(9), {
    groupId: group,
    commitSequenceId: 1n,
    lastEpochAuthenticator: none,
    commitResult: CommitResult.COMMIT_RESULT_APPLIED,
    appliedEpochNumber: 1n,
    appliedEpochAuthenticator: none,
  })
  const entry = { serializedCommitLogEntry: signed.bytes, signature: signed.signature }
  it.each<[string, string, Uint8Array]>([
    [
      'a message, and one of noise',
      'SendGroupMessages',
      groupMessages(mlsMessage('a'), Buffer.of(1, 2, 3)),
    ],
    [
      'a welcome, and one for nobody',
      'SendWelcomeMessages',
      welcomes({}, { installationKey: none }),
    ],
    [
      'a welcome, and one with a long key',
      'SendWelcomeMessages',
      welcomes({}, { hpkePublicKey: large }),
    ],
    [
      'a welcome, and one with long metadata',
      'SendWelcomeMessages',
      welcomes({}, { welcomeMetadata: large }),
    ],
    [
      'a welcome, and one of over a megabyte',
      'SendWelcomeMessages',
      welcomes({}, { data: new Uint8Array(1_048_577) }),
    ],
    [
      'a message with a long tag',
      'SendGroupMessages',
      SendGroupMessagesRequest.encode({
        messages: [
          {
            version: {
              $case: 'v1',
              value: { data: mlsMessage('a'), senderHmac: large, shouldPush: true },
            },
          },
        ],
      }).finish(),
    ],
    [
      'a commit log entry, and one of another group',
      'BatchPublishCommitLog',
      BatchPublishCommitLogRequest.encode({
        requests: [
          { groupId: group, ...entry },
          { groupId: otherGroup, ...entry },
        ],
      }).finish(),
    ],
    [
      'a commit log entry, and one with the signature of another',
      'BatchPublishCommitLog',
      BatchPublishCommitLogRequest.encode({
        requests: [
          { groupId: group, ...entry },
          { groupId: group, ...entry, serializedCommitLogEntry: large.subarray(0, 100) },
        ],
      }).finish(),
    ],
  ])('B9: %s are refused together', async (_name, method, request) => {
    const { client, store } = await open()
    await expect(client.unary(`${mls}/${method}`, request)).rejects.toMatchObject({ code: 3 })
    expect(await stored(store)).toEqual([0, 0, 0, 0])
  })

  it.each([
    ['without filters', none, 'no valid filters provided'],
    [
      'with an empty filter',
      SubscribeWelcomeMessagesRequest.encode({
        filters: [{ installationKey: none, idCursor: 0n }],
      }).finish(),
      'a filter is nil or installation key is empty',
    ],
  ])('a welcome stream %s is INVALID_ARGUMENT', async (_name, request, details) => {
    const { client } = await open()
    const { status } = client.stream(`${mls}/SubscribeWelcomeMessages`, request)
    expect(await status).toMatchObject({ code: 3, details })
  })

  it.each(['RevokeInstallation', 'GetIdentityUpdates'])(
    'what is not there is UNIMPLEMENTED: %s',
    async (method) => {
      const { client } = await open()
      await expect(client.unary(`${mls}/${method}`, none)).rejects.toMatchObject({ code: 12 })
    },
  )

  it('a node without a V3 store offers no V3', async () => {
    const client = grpcClient(await startNode())
    await expect(client.unary(`${mls}/QueryGroupMessages`, none)).rejects.toMatchObject({
      code: 12,
    })
  })
})

describe('group messages', () => {
  const query = async (client: ReturnType<typeof grpcClient>, pagingInfo = paging(1)) =>
    QueryGroupMessagesResponse.decode(
      await client.unary(
        `${mls}/QueryGroupMessages`,
        QueryGroupMessagesRequest.encode({ groupId: group, pagingInfo }).finish(),
      ),
    )
  const idsOf = ({ messages }: QueryGroupMessagesResponse) =>
    messages.map(({ version }) => Number(version?.value.id))

  it('are stored once, whole, with what the node reads from them', async () => {
    const { client } = await open()
    const sent = [1, 2, 3].map((contentType) => mlsMessage(`type ${contentType}`, { contentType }))
    for (let round = 0; round < 2; round += 1)
      await client.unary(`${mls}/SendGroupMessages`, groupMessages(...sent))
    const { messages } = await query(client)
    const values = messages.map(({ version }) => version!.value)
    expect(values.map(({ id, isCommit, shouldPush }) => [id, isCommit, shouldPush])).toEqual([
      [1n, false, true],
      [2n, true, true],
      [3n, true, true],
    ])
    expect(values.map(({ data }) => [...data])).toEqual(sent.map((each) => [...each]))
    expect(values.every(({ groupId }) => Buffer.compare(groupId, group) === 0)).toBe(true)
    const times = values.map(({ createdNs }) => createdNs)
    expect(times).toEqual([...new Set(times)].toSorted((a, b) => Number(a - b)))
  })

  it('B9: are stored all or none', async () => {
    const { client } = await open()
    const call = groupMessages(mlsMessage('good'), Uint8Array.of(1))
    await expect(client.unary(`${mls}/SendGroupMessages`, call)).rejects.toMatchObject({ code: 3 })
    expect(idsOf(await query(client))).toEqual([])
  })

  it('come in pages both ways, with a cursor while a page is full', async () => {
    const { client } = await open()
    const texts = Array.from({ length: 130 }, (_, index) => mlsMessage(`text ${index}`))
    await client.unary(`${mls}/SendGroupMessages`, groupMessages(...texts))
    const first = await query(client, paging(1, 1000))
    expect(first.pagingInfo).toEqual({ direction: 1, limit: 100, idCursor: 100n })
    const second = await query(client, paging(1, 100, 100n))
    expect(second.pagingInfo).toEqual({ direction: 1, limit: 100, idCursor: 0n })
    expect([...idsOf(first), ...idsOf(second)]).toEqual(texts.map((_, index) => index + 1))
    expect(idsOf(await query(client, paging(0, 3)))).toEqual([130, 129, 128])
    expect(idsOf(await query(client, paging(2, 3, 3n)))).toEqual([2, 1])
  })

  it('are found newest first by group, in the order asked for', async () => {
    const { client } = await open()
    await client.unary(
      `${mls}/SendGroupMessages`,
      groupMessages(mlsMessage('a'), mlsMessage('b', { contentType: 3 })),
    )
    const newest = async (includeContent: boolean) =>
      GetNewestGroupMessageResponse.decode(
        await client.unary(
          `${mls}/GetNewestGroupMessage`,
          GetNewestGroupMessageRequest.encode({
            groupIds: [otherGroup, group],
            includeContent,
          }).finish(),
        ),
      ).responses.map(({ groupMessage }) => groupMessage?.version?.value)
    const [missing, bare] = await newest(false)
    expect(missing).toBeUndefined()
    expect(bare).toMatchObject({ id: 2n, isCommit: true, shouldPush: false })
    expect([bare!.data.length, bare!.senderHmac.length]).toEqual([0, 0])
    const [, whole] = await newest(true)
    expect([...whole!.data]).toEqual([...mlsMessage('b', { contentType: 3 })])
  })

  it('stream from each cursor on and then live, without gap or double', async () => {
    const { client } = await open()
    const send = (from: number, to: number, groupId = group) =>
      client.unary(
        `${mls}/SendGroupMessages`,
        groupMessages(
          ...Array.from({ length: to - from }, (_, index) =>
            mlsMessage(`${from + index}`, { groupId }),
          ),
        ),
      )
    await send(0, 10)
    await send(0, 10, otherGroup)
    const { call, opened } = client.stream(
      `${mls}/SubscribeGroupMessages`,
      SubscribeGroupMessagesRequest.encode({
        filters: [
          { groupId: group, idCursor: 8n },
          { groupId: otherGroup, idCursor: 0n },
        ],
      }).finish(),
    )
    expect((await opened).get('subscribed')).toEqual(['true'])
    const writing = Promise.all([send(10, 30), send(10, 30, otherGroup)])
    const got = (await take(call, 52)).map((bytes) => GroupMessage.decode(bytes).version!.value)
    await writing
    const ids = (of: Uint8Array) =>
      got.filter(({ groupId }) => Buffer.compare(groupId, of) === 0).map(({ id }) => id)
    expect(ids(group)).toHaveLength(22)
    expect(ids(otherGroup)).toHaveLength(30)
    for (const each of [ids(group), ids(otherGroup)])
      expect(each).toEqual([...new Set(each)].toSorted((a, b) => Number(a - b)))
    expect(ids(group)[0]).toBe(9n)
  })

  it('open at once and stay open without filters', async () => {
    const { client } = await open()
    const { call, opened } = client.stream(`${mls}/SubscribeGroupMessages`, none)
    expect((await opened).get('subscribed')).toEqual(['true'])
    await client.unary(`${mls}/SendGroupMessages`, groupMessages(mlsMessage('a')))
    expect(call.destroyed).toBe(false)
  })

  it('reach push servers over SubscribeAll, with welcomes', async () => {
    const { client } = await open()
    const { call, opened } = client.stream('/xmtp.message_api.v1.MessageApi/SubscribeAll', none)
    await opened
    await client.unary(`${mls}/SendGroupMessages`, groupMessages(mlsMessage('a')))
    await client.unary(`${mls}/SendWelcomeMessages`, welcomes({}))
    const envelopes = (await take(call, 2)).map((bytes) => Envelope.decode(bytes))
    const byTopic = new Map(envelopes.map((each) => [each.contentTopic, each]))
    const ofGroup = byTopic.get(`/xmtp/mls/1/g-${Buffer.from(group).toString('hex')}/proto`)!
    const message = GroupMessage.decode(ofGroup.message).version!.value
    expect([message.id, message.createdNs]).toEqual([1n, ofGroup.timestampNs])
    const ofWelcome = byTopic.get(
      `/xmtp/mls/1/w-${Buffer.from(installation).toString('hex')}/proto`,
    )!
    expect(WelcomeMessage.decode(ofWelcome.message).version!.value.id).toBe(1n)
  })
})

describe('welcomes', () => {
  it('B10: have ids in the order of the call, and keep every field', async () => {
    const { client } = await open()
    const pointer = {
      version: {
        $case: 'welcomePointer' as const,
        value: {
          installationKey: installation,
          welcomePointer: group,
          hpkePublicKey: otherGroup,
          wrapperAlgorithm: 1,
        },
      },
    }
    const { messages } = SendWelcomeMessagesRequest.decode(
      welcomes(
        { data: Uint8Array.of(1), wrapperAlgorithm: 0 },
        { data: Uint8Array.of(2), wrapperAlgorithm: 3, hpkePublicKey: none },
      ),
    )
    const request = SendWelcomeMessagesRequest.encode({ messages: [...messages, pointer] }).finish()
    for (let round = 0; round < 2; round += 1)
      await client.unary(`${mls}/SendWelcomeMessages`, request)
    const answer = QueryWelcomeMessagesResponse.decode(
      await client.unary(
        `${mls}/QueryWelcomeMessages`,
        QueryWelcomeMessagesRequest.encode({
          installationKey: installation,
          pagingInfo: paging(1),
        }).finish(),
      ),
    )
    const values = answer.messages.map(({ version }) => version!.value)
    // An algorithm that nobody named is the first; that of a pointer goes through as it came (§14.5).
    expect(values.map(({ id, wrapperAlgorithm }) => [id, wrapperAlgorithm])).toEqual([
      [1n, 1],
      [2n, 3],
      [3n, 1],
    ])
    expect(values[2]).toMatchObject({ welcomePointer: Buffer.from(group) })
  })
})

function upload(keyPackageTlsSerialized: Uint8Array): Uint8Array {
  return UploadKeyPackageRequest.encode({
    keyPackage: { keyPackageTlsSerialized },
    isInboxIdCredential: true,
  }).finish()
}

async function newKeyPackage(change: { notAfter?: bigint; inboxId?: string } = {}) {
  const secret = platformRandom(32)
  const nowSeconds = BigInt(Math.floor(Date.now() / 1000))
  const { inboxId = 'ab'.repeat(32), notAfter = nowSeconds + 1000n } = change
  const { keyPackage } = await createKeyPackage({
    suite: chacha20Poly1305Suite,
    signaturePrivateKey: secret,
    credential: basicCredential(MlsCredential.encode({ inboxId }).finish()),
    capabilities: basicCapabilities(chacha20Poly1305Suite),
    lifetime: { notBefore: nowSeconds - 1000n, notAfter },
    random: platformRandom,
  })
  return { key: v3.installationKey(secret), bytes: encode(keyPackageCodec, keyPackage) }
}

describe('key packages', () => {
  it('B11: are answered at every place, newest, empty where there is none', async () => {
    const { client } = await open()
    const { key, bytes } = await newKeyPackage()
    await client.unary(`${mls}/UploadKeyPackage`, upload(bytes))
    const { keyPackages } = FetchKeyPackagesResponse.decode(
      await client.unary(
        `${mls}/FetchKeyPackages`,
        FetchKeyPackagesRequest.encode({ installationKeys: [installation, key, key] }).finish(),
      ),
    )
    const lengths = keyPackages.map(({ keyPackageTlsSerialized }) => keyPackageTlsSerialized.length)
    expect(lengths).toEqual([0, bytes.length, bytes.length])
  })

  it.each<[string, (bytes: Uint8Array) => Uint8Array, { notAfter?: bigint; inboxId?: string }]>([
    ['with a byte behind it', (bytes) => Buffer.concat([bytes, Buffer.of(0)]), {}],
    ['with a forged signature', (bytes) => Buffer.from(bytes).fill(0, bytes.length - 8), {}],
    ['of yesterday', (bytes) => bytes, { notAfter: 1n }],
    ['of no inbox', (bytes) => bytes, { inboxId: 'somebody' }],
  ])('are refused %s', async (_name, spoil, change) => {
    const { client } = await open()
    const { bytes } = await newKeyPackage(change)
    await expect(
      client.unary(`${mls}/UploadKeyPackage`, upload(spoil(bytes))),
    ).rejects.toMatchObject({
      code: 3,
      details: expect.stringMatching(/^invalid identity: /),
    })
  })
})

describe('identity', () => {
  /** An update that creates an inbox and adds an installation, as every client's first one. */
  async function firstUpdate() {
    const account = privateKeyToAccount(generatePrivateKey())
    const secret = platformRandom(32)
    const owner = v3.ethereumIdentifier(account.address)
    const inboxId = v3.deriveInboxId(owner, 1n)
    const unsigned = {
      inboxId,
      clientTimestampNs: 1_000_000_000n,
      actions: [
        { kind: 'createInbox' as const, identifier: owner, nonce: 1n },
        { kind: 'add' as const, member: v3.installationIdentifier(v3.installationKey(secret)) },
      ],
    }
    const text = v3.identityUpdateText(unsigned)
    const signed = await account.signMessage({ message: text })
    const wallet = {
      kind: 'erc191' as const,
      bytes: new Uint8Array(Buffer.from(signed.slice(2), 'hex')),
    }
    const update: v3.IdentityUpdate = {
      ...unsigned,
      actions: [
        {
          ...unsigned.actions[0]!,
          kind: 'createInbox',
          identifier: owner,
          nonce: 1n,
          signature: wallet,
        },
        {
          kind: 'add',
          member: v3.installationIdentifier(v3.installationKey(secret)),
          existingSignature: wallet,
          newSignature: v3.signAsInstallation(secret, text),
        },
      ],
    }
    const identityUpdate = IdentityUpdate.decode(v3.encodeIdentityUpdate(update))
    return { inboxId, address: account.address, identityUpdate }
  }

  const publish = (identityUpdate: IdentityUpdate) =>
    PublishIdentityUpdateRequest.encode({ identityUpdate }).finish()

  it('B14: is found by address in any case as soon as it is published, and read back whole', async () => {
    const { client } = await open()
    const { inboxId, address, identityUpdate } = await firstUpdate()
    await client.unary(`${identity}/PublishIdentityUpdate`, publish(identityUpdate))
    const asked = [
      address,
      address.toLowerCase(),
      address.toUpperCase().replace('X', 'x'),
      'nobody',
    ]
    const found = GetInboxIdsResponse.decode(
      await client.unary(
        `${identity}/GetInboxIds`,
        GetInboxIdsRequest.encode({
          requests: asked.map((identifier) => ({
            identifier,
            identifierKind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM,
          })),
        }).finish(),
      ),
    )
    expect(found.responses).toEqual(
      asked.map((identifier, index) => ({
        identifier,
        identifierKind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM,
        inboxId: index < 3 ? inboxId : undefined,
      })),
    )
    const log = GetIdentityUpdatesResponse.decode(
      await client.unary(
        `${identity}/GetIdentityUpdates`,
        GetIdentityUpdatesRequest.encode({
          requests: [
            { inboxId, sequenceId: 0n },
            { inboxId, sequenceId: 1n },
            { inboxId: 'cd'.repeat(32), sequenceId: 0n },
          ],
        }).finish(),
      ),
    )
    expect(log.responses.map(({ updates }) => updates.length)).toEqual([1, 0, 0])
    expect(log.responses[0]!.updates[0]).toMatchObject({ sequenceId: 1n })
    expect(IdentityUpdate.encode(log.responses[0]!.updates[0]!.update!).finish()).toEqual(
      IdentityUpdate.encode(identityUpdate).finish(),
    )
  })

  it('takes a retry of the same update, and no other of the same kind', async () => {
    const { client } = await open()
    const { identityUpdate } = await firstUpdate()
    await client.unary(`${identity}/PublishIdentityUpdate`, publish(identityUpdate))
    await client.unary(`${identity}/PublishIdentityUpdate`, publish(identityUpdate))
    const changed = { ...identityUpdate, clientTimestampNs: 1_000_000_001n }
    // The text has whole seconds, so the signatures still hold: the log itself must refuse it.
    await expect(
      client.unary(`${identity}/PublishIdentityUpdate`, publish(changed)),
    ).rejects.toMatchObject({ code: 3, details: expect.stringMatching(/signature\.replayed/) })
  })

  it('refuses signatures that do not hold, and the inbox of another', async () => {
    const { client } = await open()
    const [one, two] = [await firstUpdate(), await firstUpdate()]
    const later = { ...one.identityUpdate, clientTimestampNs: 9_000_000_000n }
    await expect(
      client.unary(`${identity}/PublishIdentityUpdate`, publish(later)),
    ).rejects.toMatchObject({ code: 3 })
    const moved = { ...one.identityUpdate, inboxId: two.inboxId }
    await expect(
      client.unary(`${identity}/PublishIdentityUpdate`, publish(moved)),
    ).rejects.toMatchObject({ code: 3 })
    const found = GetInboxIdsResponse.decode(
      await client.unary(
        `${identity}/GetInboxIds`,
        GetInboxIdsRequest.encode({
          requests: [
            { identifier: one.address, identifierKind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM },
          ],
        }).finish(),
      ),
    )
    expect(found.responses[0]?.inboxId).toBeUndefined()
  })

  it('says that contract wallets cannot be asked about without a chain', async () => {
    const { client } = await open()
    const accountId = `eip155:1:0x${'ab'.repeat(20)}`
    const answer = VerifySmartContractWalletSignaturesResponse.decode(
      await client.unary(
        `${identity}/VerifySmartContractWalletSignatures`,
        VerifySmartContractWalletSignaturesRequest.encode({
          signatures: [
            { accountId, blockNumber: undefined, signature: group, hash: new Uint8Array(32) },
          ],
        }).finish(),
      ),
    )
    expect(answer.responses).toEqual([
      {
        isValid: false,
        blockNumber: undefined,
        error: expect.stringContaining('verifier not present for chain ID eip155:1'),
      },
    ])
  })
})

describe('the commit log', () => {
  it('B24: keeps signed entries once, in order, and no others', async () => {
    const { client } = await open()
    const signed = v3.signCommitLogEntry(new Uint8Array(32).fill(9), {
      groupId: group,
      commitSequenceId: 1n,
      lastEpochAuthenticator: none,
      commitResult: CommitResult.COMMIT_RESULT_APPLIED,
      appliedEpochNumber: 1n,
      appliedEpochAuthenticator: none,
    })
    const entry = { serializedCommitLogEntry: signed.bytes, signature: signed.signature }
    const request = (groupId: Uint8Array) =>
      BatchPublishCommitLogRequest.encode({ requests: [{ groupId, ...entry }] }).finish()
    for (let round = 0; round < 2; round += 1)
      await client.unary(`${mls}/BatchPublishCommitLog`, request(group))
    await expect(
      client.unary(`${mls}/BatchPublishCommitLog`, request(otherGroup)),
    ).rejects.toMatchObject({ code: 3 })
    const { responses } = BatchQueryCommitLogResponse.decode(
      await client.unary(
        `${mls}/BatchQueryCommitLog`,
        BatchQueryCommitLogRequest.encode({
          requests: [
            { groupId: otherGroup, pagingInfo: undefined },
            { groupId: group, pagingInfo: paging(1) },
          ],
        }).finish(),
      ),
    )
    expect(
      responses.map(({ commitLogEntries }) => commitLogEntries.map(({ sequenceId }) => sequenceId)),
    ).toEqual([[], [1n]])
  })
})

describe('metrics', () => {
  it('count what V3 stores, under the names of the reference', async () => {
    const { node, client } = await open()
    await client.unary(`${mls}/SendGroupMessages`, groupMessages(mlsMessage('a'), mlsMessage('b')))
    await client.unary(`${mls}/SendWelcomeMessages`, welcomes({}))
    await client.unary(`${mls}/UploadKeyPackage`, upload((await newKeyPackage()).bytes))
    await expect(client.unary(`${mls}/SendGroupMessages`, none)).rejects.toMatchObject({ code: 3 })
    const { opened } = client.stream(
      `${mls}/SubscribeWelcomeMessages`,
      SubscribeWelcomeMessagesRequest.encode({
        filters: [{ installationKey: installation, idCursor: 0n }],
      }).finish(),
    )
    await opened
    const text = await (await fetch(`${node.url}/metrics`)).text()
    const valueOf = (name: string) =>
      Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (.*)$`, 'm').exec(text)?.[1])
    expect(valueOf('mls_sent_group_messages')).toBe(2)
    expect(valueOf('mls_sent_group_message_size_sum')).toBe(
      mlsMessage('a').length + mlsMessage('b').length,
    )
    expect(valueOf('mls_sent_welcome_messages')).toBe(1)
    expect(valueOf('mls_sent_key_packages')).toBe(1)
    expect(valueOf('mls_sent_key_package_size_count')).toBe(1)
    expect(valueOf('xmtp_subscribed_topics')).toBe(1)
    expect(text).toMatch(
      /xmtp_api_requests\{[^}]*method="SendGroupMessages",error_code="InvalidArgument"/,
    )
  })

  it('count calls and their messages, under the names of gRPC', async () => {
    const { node, client } = await open()
    await client.unary(`${mls}/SendGroupMessages`, groupMessages(mlsMessage('a'), mlsMessage('b')))
    await expect(client.unary(`${mls}/SendGroupMessages`, none)).rejects.toMatchObject({ code: 3 })
    const filters = [{ groupId: group, idCursor: 0n }]
    const { call } = client.stream(
      `${mls}/SubscribeGroupMessages`,
      SubscribeGroupMessagesRequest.encode({ filters }).finish(),
    )
    await take(call, 2)
    const both = client.bidi(`${mls}/Subscribe`)
    await take(both.call, 1)
    const text = await (await fetch(`${node.url}/metrics`)).text()
    const valueOf = (name: string, type: string, method: string, code = '') =>
      Number(
        text
          .split(`grpc_server_${name}{grpc_type="${type}",grpc_service="xmtp.mls.api.v1.MlsApi",`)
          .map((line) => new RegExp(`^grpc_method="${method}"${code}} (.*)$`, 'm').exec(line)?.[1])
          .find((value) => value !== undefined),
      )
    const send = ['unary', 'SendGroupMessages'] as const
    expect(valueOf('started_total', ...send)).toBe(2)
    expect(valueOf('msg_received_total', ...send)).toBe(2)
    expect(valueOf('msg_sent_total', ...send)).toBe(1)
    expect(valueOf('handled_total', ...send, ',grpc_code="OK"')).toBe(1)
    expect(valueOf('handled_total', ...send, ',grpc_code="InvalidArgument"')).toBe(1)
    expect(valueOf('handling_seconds_count', ...send)).toBe(2)
    const follow = ['server_stream', 'SubscribeGroupMessages'] as const
    expect(valueOf('started_total', ...follow)).toBe(1)
    expect(valueOf('msg_sent_total', ...follow)).toBe(2)
    // It has not ended.
    expect(valueOf('handled_total', ...follow, ',grpc_code="OK"')).toBe(0)
    expect(valueOf('started_total', 'bidi_stream', 'Subscribe')).toBe(1)
    expect(valueOf('msg_sent_total', 'bidi_stream', 'Subscribe')).toBe(1)
  })
})
