import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseAddress } from '@xmtp-ts/protocol'
import { fileKeyStore } from './file-key-store.ts'

const account = parseAddress('0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf')
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-keys-'))
})

afterAll(() => rm(folder, { recursive: true }))

it('keeps the last bundle, for its owner only, and no drafts', async () => {
  const store = fileKeyStore(join(folder, 'new'))
  expect(await store.load(account)).toBeUndefined()
  await store.save(account, Uint8Array.of(1))
  await store.save(account, Uint8Array.of(2, 3))
  expect(await store.load(account)).toEqual(Uint8Array.of(2, 3))
  const files = await readdir(join(folder, 'new'))
  expect(files).toEqual([`${account}.keys`])
  expect((await stat(join(folder, 'new', files[0]!))).mode & 0o777).toBe(0o600)
})

it('refuses what others may read', async () => {
  const store = fileKeyStore(join(folder, 'exposed'))
  await store.save(account, Uint8Array.of(1))
  await chmod(join(folder, 'exposed', `${account}.keys`), 0o640)
  await expect(store.load(account)).rejects.toMatchObject({ code: 'client.keyStore.exposed' })
})

it('never takes a store that it cannot read for an empty one', async () => {
  const store = fileKeyStore(join(folder, 'new', `${account}.keys`))
  await expect(store.load(account)).rejects.toMatchObject({ code: 'client.keyStore.unusable' })
  await expect(store.save(account, Uint8Array.of(1))).rejects.toMatchObject({
    code: 'client.keyStore.unusable',
  })
})
