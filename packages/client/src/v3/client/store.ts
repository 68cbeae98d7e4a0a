import { bytesFromHex } from '@xmtp-ts/protocol'
import { openFile } from '#platform'
import { openMemoryRecords } from '../../store/memory-records.ts'
import type { RecordStore } from '../../store/record-store.ts'
import { plainRecords, sealRecords } from '../../store/sealed-records.ts'

export type StorageOptions = {
  /**
   * The file of the store, or what names it for an inbox. `null`: everything is lost when the client is closed. If left
   * out, `xmtp-<env>-<inbox id>.db3` in the working directory. Node only; browsers pass `store` or `null`.
   */
  readonly dbPath?: string | null | ((inboxId: string) => string) | undefined
  /** 32 bytes, or their hex: the store is encrypted with it. */
  readonly dbEncryptionKey?: Uint8Array | string | undefined
  /** A store of the app's own choice; goes before `dbPath`. The client closes it. */
  readonly store?: RecordStore | undefined
}

/**
 * @param inboxId asked only if the file's name depends on it
 * @throws XmtpError `client.store.*`; RangeError for a key that is not of 32 bytes
 */
export async function openStore(
  options: StorageOptions,
  { env, inboxId }: { readonly env: string; readonly inboxId: () => Promise<string> },
): Promise<RecordStore> {
  const key = readKey(options.dbEncryptionKey)
  const store = options.store ?? (await openPath(options.dbPath, { env, inboxId }))
  try {
    return await (key === undefined ? plainRecords(store) : sealRecords(store, key))
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

async function openPath(
  dbPath: StorageOptions['dbPath'],
  { env, inboxId }: { readonly env: string; readonly inboxId: () => Promise<string> },
): Promise<RecordStore> {
  if (dbPath === null) return openMemoryRecords()
  if (typeof dbPath === 'string') return openFile(dbPath)
  const id = await inboxId()
  return openFile(dbPath === undefined ? `xmtp-${env}-${id}.db3` : dbPath(id))
}

function readKey(key: Uint8Array | string | undefined): Uint8Array | undefined {
  if (key === undefined) return undefined
  const bytes = typeof key === 'string' ? bytesFromHex(key.replace(/^0x/, '')) : key
  if (bytes?.length !== 32) throw new RangeError('A database key has 32 bytes.')
  return bytes
}
