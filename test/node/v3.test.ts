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
  SendWelcomeMessagesRequest,
  SubscribeGroupMessagesRequest,
  WelcomeMessage,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { v3 } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, take, type grpcClient } from './support.ts'
import {
  mls,
  group,
  otherGroup,
  installation,
  none,
  mlsMessage,
  groupMessages,
  welcomes,
  paging,
  upload,
  newKeyPackage,
  openV3,
} from './v3-support.ts'

closeAfterEach()

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
    const { client } = await openV3()
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
    const { client } = await openV3()
    const call = groupMessages(mlsMessage('good'), Uint8Array.of(1))
    await expect(client.unary(`${mls}/SendGroupMessages`, call)).rejects.toMatchObject({ code: 3 })
    expect(idsOf(await query(client))).toEqual([])
  })

  it('come in pages both ways, with a cursor while a page is full', async () => {
    const { client } = await openV3()
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
    const { client } = await openV3()
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
    const { client } = await openV3()
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
    const { client } = await openV3()
    const { call, opened } = client.stream(`${mls}/SubscribeGroupMessages`, none)
    expect((await opened).get('subscribed')).toEqual(['true'])
    await client.unary(`${mls}/SendGroupMessages`, groupMessages(mlsMessage('a')))
    expect(call.destroyed).toBe(false)
  })

  it('reach push servers over SubscribeAll, with welcomes', async () => {
    const { client } = await openV3()
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
    const { client } = await openV3()
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

describe('key packages', () => {
  it('B11: are answered at every place, newest, empty where there is none', async () => {
    const { client } = await openV3()
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
    const { client } = await openV3()
    const { bytes } = await newKeyPackage(change)
    await expect(
      client.unary(`${mls}/UploadKeyPackage`, upload(spoil(bytes))),
    ).rejects.toMatchObject({
      code: 3,
      details: expect.stringMatching(/^invalid identity: /),
    })
  })
})

describe('the commit log', () => {
  it('B24: keeps signed entries once, in order, and no others', async () => {
    const { client } = await openV3()
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
