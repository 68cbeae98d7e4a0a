import type { RecordStore } from './store/record-store.ts'
import { openSqliteRecords } from './store/sqlite-records.ts'

/** Opens the file of a client's store. @throws XmtpError `client.store.*` */
export function openFile(path: string): Promise<RecordStore> {
  return openSqliteRecords(path)
}

export { readFile, writeFile } from './store/archive-file.ts'
