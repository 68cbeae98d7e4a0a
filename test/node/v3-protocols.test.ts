import { openMemoryV3Store } from '@xmtp-ts/node'
import { GetInboxIdsRequest, GetInboxIdsResponse } from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind } from '@xmtp-ts/proto/identity/associations/association'
import { SendGroupMessagesRequest, SendWelcomeMessagesRequest } from '@xmtp-ts/proto/mls/api/v1/mls'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, grpcClient, startNode } from './support.ts'

closeAfterEach()

const mls = 'xmtp.mls.api.v1.MlsApi'
const identity = 'xmtp.identity.api.v1.IdentityApi'
const none = new Uint8Array()

/** Every method with one answer, and its path of JSON (node-api §6.1, §7). */
const unaryMethods: [string, string][] = [
  [`${mls}/SendGroupMessages`, '/mls/v1/send-group-messages'],
  [`${mls}/SendWelcomeMessages`, '/mls/v1/send-welcome-messages'],
  [`${mls}/RegisterInstallation`, '/mls/v1/register-installation'],
  [`${mls}/UploadKeyPackage`, '/mls/v1/upload-key-package'],
  [`${mls}/FetchKeyPackages`, '/mls/v1/fetch-key-packages'],
  [`${mls}/QueryGroupMessages`, '/mls/v1/query-group-messages'],
  [`${mls}/QueryWelcomeMessages`, '/mls/v1/query-welcome-messages'],
  [`${mls}/BatchPublishCommitLog`, '/mls/v1/batch-publish-commit-log'],
  [`${mls}/BatchQueryCommitLog`, '/mls/v1/batch-query-commit-log'],
  [`${mls}/GetNewestGroupMessage`, '/mls/v1/get-newest-group-message'],
  [`${identity}/PublishIdentityUpdate`, '/identity/v1/publish-identity-update'],
  [`${identity}/GetIdentityUpdates`, '/identity/v1/get-identity-updates'],
  [`${identity}/GetInboxIds`, '/identity/v1/get-inbox-ids'],
  [
    `${identity}/VerifySmartContractWalletSignatures`,
    '/identity/v1/verify-smart-contract-wallet-signatures',
  ],
]

type Ending = { readonly code: number; readonly message: string }
type Unary = ReturnType<typeof grpcClient>['unary']

const byGrpc = (unary: Unary, method: string, request: Uint8Array): Promise<Ending> =>
  unary(`/${method}`, request).then(
    () => ({ code: 0, message: '' }),
    ({ code, details }: { code: number; details: string }) => ({ code, message: details }),
  )

async function byGrpcWeb(url: string, method: string): Promise<Ending> {
  const response = await fetch(`${url}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' },
    body: Buffer.alloc(5),
  })
  const trailer = (await response.text()).split('\x80').at(-1)
  return {
    code: Number(/grpc-status: ?(\d+)/.exec(trailer!)?.[1]),
    message: decodeURIComponent(/grpc-message: ?(.*)\r/.exec(trailer!)?.[1] ?? ''),
  }
}

async function byJson(url: string, path: string): Promise<Ending> {
  const isGet = path.endsWith('/get-newest-group-message')
  const response = await fetch(url + path, isGet ? {} : { method: 'POST', body: '{}' })
  const { code = 0, message = '' } = (await response.json()) as Partial<Ending>
  expect(response.status).toBe(code === 0 ? 200 : 400)
  return { code, message }
}

it.each(unaryMethods)('%s ends alike over gRPC, gRPC-Web and JSON', async (method, path) => {
  const node = await startNode({ v3: openMemoryV3Store() })
  const ending = await byGrpc(grpcClient(node).unary, method, none)
  expect([0, 3]).toContain(ending.code)
  expect(await byGrpcWeb(node.url, method)).toEqual(ending)
  expect(await byJson(node.url, path)).toEqual(ending)
})

describe('calls cost', () => {
  const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)
  const messages = SendGroupMessagesRequest.encode({
    messages: times(3, { version: undefined }),
  }).finish()
  const welcomes = SendWelcomeMessagesRequest.encode({
    messages: times(3, { version: undefined }),
  }).finish()

  it.each<[string, Uint8Array, string]>([
    [`${mls}/SendGroupMessages`, messages, '3 exceeds rate limit R127.0.0.1PUB'],
    [`${mls}/SendWelcomeMessages`, welcomes, '3 exceeds rate limit R127.0.0.1PUB'],
    [`${mls}/UploadKeyPackage`, none, '1 exceeds rate limit R127.0.0.1PUB'],
    [`${mls}/RegisterInstallation`, none, '1 exceeds rate limit R127.0.0.1PUB'],
    [`${identity}/PublishIdentityUpdate`, none, '1 exceeds rate limit R127.0.0.1PUB'],
    [`${mls}/BatchPublishCommitLog`, none, '1 exceeds rate limit R127.0.0.1DEF'],
    [`${mls}/QueryGroupMessages`, none, '1 exceeds rate limit R127.0.0.1DEF'],
    [`${identity}/GetInboxIds`, none, '1 exceeds rate limit R127.0.0.1DEF'],
  ])('of %s', async (method, request, message) => {
    const limits = { reads: 2, writes: 2 }
    const { unary } = grpcClient(await startNode({ v3: openMemoryV3Store(), limits }))
    const endings: Ending[] = []
    for (let call = 0; call < 3; call += 1) endings.push(await byGrpc(unary, method, request))
    expect(endings.at(-1)).toEqual({ code: 8, message })
    // Three at once are refused as a whole; of one each, two are let through.
    expect(endings.filter(({ code }) => code === 8)).toHaveLength(message.startsWith('3') ? 3 : 1)
  })

  it('of a stream are those of a call that reads', async () => {
    const limits = { reads: 1, writes: 1 }
    const client = grpcClient(await startNode({ v3: openMemoryV3Store(), limits }))
    await client.stream(`/${mls}/SubscribeGroupMessages`, none).opened
    const { status } = client.stream(`/${mls}/SubscribeGroupMessages`, none)
    expect(await status).toMatchObject({ code: 8, details: '1 exceeds rate limit R127.0.0.1DEF' })
  })
})

it('B14: identifiers are found in any case, and what is none belongs to nobody; the kind is echoed', async () => {
  const { unary } = grpcClient(await startNode({ v3: openMemoryV3Store() }))
  const requests = [
    { identifier: `0x${'AB'.repeat(20)}`, identifierKind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM },
    { identifier: 'somebody', identifierKind: IdentifierKind.IDENTIFIER_KIND_UNSPECIFIED },
    { identifier: '', identifierKind: IdentifierKind.IDENTIFIER_KIND_PASSKEY },
    { identifier: 'x'.repeat(100_000), identifierKind: IdentifierKind.UNRECOGNIZED },
  ]
  const { responses } = GetInboxIdsResponse.decode(
    await unary(`/${identity}/GetInboxIds`, GetInboxIdsRequest.encode({ requests }).finish()),
  )
  expect(responses).toEqual(requests.map((request) => ({ ...request, inboxId: undefined })))
})
