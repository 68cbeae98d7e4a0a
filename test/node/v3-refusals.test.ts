import { Metadata } from '@grpc/grpc-js'
import { openMemoryV3Store } from '@xmtp-ts/node'
import {
  GetIdentityUpdatesRequest,
  PublishIdentityUpdateRequest,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import {
  BatchPublishCommitLogRequest,
  BatchQueryCommitLogRequest,
  FetchKeyPackagesRequest,
  GetNewestGroupMessageRequest,
  QueryGroupMessagesRequest,
  SendGroupMessagesRequest,
  SendWelcomeMessagesRequest,
  SubscribeWelcomeMessagesRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { CommitResult } from '@xmtp-ts/proto/mls/message_contents/commit_log'
import { WelcomePointerWrapperAlgorithm } from '@xmtp-ts/proto/mls/message_contents/wrapper_encryption'
import { v3 } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, grpcClient, startNode } from './support.ts'
import {
  mls,
  identity,
  group,
  otherGroup,
  installation,
  none,
  mlsMessage,
  groupMessages,
  welcomes,
  paging,
  upload,
  openV3,
  stored,
} from './v3-support.ts'

closeAfterEach()

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
    const { client, store } = await openV3()
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
    const { client, store } = await openV3()
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
    const { client } = await openV3()
    const { status } = client.stream(`${mls}/SubscribeWelcomeMessages`, request)
    expect(await status).toMatchObject({ code: 3, details })
  })

  it.each(['RevokeInstallation', 'GetIdentityUpdates'])(
    'what is not there is UNIMPLEMENTED: %s',
    async (method) => {
      const { client } = await openV3()
      await expect(client.unary(`${mls}/${method}`, none)).rejects.toMatchObject({ code: 12 })
    },
  )

  it('an old libxmtp is UNIMPLEMENTED where the operator says so, on calls and on streams', async () => {
    const minLibxmtp = { numbers: [1, 1, 5], isPrerelease: false } as const
    const client = grpcClient(await startNode({ v3: openMemoryV3Store(), minLibxmtp }))
    const saying = (version: string) => {
      const metadata = new Metadata()
      metadata.set('x-libxmtp-version', version)
      return metadata
    }
    const query = QueryGroupMessagesRequest.encode({ groupId: group, pagingInfo: undefined })
    const ask = (version: string) =>
      client.unary(`${mls}/QueryGroupMessages`, query.finish(), saying(version))
    await ask('1.1.5')
    const refused = { code: 12, details: 'unsupported libxmtp version 1.1.4' }
    await expect(ask('1.1.4')).rejects.toMatchObject(refused)
    const stream = (version: string) =>
      client.stream(`${mls}/SubscribeGroupMessages`, none, saying(version))
    await stream('1.10.0').opened
    expect(await stream('1.1.4').status).toMatchObject(refused)
  })

  it('a node without a V3 store offers no V3', async () => {
    const client = grpcClient(await startNode())
    await expect(client.unary(`${mls}/QueryGroupMessages`, none)).rejects.toMatchObject({
      code: 12,
    })
  })
})
