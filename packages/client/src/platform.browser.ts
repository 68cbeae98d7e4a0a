import { XmtpError } from '@xmtp-ts/protocol'
import type { RecordStore } from './store/record-store.ts'

/**
 * Files are Node's. Nothing is kept in memory instead: each page would be a new installation, of which an inbox has ten.
 * @throws XmtpError `client.store.unusable`
 */
export async function openFile(path: string): Promise<RecordStore> {
  throw new XmtpError(
    'client.store.unusable',
    `There are no files such as ${JSON.stringify(path)} here: pass a store, or dbPath: null for one in memory.`,
  )
}
