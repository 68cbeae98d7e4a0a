import {
  aes128GcmSuite,
  basicCapabilities,
  basicCredential,
  chacha20Poly1305Suite,
  createKeyPackage,
  encode,
  keyPackageCodec,
  platformRandom,
  type KeyPackageOptions,
} from '@xmtp-ts/mls'
import { openMemoryV3Store } from '@xmtp-ts/node'
import {
  GetIdentityUpdatesRequest,
  GetInboxIdsRequest,
  VerifySmartContractWalletSignaturesRequest,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind } from '@xmtp-ts/proto/identity/associations/association'
import { MlsCredential } from '@xmtp-ts/proto/identity/credential'
import {
  BatchPublishCommitLogRequest,
  BatchQueryCommitLogRequest,
  FetchKeyPackagesRequest,
  FetchKeyPackagesResponse,
  SendGroupMessagesRequest,
  SendWelcomeMessagesRequest,
  SubscribeGroupMessagesRequest,
  SubscribeWelcomeMessagesRequest,
  UploadKeyPackageRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, grpcClient, startNode } from './support.ts'

closeAfterEach()

// What libxmtp never sends: refused with a code that says whose fault it is, and nothing of it is stored.

const mls = '/xmtp.mls.api.v1.MlsApi'
const identity = '/xmtp.identity.api.v1.IdentityApi'
const none = new Uint8Array()
const key = new Uint8Array(32).fill(3)

async function open() {
  const store = openMemoryV3Store()
  const node = await startNode({ v3: store })
  return { client: grpcClient(node), store }
}

describe('key packages', () => {
  const nowSeconds = BigInt(Math.floor(Date.now() / 1_000))
  const credential = basicCredential(MlsCredential.encode({ inboxId: 'ab'.repeat(32) }).finish())
  const right: KeyPackageOptions = {
    suite: chacha20Poly1305Suite,
    signaturePrivateKey: key,
    credential,
    capabilities: basicCapabilities(chacha20Poly1305Suite),
    lifetime: { notBefore: nowSeconds - 10n, notAfter: nowSeconds + 1_000n },
    random: platformRandom,
  }
  const upload = (client: ReturnType<typeof grpcClient>, bytes: Uint8Array) =>
    client.unary(
      `${mls}/UploadKeyPackage`,
      UploadKeyPackageRequest.encode({
        keyPackage: { keyPackageTlsSerialized: bytes },
        isInboxIdCredential: true,
      }).finish(),
    )
  const stored = async (client: ReturnType<typeof grpcClient>) =>
    FetchKeyPackagesResponse.decode(
      await client.unary(
        `${mls}/FetchKeyPackages`,
        FetchKeyPackagesRequest.encode({ installationKeys: [v3.installationKey(key)] }).finish(),
      ),
    ).keyPackages[0]!.keyPackageTlsSerialized.length

  it.each<[string, Partial<KeyPackageOptions>]>([
    ['of yesterday', { lifetime: { notBefore: 0n, notAfter: nowSeconds - 5n } }],
    [
      'of tomorrow',
      { lifetime: { notBefore: nowSeconds + 3_600n, notAfter: nowSeconds + 9_999n } },
    ],
    ['without an end', { lifetime: { notBefore: 1n, notAfter: 0n } }],
    [
      'of another suite',
      { suite: aes128GcmSuite, capabilities: basicCapabilities(aes128GcmSuite) },
    ],
    ['with a certificate', { credential: { type: 2, certificates: [Uint8Array.of(1)] } }],
    ['with an unknown credential', { credential: { type: 77, data: Uint8Array.of(1) } }],
    ['with a credential of noise', { credential: basicCredential(Uint8Array.of(0xff, 1)) }],
    ['with an empty credential', { credential: basicCredential(none) }],
    [
      'that cannot do its own suite',
      { capabilities: { ...right.capabilities, cipherSuites: [1] } },
    ],
    [
      'that cannot do its own credential',
      { capabilities: { ...right.capabilities, credentials: [2] } },
    ],
    [
      'of another protocol version only',
      { capabilities: { ...right.capabilities, versions: [2] } },
    ],
    [
      'with an extension that it cannot do',
      { leafExtensions: [{ type: 0xff77, data: Uint8Array.of(1) }] },
    ],
  ])('%s are INVALID_ARGUMENT', async (_name, change) => {
    const { client } = await open()
    const { keyPackage } = await createKeyPackage({ ...right, ...change })
    await expect(upload(client, encode(keyPackageCodec, keyPackage))).rejects.toMatchObject({
      code: 3,
      details: expect.stringMatching(/^invalid identity: /),
    })
    expect(await stored(client)).toBe(0)
  })

  it('signed by somebody else, or changed behind the signature, are INVALID_ARGUMENT', async () => {
    const { client } = await open()
    const { keyPackage } = await createKeyPackage(right)
    const { keyPackage: other } = await createKeyPackage(right)
    for (const spoiled of [
      { ...keyPackage, leafNode: other.leafNode },
      { ...keyPackage, initKey: other.initKey },
      { ...keyPackage, initKey: keyPackage.leafNode.encryptionKey },
      { ...keyPackage, leafNode: { ...keyPackage.leafNode, signatureKey: new Uint8Array(31) } },
    ])
      await expect(upload(client, encode(keyPackageCodec, spoiled))).rejects.toMatchObject({
        code: 3,
      })
    expect(await stored(client)).toBe(0)
    await upload(client, encode(keyPackageCodec, keyPackage))
    expect(await stored(client)).toBeGreaterThan(0)
  })
})

describe('too much at once is INVALID_ARGUMENT', () => {
  const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)
  const message = {
    version: {
      $case: 'v1' as const,
      value: { data: none, senderHmac: none, shouldPush: false },
    },
  }
  const commitLogEntry = { groupId: key, serializedCommitLogEntry: key, signature: undefined }

  it.each<[string, string, Uint8Array, RegExp]>([
    [
      '1,001 group messages',
      `${mls}/SendGroupMessages`,
      SendGroupMessagesRequest.encode({ messages: times(1_001, message) }).finish(),
      /1000 messages/,
    ],
    [
      '1,001 welcomes',
      `${mls}/SendWelcomeMessages`,
      SendWelcomeMessagesRequest.encode({
        messages: times(1_001, { version: undefined }),
      }).finish(),
      /1000 messages/,
    ],
    [
      '11 commit log entries',
      `${mls}/BatchPublishCommitLog`,
      BatchPublishCommitLogRequest.encode({ requests: times(11, commitLogEntry) }).finish(),
      /cannot exceed 10 inserts in single batch/,
    ],
    [
      '21 commit log queries',
      `${mls}/BatchQueryCommitLog`,
      BatchQueryCommitLogRequest.encode({
        requests: times(21, { groupId: key, pagingInfo: undefined }),
      }).finish(),
      /cannot exceed 20 queries in single batch/,
    ],
    [
      '1,001 inboxes',
      `${identity}/GetIdentityUpdates`,
      GetIdentityUpdatesRequest.encode({
        requests: times(1_001, { inboxId: 'ab'.repeat(32), sequenceId: 0n }),
      }).finish(),
      /1000 requests/,
    ],
    [
      '10,001 identifiers',
      `${identity}/GetInboxIds`,
      GetInboxIdsRequest.encode({
        requests: times(10_001, {
          identifier: 'x',
          identifierKind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM,
        }),
      }).finish(),
      /10000 requests/,
    ],
    [
      '101 contract signatures',
      `${identity}/VerifySmartContractWalletSignatures`,
      VerifySmartContractWalletSignaturesRequest.encode({
        signatures: times(101, {
          accountId: 'x',
          blockNumber: undefined,
          signature: none,
          hash: none,
        }),
      }).finish(),
      /100 signatures/,
    ],
  ])('%s', async (_name, path, request, details) => {
    const { client } = await open()
    await expect(client.unary(path, request)).rejects.toMatchObject({
      code: 3,
      details: expect.stringMatching(details),
    })
  })

  it.each<[string, string, (count: number) => Uint8Array]>([
    [
      'SubscribeGroupMessages',
      'groups',
      (count) =>
        SubscribeGroupMessagesRequest.encode({
          filters: Array.from({ length: count }, (_, index) => ({
            groupId: Buffer.from(String(index)),
            idCursor: 0n,
          })),
        }).finish(),
    ],
    [
      'SubscribeWelcomeMessages',
      'installations',
      (count) =>
        SubscribeWelcomeMessagesRequest.encode({
          filters: Array.from({ length: count }, (_, index) => ({
            installationKey: Buffer.from(String(index).padStart(32)),
            idCursor: 0n,
          })),
        }).finish(),
    ],
  ])('10,001 filters of %s; 10,000 %s are served', async (method, _what, request) => {
    const { client } = await open()
    const { status } = client.stream(`${mls}/${method}`, request(10_001))
    expect(await status).toMatchObject({
      code: 3,
      details: 'cannot exceed 10000 filters in single stream',
    })
    const { opened } = client.stream(`${mls}/${method}`, request(10_000))
    expect((await opened).get('subscribed')).toEqual(['true'])
  })
})
