import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { keyPackageGraceMs } from '../limits.ts'
import { openMemoryLog } from '../log/memory.ts'
import { openMemoryV3Store } from '../log/v3-memory.ts'
import type { V3Item } from '../log/v3-store.ts'
import { pruneExpired } from './prune.ts'

const dayMs = 86_400_000
const none = undefined

function item(name: string, expires: boolean): V3Item {
  const digest = createHash('sha256').update(name).digest()
  return { topic: 'group', digest, expires, encode: () => Buffer.from(name) }
}

function open() {
  const parts = { log: openMemoryLog(), v3: openMemoryV3Store() }
  const prune = (
    nowMs: number,
    retention: { groupMessagesMs?: number; welcomesMs?: number } = {},
  ): Promise<number> =>
    pruneExpired({
      ...parts,
      retention: { envelopesMs: dayMs, groupMessagesMs: none, welcomesMs: none, ...retention },
      nowMs: () => nowMs,
    })
  return { ...parts, prune }
}

it('V3 keeps everything for ever unless it is told how long', async () => {
  const { v3, prune } = open()
  await v3.groupMessages.append([item('message', true)], 0)
  await v3.welcomes.append([item('welcome', true)], 0)
  expect(await prune(10_000 * dayMs)).toBe(0)
  expect(await prune(10_000 * dayMs, { groupMessagesMs: dayMs })).toBe(1)
  expect(await prune(10_000 * dayMs, { welcomesMs: dayMs })).toBe(1)
})

it('removes more than one batch, and never a commit', async () => {
  const { v3, prune } = open()
  for (let day = 0; day < 3; day += 1)
    await v3.groupMessages.append(
      Array.from({ length: 1_500 }, (_, index) => item(`${day} ${index}`, index % 500 !== 0)),
      day * dayMs,
    )
  expect(await prune(3 * dayMs, { groupMessagesMs: 1.5 * dayMs })).toBe(2 * 1_497)
  const { entries } = await v3.groupMessages.page({
    topic: 'group',
    cursor: 0,
    direction: 'ascending',
    limit: 8,
  })
  expect(entries.map(({ payload }) => Buffer.from(payload).toString())).toEqual([
    '0 0',
    '0 500',
    '0 1000',
    '1 0',
    '1 500',
    '1 1000',
    '2 0',
    '2 1',
  ])
})

it('B12: an installation that refreshes its package keeps it, however old the installation is', async () => {
  const { v3, prune } = open()
  const [live, gone] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const lifetimeMs = 84 * dayMs
  await v3.keyPackages.put(gone, Buffer.of(9), { nowMs: 0, expiresMs: lifetimeMs })
  for (let nowMs = 0; nowMs < 400 * dayMs; nowMs += 30 * dayMs) {
    await v3.keyPackages.put(live, Buffer.of(1), { nowMs, expiresMs: nowMs + lifetimeMs })
    await prune(nowMs)
    const [kept, other] = await v3.keyPackages.get([live, gone])
    expect([kept !== undefined, other !== undefined]).toEqual([
      true,
      nowMs <= lifetimeMs + keyPackageGraceMs,
    ])
  }
})
