import { openMemoryV3Store, openSqliteStore } from '@xmtp-ts/node'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { v3StoreSuite } from '../suites/v3-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-v3-'))
afterAll(() => rmSync(folder, { recursive: true }))

v3StoreSuite('memory', async () => openMemoryV3Store())

let files = 0
const newPath = () => join(folder, `${(files += 1)}.db`)

v3StoreSuite('SQLite', async () => {
  const { log, v3 } = await openSqliteStore(newPath())
  return { ...v3, [Symbol.asyncDispose]: () => closeBoth({ log, v3 }) }
})

async function closeBoth({ log, v3 }: Awaited<ReturnType<typeof openSqliteStore>>): Promise<void> {
  await v3[Symbol.asyncDispose]()
  await log[Symbol.asyncDispose]()
}

it('goes on behind what it had after a restart, also when the clock was set back', async () => {
  const path = newPath()
  const topic = '/xmtp/mls/1/g-aa/proto'
  const item = (digest: number) => ({
    topic,
    digest: new Uint8Array(32).fill(digest),
    encode: ({ sequence, createdNs }: { sequence: number; createdNs: bigint }) =>
      Buffer.from(`${sequence} ${createdNs}`),
  })
  const first = await openSqliteStore(path)
  await first.v3.groupMessages.append([item(1)], 9)
  await closeBoth(first)
  const second = await openSqliteStore(path)
  expect(await second.v3.groupMessages.head()).toBe(1)
  await second.v3.groupMessages.append([item(1), item(2)], 1)
  const page = { topic, cursor: 0, direction: 'ascending', limit: 9 } as const
  const { entries } = await second.v3.groupMessages.page(page)
  expect(entries.map(({ payload }) => Buffer.from(payload).toString())).toEqual([
    '1 9000000',
    '2 9001000',
  ])
  await closeBoth(second)
})
