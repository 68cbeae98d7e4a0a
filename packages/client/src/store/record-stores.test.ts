import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { recordStoreSuite } from '../../../../test/suites/record-store.ts'
import { openMemoryRecords, RecordMemory } from './memory-records.ts'
import { plainRecords, sealRecords } from './sealed-records.ts'
import { openSqliteRecords } from './sqlite-records.ts'

const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-records-'))
afterAll(() => rmSync(folder, { recursive: true }))

const key = new Uint8Array(32).fill(7)
let files = 0
const newPath = () => join(folder, `${(files += 1)}`, 'records.db')

recordStoreSuite('memory', async () => {
  const memory = new RecordMemory()
  return { open: async () => openMemoryRecords(memory) }
})

recordStoreSuite('SQLite', async () => {
  const path = newPath()
  return { open: async () => plainRecords(await openSqliteRecords(path)) }
})

recordStoreSuite('sealed memory', async () => {
  const memory = new RecordMemory()
  return { open: () => sealRecords(openMemoryRecords(memory), key) }
})

recordStoreSuite('sealed SQLite', async () => {
  const path = newPath()
  return { open: async () => sealRecords(await openSqliteRecords(path), key) }
})
