import { XmtpError } from '@xmtp-ts/protocol'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { checkEnvelope } from '../ingest/check.ts'
import type { CheckedEnvelope, LogQuery } from './log.ts'
import { openDatabase, sqliteResult, sqliteResultOf } from './sqlite-driver.ts'
import { openSqliteLog } from './sqlite.ts'
import { openSqliteStore } from './v3-sqlite.ts'

const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newPath = (): string => join(folder, `folder-${(files += 1)}`, 'node.db')

const topic = '/xmtp/0/m-1/proto'
const envelope = (time: number, payload = new Uint8Array(10), name = topic): CheckedEnvelope =>
  checkEnvelope({ contentTopic: name, timestampNs: BigInt(time), message: payload }, 0)
const everything: LogQuery = {
  topics: [topic],
  startNs: 0n,
  endNs: 0n,
  cursor: undefined,
  direction: 'ascending',
  limit: 1000,
  maxBytes: 1e9,
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(XmtpError)
  return (error as XmtpError).code
}

it('keeps its id, its envelopes and its order over a restart', async () => {
  const path = newPath()
  const first = await openSqliteLog(path)
  const { id } = first
  await first.append([envelope(1), envelope(2)])
  await first[Symbol.asyncDispose]()
  const second = await openSqliteLog(path)
  expect([...second.id]).toEqual([...id])
  expect(await second.head()).toBe(2)
  expect(await second.append([envelope(2), envelope(3)])).toEqual([
    { sequence: 2, isNew: false },
    { sequence: 3, isNew: true },
  ])
  expect((await second.query(everything)).envelopes).toHaveLength(3)
  const read = await second.read({ topics: 'all', after: 0, until: 3, limit: 10 })
  expect(read.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
  await second[Symbol.asyncDispose]()
})

it('does not use a sequence again after the newest envelope was pruned and the node restarted', async () => {
  const path = newPath()
  const first = await openSqliteLog(path)
  await first.append([envelope(1, new Uint8Array(), 'test-1')])
  await first.prune(1, 10)
  await first[Symbol.asyncDispose]()
  const second = await openSqliteLog(path)
  expect(await second.append([envelope(1)])).toEqual([{ sequence: 2, isNew: true }])
  await second[Symbol.asyncDispose]()
})

it('refuses a store of a newer version, and leaves it as it is', async () => {
  const path = newPath()
  await (await openSqliteLog(path))[Symbol.asyncDispose]()
  const database = await openDatabase(path)
  database.exec('PRAGMA user_version = 99')
  database.close()
  const opening = openSqliteLog(path)
  expect(await codeOf(opening)).toBe('node.store.newer')
  await expect(opening).rejects.toThrow('The store has version 99')
})

it('brings a store of an older version up to date: the bytes of logs were not counted once', async () => {
  const path = newPath()
  const inbox = 'inbox'
  const append = async (number: number): Promise<void> => {
    const { log, v3 } = await openSqliteStore(path)
    const item = {
      topic: inbox,
      digest: new Uint8Array(32).fill(number),
      encode: () => new Uint8Array(number * 100),
    }
    const state = Uint8Array.of(number)
    const update = { item, inboxId: inbox, after: number - 1, state, added: [], removed: [] }
    expect(await v3.identity.append(update, 1)).toBe(number)
    expect((await v3.identity.stateOf(inbox))?.logBytes).toBe((number * (number + 1) * 100) / 2)
    await v3[Symbol.asyncDispose]()
    await log[Symbol.asyncDispose]()
  }
  await append(1)
  await append(2)
  const database = await openDatabase(path)
  database.exec(`
    ALTER TABLE inbox DROP COLUMN log_bytes;
    DROP TABLE replaced_key_package;
    PRAGMA user_version = 3;
  `)
  database.close()
  await append(3)
})

it('refuses what is no store, and says so', async () => {
  const text = join(folder, 'text.db')
  writeFileSync(text, 'this is a text, not a database. '.repeat(100))
  const other = join(folder, 'other.db')
  const database = await openDatabase(other)
  database.exec('CREATE TABLE log (line TEXT)')
  database.close()
  for (const path of [text, other]) {
    const opening = openSqliteLog(path)
    expect(await codeOf(opening)).toBe('node.store.unusable')
    await expect(opening).rejects.toThrow('is not a store of this program')
  }
})

const damage = (path: string): Buffer => {
  const whole = readFileSync(path)
  // The schema is in the first page; everything behind it is lost.
  const lost = Buffer.alloc(whole.length - 8_192, 255)
  writeFileSync(path, Buffer.concat([whole.subarray(0, 8_192), lost]))
  return whole
}

it('says that a store is damaged, whoever finds out', async () => {
  const path = newPath()
  const first = await openSqliteLog(path)
  await first.append(Array.from({ length: 500 }, (_, index) => envelope(index)))
  await first[Symbol.asyncDispose]()
  const whole = damage(path)
  expect(await codeOf(openSqliteLog(path))).toBe('node.store.damaged')
  expect(await codeOf(openSqliteStore(path))).toBe('node.store.damaged')
  // Nothing of it is held on to.
  writeFileSync(path, whole)
  await (await openSqliteLog(path))[Symbol.asyncDispose]()
})

it('knows what SQLite found whatever the binding says of it', async () => {
  const path = newPath()
  const log = await openSqliteLog(path)
  await log.append(Array.from({ length: 500 }, (_, index) => envelope(index)))
  await log[Symbol.asyncDispose]()
  damage(path)
  const database = await openDatabase(path)
  const results = (['get', 'all'] as const).map((read) => {
    try {
      return database.prepare('SELECT payload FROM envelope')[read]()
    } catch (error) {
      return sqliteResultOf(error)
    }
  })
  expect(results).toEqual([sqliteResult.corrupt, sqliteResult.corrupt])
  expect(sqliteResultOf(new Error('nothing of SQLite'))).toBeUndefined()
  database.close()
})

it('refuses a place where nothing can be written', async () => {
  expect(await codeOf(openSqliteLog('/proc/nothing/node.db'))).toBe('node.store.unusable')
  const file = join(folder, 'file')
  writeFileSync(file, '')
  expect(await codeOf(openSqliteLog(join(file, 'node.db')))).toBe('node.store.unusable')
})

it('refuses a second opener while the first is there', async () => {
  const path = newPath()
  const first = await openSqliteLog(path)
  expect(await codeOf(openSqliteLog(path))).toBe('node.store.locked')
  await first.append([envelope(1)])
  await first[Symbol.asyncDispose]()
  await (await openSqliteLog(path))[Symbol.asyncDispose]()
})

it('commits what comes in one turn together, and a bad call fails alone', async () => {
  const log = await openSqliteLog(newPath())
  const bad = { ...envelope(50), payload: 'no bytes' as unknown as Uint8Array }
  const calls = Array.from({ length: 20 }, (_, index) =>
    log.append(index === 7 ? [envelope(100), bad] : [envelope(index)]),
  )
  const settled = await Promise.allSettled(calls)
  expect(settled.map(({ status }) => status === 'fulfilled')).toEqual(
    calls.map((_, index) => index !== 7),
  )
  // All or nothing: the good half of the bad call is not there either (B9).
  const { envelopes } = await log.query(everything)
  expect(envelopes.map(({ timestampNs }) => Number(timestampNs))).toEqual(
    calls.map((_, index) => index).filter((index) => index !== 7),
  )
  const ofLog = await log.read({ topics: 'all', after: 0, until: await log.head(), limit: 100 })
  expect(ofLog.map(({ sequence }) => sequence)).toEqual(ofLog.map((_, index) => index + 1))
  await log[Symbol.asyncDispose]()
})

it('answers a full disk with an error, stores nothing by halves, and recovers', async () => {
  const log = await openSqliteLog(newPath(), { maxFileBytes: 400_000 })
  const large = (time: number): CheckedEnvelope => envelope(time, new Uint8Array(50_000), 'free')
  let kept = 0
  let code = ''
  while (code === '' && kept < 20) {
    const pair = [large(kept), large(kept + 1)]
    await log.append(pair).then(
      () => (kept += 2),
      (error: XmtpError) => (code = error.code),
    )
  }
  expect(code).toBe('node.store.unavailable')
  expect(await log.count()).toBe(kept)
  const { envelopes } = await log.query({ ...everything, topics: ['free'] })
  expect(envelopes).toHaveLength(kept)
  await log.prune(1, 100)
  await log.append([large(0)])
  expect(await log.health()).toEqual({ ok: true })
  await log[Symbol.asyncDispose]()
})

it('keeps the write-ahead log bounded', async () => {
  const path = newPath()
  const log = await openSqliteLog(path)
  for (let index = 0; index < 60; index += 1)
    await log.append([envelope(index, new Uint8Array(1_000_000))])
  expect(existsSync(`${path}-wal`)).toBe(true)
  // 32 MiB before it is merged, and the transaction that crosses that line.
  expect(statSync(`${path}-wal`).size).toBeLessThan(40_000_000)
  await log[Symbol.asyncDispose]()
})

it('reads what its memory of recent envelopes no longer holds', async () => {
  const log = await openSqliteLog(newPath())
  const batch = Array.from({ length: 1000 }, (_, index) => index)
  for (let round = 0; round < 6; round += 1)
    await log.append(batch.map((index) => envelope(round * 1000 + index)))
  let after = 0
  for (let pages = 0; after < 6000 && pages < 20; pages += 1) {
    const page = await log.read({ topics: 'all', after, until: 6000, limit: 700 })
    expect(page.map(({ sequence }) => sequence)).toEqual(page.map((_, index) => after + index + 1))
    after += page.length
  }
  expect(after).toBe(6000)
  await log[Symbol.asyncDispose]()
})
