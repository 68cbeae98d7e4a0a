import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Client,
  openMemoryRecords,
  RecordMemory,
  type ClientOptions,
  type RecordBatch,
  type RecordStore,
} from '@xmtp-ts/client'
import { KeyPackage as KeyPackageRow } from '@xmtp-ts/proto/store/v1/store'
import { afterAll, describe, expect, it } from 'vitest'
import { openDatabase, type Database } from '../../packages/client/src/store/sqlite-driver.ts'
import { openSqliteRecords } from '../../packages/client/src/store/sqlite-records.ts'
import { scanAll } from '../../packages/client/src/v3/records/rows.ts'
import { texts, until, walletKey, world } from './world.ts'

const { open, keep, options } = world()
const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-store-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const newPath = () => join(folder, `${(files += 1)}.db3`)
const key = new Uint8Array(32).fill(5)

/** A store with a conversation in it. */
async function used(more: ClientOptions = {}) {
  const dbPath = newPath()
  const [ann, ben] = [await open(1), await open(2, { dbPath, ...more })]
  const dm = await ann.conversations.createDm(ben.inboxId)
  await dm.sendText('kept')
  await ben.conversations.syncAll()
  await ben.close()
  return { dbPath, ann, dm, installationId: ben.installationId }
}

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

describe('a store that cannot be opened', () => {
  const encrypted = { dbEncryptionKey: key }
  it.each<[string, ClientOptions, ClientOptions, (path: string) => void | Promise<void>, string]>([
    [
      'with another key',
      encrypted,
      { dbEncryptionKey: new Uint8Array(32).fill(6) },
      () => undefined,
      'client.store.wrongKey',
    ],
    ['without its key', encrypted, {}, () => undefined, 'client.store.encrypted'],
    [
      'with a key that it does not have',
      {},
      encrypted,
      () => undefined,
      'client.store.notEncrypted',
    ],
    [
      'of a newer version',
      {},
      {},
      async (path) => {
        const database = await openDatabase(path)
        database.exec('PRAGMA user_version = 9')
        database.close()
      },
      'client.store.newer',
    ],
    [
      'that is something else',
      {},
      {},
      (path) => writeFileSync(path, 'Dear diary, '.repeat(1_000)),
      'client.store.damaged',
    ],
    [
      'that is cut short',
      {},
      {},
      (path) => writeFileSync(path, readFileSync(path).subarray(0, 8_192)),
      // A binding that does not tell a file that ends too early from a disk that fails makes it the latter.
      expect.stringMatching(/^client\.store\.(damaged|unusable)$/),
    ],
    [
      'with pages of nonsense',
      {},
      {},
      (path) => {
        const bytes = readFileSync(path)
        writeFileSync(path, bytes.fill(0xee, 4_096, bytes.length - 4_096))
      },
      'client.store.damaged',
    ],
  ])('%s is told by its name, and stays as it is', async (_, made, asked, change, code) => {
    const { dbPath } = await used(made)
    await change(dbPath)
    const before = digest(dbPath)
    for (let tries = 0; tries < 2; tries += 1)
      await expect(
        Client.create(walletKey(2), { ...options(), dbPath, ...asked }),
      ).rejects.toMatchObject({ code })
    expect(digest(dbPath)).toBe(before)
    // No other installation was made for it, and none beside it.
    expect(readdirSync(folder).filter((name) => name.startsWith(`${files}.`))).not.toContain('xmtp')
    expect(existsSync(dbPath)).toBe(true)
  })

  it('of another inbox is not taken over', async () => {
    const { dbPath } = await used()
    const before = digest(dbPath)
    await expect(Client.create(walletKey(7), { ...options(), dbPath })).rejects.toMatchObject({
      code: 'client.inbox.other',
    })
    expect(digest(dbPath)).toBe(before)
  })

  it('for reading only is told by its name, and stays as it is', async () => {
    const { dbPath } = await used()
    const before = digest(dbPath)
    const readOnly = async (path: string): Promise<Database> => {
      const database = await openDatabase(path)
      database.exec('PRAGMA query_only = ON')
      return database
    }
    await expect(openSqliteRecords(dbPath, readOnly)).rejects.toMatchObject({
      code: 'client.store.readOnly',
    })
    chmodSync(dbPath, 0o600)
    expect(digest(dbPath)).toBe(before)
  })
})

describe('a disk that is full', () => {
  it('loses nothing: sends fail by name, and what came is read when there is room', async () => {
    const { dbPath, ann, dm } = await used()
    let database: Database | undefined
    const store = await openSqliteRecords(dbPath, async (path) => {
      database = await openDatabase(path)
      return database
    })
    const told: unknown[] = []
    const ben = keep(
      await Client.create(walletKey(2), {
        ...options(),
        store,
        onError: (error) => told.push(error),
      }),
    )
    const theirs = (await ben.conversations.getDmByInboxId(ann.inboxId))!
    await using stream = await ben.conversations.streamAllMessages()
    // No page more than there are now.
    database!.exec('PRAGMA max_page_count = 1')
    const large = 'x'.repeat(20_000)
    await dm.sendText(`${large} 1`)
    await dm.sendText(`${large} 2`)
    await until(() => told.length > 0)
    expect(told[0]).toMatchObject({ code: 'client.store.full' })
    await expect(theirs.sendText(large)).rejects.toMatchObject({ code: 'client.store.full' })
    expect(texts(await theirs.messages())).toEqual(['kept'])

    database!.exec('PRAGMA max_page_count = 1000000')
    await dm.sendText('room')
    const seen: unknown[] = []
    for await (const { content } of stream) {
      seen.push(content)
      if (content === 'room') break
    }
    expect(seen).toEqual([`${large} 1`, `${large} 2`, 'room'])
    await theirs.sendText('goes on')
    await dm.sync()
    expect(texts(await dm.messages()).at(-1)).toBe('goes on')
    expect((await dm.debugInfo()).epoch).toBe((await theirs.debugInfo()).epoch)
  })
})

describe('secrets that are over', () => {
  it('are not in the file, nor beside it, when it is closed', async () => {
    const dbPath = newPath()
    let shiftMs = 0
    const environment = {
      nowMs: () => Date.now() + shiftMs,
      random: (size: number) => crypto.getRandomValues(new Uint8Array(size)),
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(ms, 50))
          signal?.addEventListener('abort', () => {
            clearTimeout(timer)
            resolve()
          })
        }),
    }
    const store = await openSqliteRecords(dbPath)
    const written: Uint8Array[] = []
    const watched: RecordStore = {
      get: (keys) => store.get(keys),
      scan: (range) => store.scan(range),
      write(batch: RecordBatch) {
        for (const { key, value } of batch.put ?? [])
          if (key.startsWith('mls/')) written.push(value)
        return store.write(batch)
      },
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    }
    const ann = await open(1)
    const ben: Client = await Client.create(walletKey(2), {
      ...options(),
      store: watched,
      environment,
    })
    const group = await ann.conversations.createGroup([ben.inboxId])
    await ben.conversations.syncAll()
    const keyPackages = async () =>
      (await scanAll(store, 'key-package/')).map(({ value }) => KeyPackageRow.decode(value))
    const [first] = await keyPackages()
    for (let round = 0; round < 6; round += 1) {
      await group.updateName(`round ${round}`)
      await group.sendText(`${round}`)
      await ben.conversations.syncAll()
      // What is said first goes with a new key for one's own leaf (v3-mls §5.5): until then the one of the key package is used.
      if (round === 2)
        await (await ben.conversations.getConversationById(group.id))!.sendText('mine')
    }
    // The key package that the welcome used is replaced, and its keys go a day later.
    shiftMs = 10_000
    await until(async () => (await keyPackages()).length > 1)
    shiftMs = 2 * 86_400_000
    await until(async () => (await keyPackages()).length === 1)
    const kept = new Set(
      (await scanAll(store, 'mls/')).map(({ value }) => Buffer.from(value).toString('hex')),
    )
    await ben.close()

    const file = readFileSync(dbPath)
    expect(existsSync(`${dbPath}-wal`) ? readFileSync(`${dbPath}-wal`).length : 0).toBe(0)
    for (const secret of [first!.initPrivateKey, first!.leafPrivateKey, first!.wrapperSeed])
      expect(file.includes(Buffer.from(secret))).toBe(false)
    // Records of MLS that were written over: secrets of epochs and of messages that are over.
    const over = written.filter(
      (value) => value.length >= 32 && !kept.has(Buffer.from(value).toString('hex')),
    )
    expect(over.length).toBeGreaterThan(10)
    const found = over.filter((value) => file.includes(Buffer.from(value)))
    expect(found).toHaveLength(0)
  })
})

describe('memory', () => {
  it('holds 100,000 records of a client without growing slow', async () => {
    const store = openMemoryRecords(new RecordMemory())
    const value = new Uint8Array(8)
    // Ids are hashes: records come in no order.
    const names = Array.from({ length: 100_000 }, (_, index) =>
      createHash('sha256').update(String(index)).digest('hex'),
    )
    const took = async (from: number, to: number) => {
      const beganMs = performance.now()
      for (let at = from; at < to; at += 100)
        await store.write({
          put: names.slice(at, at + 100).map((name) => ({ key: `message-key/${name}`, value })),
        })
      return performance.now() - beganMs
    }
    const first = await took(0, 10_000)
    await took(10_000, 90_000)
    const last = await took(90_000, 100_000)
    const found = await scanAll(store, 'message-key/')
    expect(found).toHaveLength(100_000)
    expect(found.map(({ key }) => key)).toEqual(
      names.map((name) => `message-key/${name}`).toSorted(),
    )
    expect(last).toBeLessThan(Math.max(first, 20) * 10)
  })
})
