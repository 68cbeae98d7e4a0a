import { XmtpError } from '@xmtp-ts/protocol'
import type { RecordStore } from './store/record-store.ts'
import { fetchPost } from './transport/http-post.ts'

/**
 * Files are Node's. Nothing is kept in memory instead: each page would be a new installation, of which an inbox has ten.
 * @throws XmtpError `client.store.unusable`
 */
export async function openFile(path: string): Promise<RecordStore> {
  throw noFile(path, 'pass a store, or dbPath: null for one in memory')
}

/** @throws XmtpError `client.store.unusable` */
export function readFile(path: string): AsyncGenerator<Uint8Array> {
  throw noFile(path, 'pass the bytes of the archive')
}

/** @throws XmtpError `client.store.unusable` */
export async function writeFile(path: string): Promise<void> {
  throw noFile(path, 'see exportArchive')
}

export const httpPost = fetchPost()

/** One whose signal is waited for by many at once. */
export function sharedController(): AbortController {
  return new AbortController()
}

function noFile(path: string, instead: string): XmtpError {
  const name = JSON.stringify(path.slice(0, 200))
  return new XmtpError(
    'client.store.unusable',
    `There are no files such as ${name} here: ${instead}.`,
  )
}
