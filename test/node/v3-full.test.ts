import { openMemoryV3Store, openSqliteStore } from '@xmtp-ts/node'
import {
  GetIdentityUpdatesRequest,
  GetIdentityUpdatesResponse,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import {
  FetchKeyPackagesRequest,
  FetchKeyPackagesResponse,
  GetNewestGroupMessageRequest,
  GetNewestGroupMessageResponse,
  GroupMessage,
  SendWelcomeMessagesRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, grpcClient, later, startNode } from './support.ts'

closeAfterEach()

// Stores and answers that are full.

const mls = '/xmtp.mls.api.v1.MlsApi'
const identity = '/xmtp.identity.api.v1.IdentityApi'
const key = new Uint8Array(32).fill(3)
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

/** Welcomes are the one kind whose bytes may be anything. */
const welcomes = (call: number) =>
  SendWelcomeMessagesRequest.encode({
    messages: [0, 1].map((place) => ({
      version: {
        $case: 'v1',
        value: {
          installationKey: key,
          data: Buffer.alloc(50_000, `${call} ${place} `),
          hpkePublicKey: key,
          wrapperAlgorithm: 1,
          welcomeMetadata: new Uint8Array(),
        },
      },
    })),
  }).finish()

it('a disk that is full is UNAVAILABLE: nothing is stored by halves, what is there is read, and it recovers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-full-'))
  later(() => rmSync(folder, { recursive: true }))
  const stores = await openSqliteStore(join(folder, 'node.db'), { maxFileBytes: 900_000 })
  const client = grpcClient(await startNode(stores))
  const send = (call: number) => client.unary(`${mls}/SendWelcomeMessages`, welcomes(call))
  let calls = 0
  const failure = async (): Promise<{ code?: number; details?: string }> => {
    for (; calls < 20; calls += 1) {
      const error = await send(calls).then(
        () => undefined,
        (reason: unknown) => reason as object,
      )
      if (error !== undefined) return error
    }
    return {}
  }
  expect(await failure()).toMatchObject({
    code: 14,
    details: expect.stringMatching(/node\.store\.unavailable/),
  })
  expect(calls).toBeGreaterThan(2)
  const topic = v3.mlsTopic({ kind: 'welcome', id: key })
  const page = { topic, cursor: 0, direction: 'ascending', limit: 100 } as const
  const { entries } = await stores.v3.welcomes.page(page)
  expect(entries).toHaveLength(calls * 2)
  await stores.v3.welcomes.prune(Date.now() + 60_000, 2)
  await send(calls)
  expect(await stores.v3.welcomes.head()).toBe(calls * 2 + 2)
})

describe('an answer', () => {
  async function open() {
    const store = openMemoryV3Store()
    return { store, client: grpcClient(await startNode({ v3: store })) }
  }
  const tooLong = {
    code: 8,
    details: 'cannot answer with more than 25165824 bytes',
  }

  it('of one large key package many times is refused before it fills the memory', async () => {
    const { store, client } = await open()
    const forLong = { nowMs: 0, expiresMs: Number.MAX_SAFE_INTEGER }
    await store.keyPackages.put(key, new Uint8Array(65_536), forLong)
    const fetch = (count: number) =>
      client.unary(
        `${mls}/FetchKeyPackages`,
        FetchKeyPackagesRequest.encode({ installationKeys: times(count, key) }).finish(),
      )
    await expect(fetch(10_000)).rejects.toMatchObject(tooLong)
    expect(FetchKeyPackagesResponse.decode(await fetch(384)).keyPackages).toHaveLength(384)
  })

  it('of one large message many times is refused, and is short without the content', async () => {
    const { store, client } = await open()
    const topic = v3.mlsTopic({ kind: 'group', id: key })
    const payload = groupMessage(new Uint8Array(1_048_576))
    await store.groupMessages.append([{ topic, digest: key, encode: () => payload }], 1)
    const newest = (includeContent: boolean) =>
      client.unary(
        `${mls}/GetNewestGroupMessage`,
        GetNewestGroupMessageRequest.encode({
          groupIds: times(10_000, key),
          includeContent,
        }).finish(),
      )
    await expect(newest(true)).rejects.toMatchObject(tooLong)
    const { responses } = GetNewestGroupMessageResponse.decode(await newest(false))
    expect(responses).toHaveLength(10_000)
  })

  it('of many long logs is refused; each of them has its place in one with others', async () => {
    const { store, client } = await open()
    const inboxes = times(60, '').map((_, index) => index.toString(16).padStart(64, '0'))
    for (const inboxId of inboxes)
      await store.identity.append(
        {
          item: {
            topic: `/xmtp/mls/1/i-${inboxId}/proto`,
            digest: key,
            encode: () => loggedUpdate(1_000_000),
          },
          inboxId,
          after: 0,
          state: new Uint8Array(),
          added: [],
          removed: [],
        },
        1,
      )
    const logs = async (count: number) =>
      GetIdentityUpdatesResponse.decode(
        await client.unary(
          `${identity}/GetIdentityUpdates`,
          GetIdentityUpdatesRequest.encode({
            requests: inboxes.slice(0, count).map((inboxId) => ({ inboxId, sequenceId: 0n })),
          }).finish(),
        ),
      ).responses
    await expect(logs(60)).rejects.toMatchObject(tooLong)
    expect((await logs(20)).map(({ updates }) => updates.length)).toEqual(times(20, 1))
  })
})

/** A stored message: `GroupMessage.V1` with a group and data. */
function groupMessage(data: Uint8Array): Uint8Array {
  const value = {
    id: 1n,
    createdNs: 1n,
    groupId: key,
    data,
    senderHmac: new Uint8Array(),
    shouldPush: false,
    isCommit: false,
  }
  return GroupMessage.encode({ version: { $case: 'v1', value } }).finish()
}

/** A stored update that is as long as one could be, in a field that no schema knows. */
function loggedUpdate(bytes: number): Uint8Array {
  const length = Buffer.of(0x7a, (bytes & 0x7f) | 0x80, ((bytes >> 7) & 0x7f) | 0x80, bytes >> 14)
  return Buffer.concat([length, Buffer.alloc(bytes)])
}
