import { openMemoryV3Store, openSqliteStore, type V3Item } from '@xmtp-ts/node'
import {
  GetInboxIdsRequest,
  GetInboxIdsResponse,
  PublishIdentityUpdateRequest,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind, IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import {
  GroupMessage,
  SubscribeGroupMessagesRequest,
  SubscribeWelcomeMessagesRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { compose, passkey, wallet } from '../vectors/v3/actors.ts'
import { testWallet, type TestWallet } from '../vectors/v3/vectors.ts'
import { closeAfterEach, grpcClient, later, startNode } from './support.ts'

closeAfterEach()

/** With `XMTP_TS_FULL_SIZE=1` the sizes and times of node-api §16, which take minutes. */
const isFullSize = process.env['XMTP_TS_FULL_SIZE'] !== undefined
const timeout = isFullSize ? 600_000 : 60_000

const mls = '/xmtp.mls.api.v1.MlsApi'
const identity = '/xmtp.identity.api.v1.IdentityApi'
const group = new Uint8Array(16).fill(1)
const none = new Uint8Array()

function item(name: string, bytes = 0): V3Item {
  return {
    topic: v3.mlsTopic({ kind: 'group', id: group }),
    digest: Buffer.from(name.padEnd(32)),
    encode: ({ sequence, createdNs }) => {
      const value = {
        id: BigInt(sequence),
        createdNs,
        groupId: group,
        data: new Uint8Array(bytes),
        senderHmac: none,
        shouldPush: false,
        isCommit: false,
      }
      return GroupMessage.encode({ version: { $case: 'v1', value } }).finish()
    },
  }
}

const subscription = SubscribeGroupMessagesRequest.encode({
  filters: [{ groupId: group, idCursor: 0n }],
}).finish()

it(
  'B6: one who pauses while 50,000 messages arrive gets all of them, in order, and is not kept in memory',
  { timeout },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-slow-'))
    later(() => rmSync(folder, { recursive: true }))
    const stores = await openSqliteStore(join(folder, 'node.db'))
    const node = await startNode(stores)
    const { call, opened } = grpcClient(node).stream(`${mls}/SubscribeGroupMessages`, subscription)
    await opened
    const total = isFullSize ? 100_000 : 50_000
    const perCall = 1_000
    const heapBefore = process.memoryUsage().heapUsed
    // Nobody reads until everything is there.
    for (let from = 0; from < total; from += perCall) {
      const items = Array.from({ length: perCall }, (_, index) => item(`${from + index}`, 1_000))
      await stores.v3.groupMessages.append(items, 1)
    }
    if (isFullSize) await wait(60_000)
    // All of them would be at least 60 MB; what one stream and the tail of the log may keep is a fraction.
    expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(60_000_000)
    let expected = 1n
    for await (const bytes of call) {
      expect(GroupMessage.decode(bytes as Buffer).version!.value.id).toBe(expected)
      if (expected === BigInt(total)) break
      expected += 1n
    }
  },
)

it('gRPC-Web streams of V3 open at once, catch up, go live, and say how they end', async () => {
  const store = openMemoryV3Store()
  const node = await startNode({ v3: store })
  await store.groupMessages.append([item('1'), item('2')], 1)
  const frame = (message: Uint8Array) => {
    const header = Buffer.alloc(5)
    header.writeUInt32BE(message.length, 1)
    return Buffer.concat([header, message])
  }
  const open = (method: string, request: Uint8Array) =>
    fetch(`${node.url}${mls}/${method}`, {
      method: 'POST',
      // What browser-sdk sends (node-api §14.3).
      headers: {
        'content-type': 'application/grpc-web+proto',
        accept: 'application/grpc-web+proto',
        'x-grpc-web': '1',
        'x-app-version': '0.0.0',
        'x-libxmtp-version': '1.11.0',
      },
      body: frame(request),
    })
  const response = await open('SubscribeGroupMessages', subscription)
  expect(response.headers.get('content-type')).toBe('application/grpc-web+proto')
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  const reader = response.body!.getReader()
  let rest = Buffer.alloc(0)
  const next = async (): Promise<{ flag: number; payload: Buffer }> => {
    while (rest.length < 5 || rest.length < 5 + rest.readUInt32BE(1)) {
      const { value } = await reader.read()
      rest = Buffer.concat([rest, value!])
    }
    const end = 5 + rest.readUInt32BE(1)
    const [flag, payload] = [rest[0]!, rest.subarray(5, end)]
    rest = rest.subarray(end)
    return { flag, payload }
  }
  const nextId = async () => GroupMessage.decode((await next()).payload).version!.value.id
  expect([await nextId(), await nextId()]).toEqual([1n, 2n])
  await store.groupMessages.append([item('3')], 1)
  expect(await nextId()).toBe(3n)
  // An empty stream of groups is open too; one of no installation is refused in its trailers.
  const silent = await open('SubscribeGroupMessages', none)
  expect(silent.status).toBe(200)
  await silent.body!.cancel()
  const refused = await open(
    'SubscribeWelcomeMessages',
    SubscribeWelcomeMessagesRequest.encode({ filters: [] }).finish(),
  )
  expect(decodeURIComponent(await refused.text())).toContain(
    'grpc-status: 3\r\ngrpc-message: no valid filters provided',
  )
  await node[Symbol.asyncDispose]()
  expect(decodeURIComponent((await next()).payload.toString())).toMatch(
    /grpc-status: 14\r\ngrpc-message: service is shutting down/,
  )
})

it(
  'B14: what was published is found by the next call, each time, by wallets and by passkeys',
  { timeout },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-found-'))
    later(() => rmSync(folder, { recursive: true }))
    const node = await startNode(await openSqliteStore(join(folder, 'node.db')))
    const client = grpcClient(node)
    const inboxOf = async (identifier: string, identifierKind: IdentifierKind) =>
      GetInboxIdsResponse.decode(
        await client.unary(
          `${identity}/GetInboxIds`,
          GetInboxIdsRequest.encode({ requests: [{ identifier, identifierKind }] }).finish(),
        ),
      ).responses[0]?.inboxId
    const publishAndFind = async (
      owner: TestWallet | ReturnType<typeof passkey>,
      nonce: bigint,
    ) => {
      const name = owner.identifier
      const inboxId = v3.deriveInboxId(name, nonce)
      const steps = [{ kind: 'createInbox' as const, identifier: name, nonce, by: [owner] }]
      const update = compose({ inboxId, clientTimestampNs: 1_000_000_000n, steps })
      const identityUpdate = IdentityUpdate.decode(v3.encodeIdentityUpdate(update))
      await client.unary(
        `${identity}/PublishIdentityUpdate`,
        PublishIdentityUpdateRequest.encode({ identityUpdate }).finish(),
      )
      const kind =
        name.kind === 'passkey'
          ? IdentifierKind.IDENTIFIER_KIND_PASSKEY
          : IdentifierKind.IDENTIFIER_KIND_ETHEREUM
      expect(await inboxOf(v3.identifierText(name), kind)).toBe(inboxId)
    }
    const wallets = isFullSize ? 10_000 : 200
    for (let number = 0; number < wallets; number += 1)
      await publishAndFind(testWallet(createHash('sha256').update(`${number}`).digest()), 1n)
    // The same wallet in ever newer inboxes: each look-up must see the newest.
    for (let nonce = 0n; nonce < 100n; nonce += 1n) await publishAndFind(wallet(0), nonce)
    for (let number = 0; number < 10; number += 1) await publishAndFind(passkey(number), 1n)
  },
)

it('B5: a message costs its own subscribers, not the 10,000 others', async () => {
  const store = openMemoryV3Store()
  const node = await startNode({ v3: store })
  const client = grpcClient(node)
  const others = (stream: number) =>
    SubscribeGroupMessagesRequest.encode({
      filters: Array.from({ length: 1_000 }, (_, index) => ({
        groupId: Buffer.from(`${stream} ${index}`.padStart(16)),
        idCursor: 0n,
      })),
    }).finish()
  const delays = async () => {
    const { call, opened } = client.stream(`${mls}/SubscribeGroupMessages`, subscription)
    await opened
    const measured: number[] = []
    const iterator = call[Symbol.asyncIterator]()
    for (let head = await store.groupMessages.head(); head > 0; head -= 1) await iterator.next()
    for (let index = 0; index < 200; index += 1) {
      const startedMs = performance.now()
      await store.groupMessages.append([item(`${startedMs}`)], 1)
      await iterator.next()
      measured.push(performance.now() - startedMs)
    }
    call.cancel()
    return measured.toSorted((a, b) => a - b)[100]!
  }
  const alone = await delays()
  for (let stream = 0; stream < 20; stream += 1)
    await client.stream(`${mls}/SubscribeGroupMessages`, others(stream)).opened
  await wait(50)
  // The median, with room for what else this machine does; looking at 20,000 topics would be a hundredfold.
  expect(await delays()).toBeLessThan(alone * 5 + 2)
})
