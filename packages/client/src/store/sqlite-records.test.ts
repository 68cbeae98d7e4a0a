import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, it } from 'vitest'
import type { RecordStore } from './record-store.ts'
import { openDatabase } from './sqlite-driver.ts'
import { openSqliteRecords } from './sqlite-records.ts'

const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-sqlite-records-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const newPath = () => join(folder, `${(files += 1)}.db`)
const bytes = (text: string) => new TextEncoder().encode(text)
const record = { key: 't/a', value: bytes('one') }

async function made(): Promise<string> {
  const path = newPath()
  await using store = await openSqliteRecords(path)
  await store.write({ put: [record] })
  return path
}

describe('the file of a record store', () => {
  it('is for its owner only, with what stands beside it', async () => {
    const path = newPath()
    await using store = await openSqliteRecords(path)
    await store.write({ put: [record] })
    for (const file of [path, `${path}-wal`, `${path}-shm`])
      expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('is made private when others could read it', async () => {
    const path = await made()
    chmodSync(path, 0o644)
    await using _ = await openSqliteRecords(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('is refused, and not changed, when it is something else', async () => {
    const text = newPath()
    writeFileSync(text, 'Dear diary, '.repeat(1_000))
    const foreign = newPath()
    const database = await openDatabase(foreign)
    database.exec('CREATE TABLE other (id INTEGER)')
    database.close()
    for (const path of [text, foreign]) {
      const before = readFileSync(path)
      await expect(openSqliteRecords(path)).rejects.toMatchObject({ code: 'client.store.damaged' })
      expect(readFileSync(path).equals(before)).toBe(true)
    }
  })

  it('is refused when a newer version wrote it', async () => {
    const path = await made()
    const database = await openDatabase(path)
    database.exec('PRAGMA user_version = 2')
    database.close()
    await expect(openSqliteRecords(path)).rejects.toMatchObject({ code: 'client.store.newer' })
  })

  it('is damaged when its pages are', async () => {
    const path = newPath()
    {
      await using store = await openSqliteRecords(path)
      const value = new Uint8Array(3_000).fill(1)
      await store.write({
        put: Array.from({ length: 200 }, (_, index) => ({ key: `t/${index}`, value })),
      })
    }
    const content = readFileSync(path)
    content.fill(0xff, 4_096, 4_096 * 20)
    writeFileSync(path, content)
    const read = async () => {
      await using store = await openSqliteRecords(path)
      await store.scan({ from: '', to: '~', order: 'ascending', limit: 1_000 })
    }
    await expect(read()).rejects.toMatchObject({ code: 'client.store.damaged' })
  })

  it('is unusable where no file can be', async () => {
    await expect(openSqliteRecords('/dev/null/store.db')).rejects.toMatchObject({
      code: 'client.store.unusable',
    })
  })

  it('forgets what was removed', async () => {
    const path = newPath()
    const secret = 'a very secret thing'
    {
      await using store = await openSqliteRecords(path)
      const large = { key: 't/large', value: bytes(secret.repeat(10_000)) }
      await store.write({ put: [{ key: 't/small', value: bytes(secret) }, large, record] })
    }
    expect(readFileSync(path).includes(secret)).toBe(true)
    {
      await using store = await openSqliteRecords(path)
      await store.write({ remove: ['t/small', 't/large'] })
    }
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0)
    expect(readFileSync(path).includes(secret)).toBe(false)
  })

  it('waits while another connection writes', async () => {
    const path = await made()
    await using store = await openSqliteRecords(path)
    const other = await openDatabase(path)
    other.exec('BEGIN IMMEDIATE')
    const writing = store.write({ put: [{ ...record, key: 't/b' }] })
    // Reading goes on meanwhile.
    expect(await store.get(['t/a', 't/b'])).toEqual([bytes('one'), undefined])
    other.exec('COMMIT')
    other.close()
    await writing
    expect(await store.get(['t/b'])).toEqual([bytes('one')])
  })
})

const writer = join(import.meta.dirname, '../../../../test/support/record-writer.mjs')
const isBuilt = existsSync(join(import.meta.dirname, '../../dist/store/sqlite-records.js'))

function startWriter(path: string, name: string, count: number) {
  const child = spawn(process.execPath, [writer, path, name, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const written: number[] = []
  const lines = createInterface(child.stdout).on('line', (line) => written.push(Number(line)))
  return { child, written, ended: Promise.all([once(child, 'exit'), once(lines, 'close')]) }
}

async function keysOf(store: RecordStore, table: string): Promise<readonly string[]> {
  const range = { from: `${table}/`, to: `${table}0`, order: 'ascending', limit: 100_000 } as const
  return (await store.scan(range)).map(({ key }) => key)
}

describe.skipIf(!isBuilt)('processes that share a record store', { timeout: 60_000 }, () => {
  it('are killed in the middle of writing, ten times: batches are whole, and none is lost', async () => {
    const path = newPath()
    let appended = 0
    for (let kill = 0; kill < 10; kill += 1) {
      const { child, written, ended } = startWriter(path, `w${kill}`, 1_000_000)
      while (written.length < 20 + kill * 13) await new Promise((resolve) => setTimeout(resolve, 1))
      child.kill('SIGKILL')
      await ended
      await using store = await openSqliteRecords(path)
      const keys = new Set(await keysOf(store, `w${kill}`))
      expect(keys.size % 3).toBe(0)
      const batches = keys.size / 3
      expect(batches).toBeGreaterThanOrEqual(written.length)
      for (let batch = 1; batch <= batches; batch += 1)
        for (const key of ['a', 'b', 'c']) expect(keys).toContain(`w${kill}/${key}/${batch}`)
      appended += batches
      expect(await keysOf(store, 'all')).toHaveLength(appended)
    }
  })

  it('append at the same time without gaps', async () => {
    const path = newPath()
    const writers = ['x', 'y', 'z'].map((name) => startWriter(path, name, 100))
    await Promise.all(writers.map(({ ended }) => ended))
    await using store = await openSqliteRecords(path)
    const keys = await keysOf(store, 'all')
    expect(keys).toHaveLength(300)
    expect(keys.at(-1)).toBe(`all/#${(300).toString(16).padStart(16, '0')}`)
  })
})

describe('batches that are asked for at once', () => {
  it('are written each for itself, in their order, whatever becomes of the others', async () => {
    await using store = await openSqliteRecords(newPath())
    await store.write({ put: [{ key: 'full/#ffffffffffffffff', value: bytes('last') }] })
    const results = await Promise.allSettled([
      store.write({ put: [record] }),
      store.write({
        put: [{ key: 't/b', value: bytes('b') }],
        append: [{ prefix: 'full/', value: bytes('more') }],
      }),
      store.write({
        expect: [{ key: record.key, value: undefined }],
        put: [{ key: 't/c', value: bytes('c') }],
      }),
      store.write({ expect: [record], put: [{ key: 't/d', value: bytes('d') }] }),
    ])
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect(results[1]).toMatchObject({ reason: expect.any(RangeError) as unknown })
    expect(results[2]).toMatchObject({ value: undefined })
    const values = await store.get(['t/a', 't/b', 't/c', 't/d'])
    expect(values).toEqual([bytes('one'), undefined, undefined, bytes('d')])
  })

  it('are written before the store closes; none is taken afterwards', async () => {
    const path = newPath()
    const store = await openSqliteRecords(path)
    const writing = store.write({ put: [record] })
    await store[Symbol.asyncDispose]()
    await writing
    await expect(store.write({ put: [record] })).rejects.toMatchObject({
      code: 'client.store.closed',
    })
    await using again = await openSqliteRecords(path)
    expect(await again.get([record.key])).toEqual([record.value])
  })
})
