import { setMaxListeners } from 'node:events'
import type { RecordStore } from './store/record-store.ts'
import { openSqliteRecords } from './store/sqlite-records.ts'

/** Opens the file of a client's store. @throws XmtpError `client.store.*` */
export function openFile(path: string): Promise<RecordStore> {
  return openSqliteRecords(path)
}

export { readFile, writeFile } from './store/archive-file.ts'
export { nodePost as httpPost } from './transport/node-post.ts'

/** One whose signal is waited for by many at once: Node takes more than ten for a leak. */
export function sharedController(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}
