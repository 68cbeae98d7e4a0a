import { openSqliteStore, type V3Item } from '@xmtp-ts/node'
import { GroupMessage, SubscribeGroupMessagesRequest } from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { closeAfterEach, grpcClient, later, startNode, take } from './support.ts'

closeAfterEach()

const groupIds = Array.from({ length: 200 }, (_, index) => new Uint8Array(16).fill(index))

/** A message as the services would hand it to the store. */
function item(groupId: Uint8Array, name: string): V3Item {
  const none = new Uint8Array()
  return {
    topic: v3.mlsTopic({ kind: 'group', id: groupId }),
    digest: Buffer.from(name.padEnd(32)),
    encode: ({ sequence, createdNs }) => {
      const value = {
        id: BigInt(sequence),
        createdNs,
        groupId,
        data: none,
        senderHmac: none,
        shouldPush: false,
        isCommit: false,
      }
      return GroupMessage.encode({ version: { $case: 'v1', value } }).finish()
    },
  }
}

it('B4: 64 writers on 200 groups: a stream of all gets each id once, in order in each group', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-order-'))
  later(() => rmSync(folder, { recursive: true }))
  const stores = await openSqliteStore(join(folder, 'node.db'))
  const node = await startNode(stores)
  const { call, opened } = grpcClient(node).stream(
    '/xmtp.mls.api.v1.MlsApi/SubscribeGroupMessages',
    SubscribeGroupMessagesRequest.encode({
      filters: groupIds.map((groupId) => ({ groupId, idCursor: 0n })),
    }).finish(),
  )
  await opened
  const perWriter = 160
  const write = async (writer: number) => {
    for (let index = 0; index < perWriter; index += 1) {
      const groupId = groupIds[(writer * 31 + index * 7) % groupIds.length]!
      await stores.v3.groupMessages.append([item(groupId, `${writer} ${index}`)], 1)
    }
  }
  const writing = Promise.all(Array.from({ length: 64 }, (_, writer) => write(writer)))
  const got = await take(call, 64 * perWriter)
  await writing
  const last = new Map<string, bigint>()
  const seen = new Set<bigint>()
  for (const bytes of got) {
    const { id, groupId } = GroupMessage.decode(bytes).version!.value
    const key = Buffer.from(groupId).toString('hex')
    expect(id).toBeGreaterThan(last.get(key) ?? 0n)
    last.set(key, id)
    seen.add(id)
  }
  expect(seen.size).toBe(64 * perWriter)
})
