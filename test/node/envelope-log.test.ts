import { openMemoryLog, openSqliteLog } from '@xmtp-ts/node'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { envelopeLogSuite } from '../suites/envelope-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

envelopeLogSuite('memory', async () => openMemoryLog())

let files = 0
envelopeLogSuite('SQLite', () => {
  files += 1
  return openSqliteLog(join(folder, `${files}.db`))
})
