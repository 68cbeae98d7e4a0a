import type { DeviceSyncReply } from '@xmtp-ts/proto/device_sync/content'
import { BackupElementSelection } from '@xmtp-ts/proto/device_sync/device_sync'
import { Message } from '@xmtp-ts/proto/store/v1/store'
import { attempt, equalBytes, XmtpError } from '@xmtp-ts/protocol'
import {
  readMetadata,
  toWireOptions,
  type ArchiveMetadata,
  type ArchiveOptions,
} from '../archive/archive-options.ts'
import { exportArchive } from '../archive/export.ts'
import { importArchive } from '../archive/import.ts'
import { nowNs, type Core } from '../core.ts'
import { receiveWelcomes } from '../group/welcomes.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanAll } from '../records/rows.ts'
import { downloadArchive, uploadArchive } from './history.ts'
import { sayToDevices } from './say-to-devices.ts'
import { decodeSyncContent, type SyncContent } from './sync-content.ts'
import { readSyncGroups } from './sync-group.ts'

/** An archive that an installation of this inbox has left for the others. */
export type AvailableArchive = {
  readonly pin: string
  readonly metadata: ArchiveMetadata
  /** 32 bytes */
  readonly sentByInstallation: Uint8Array
}

/** What an archive in a message has for a version: the message does not say. */
const unknownVersion = 65_535

const pinLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const pinLength = 5
const keyBytes = 32
const dayNs = 86_400_000_000_000n

/**
 * Asks the other installations for what they have; each that answers leaves an archive, which is taken in when it comes.
 * @throws XmtpError as `sendMessage`
 */
export async function requestArchive(
  core: Core,
  { options, serverUrl }: { readonly options: ArchiveOptions; readonly serverUrl: string },
): Promise<void> {
  await sayToDevices(core, {
    $case: 'request',
    value: {
      pin: newPin(core),
      serverUrl,
      deprecatedKind: BackupElementSelection.BACKUP_ELEMENT_SELECTION_UNSPECIFIED,
      options: toWireOptions(options),
    },
  })
}

/**
 * Leaves an archive at a history service and tells the other installations where, and its key.
 * @param pin names the archive: that of the request that it answers, or one of the app's choice
 * @param trusted the service that the app has named, if that is another one
 * @throws XmtpError `client.history.*`, `client.archive.tooLarge`, as `sendMessage`
 */
export async function sendArchive(
  core: Core,
  reply: {
    readonly pin: string
    readonly options: ArchiveOptions
    readonly serverUrl: string
    readonly trusted: string | undefined
  },
): Promise<void> {
  const { pin, options, serverUrl, trusted } = reply
  const key = core.environment.random(keyBytes)
  const { metadata, pieces } = exportArchive(core, { options, key })
  const url = await uploadArchive(core, { url: serverUrl, trusted }, pieces)
  await sayToDevices(core, {
    $case: 'reply',
    value: {
      requestId: pin,
      url,
      encryptionKey: { key: { $case: 'aes256Gcm', value: key } },
      timestampNs: 0n,
      kind: BackupElementSelection.BACKUP_ELEMENT_SELECTION_UNSPECIFIED,
      metadata,
    },
  })
}

/**
 * Takes in the newest archive that is known here.
 * @param pin of the one to take
 * @throws XmtpError `client.archive.*`, `client.history.*`, what the network and the store throw
 */
export async function takeNewestArchive(
  core: Core,
  { pin, trusted }: { readonly pin: string | undefined; readonly trusted: string | undefined },
): Promise<void> {
  for (const { content } of await readSyncMessages(core))
    if (content.$case === 'reply' && (pin === undefined || content.value.requestId === pin)) {
      await takeArchive(core, content.value, trusted)
      return
    }
  throw new XmtpError('client.archive.unknown', 'No installation has left such an archive.')
}

/** @throws as `takeNewestArchive` */
export async function takeArchive(
  core: Core,
  { url, encryptionKey, kind }: DeviceSyncReply,
  trusted: string | undefined,
): Promise<void> {
  // Archives of a form that libxmtp 1.10 takes no more.
  if (kind !== BackupElementSelection.BACKUP_ELEMENT_SELECTION_UNSPECIFIED) return
  const key = encryptionKey?.key?.value
  if (key?.length !== keyBytes)
    throw new XmtpError('client.deviceSync.malformed', 'An archive came without its key.')
  // What we are a member of by now is not to be restored as something that we are not.
  await receiveWelcomes(core)
  await downloadArchive(core, { url, trusted }, (pieces) => importArchive(core, pieces, key))
}

/** Archives that were left within so many days, the newest first. Asks nobody. */
export async function listArchives(core: Core, days: number): Promise<AvailableArchive[]> {
  const sinceNs = nowNs(core) - BigInt(Math.trunc(days)) * dayNs
  return (await readSyncMessages(core)).flatMap(({ row, content }) => {
    if (row.sentAtNs < sinceNs || content.$case !== 'reply') return []
    const { requestId: pin, metadata } = content.value
    if (metadata === undefined) return []
    return [
      {
        pin,
        metadata: readMetadata(metadata, unknownVersion),
        sentByInstallation: row.senderInstallationId,
      },
    ]
  })
}

/** Whether this installation has asked for an archive under this pin. */
export async function isRequested(core: Core, pin: string): Promise<boolean> {
  return (await readSyncMessages(core)).some(
    ({ row, content }) =>
      content.$case === 'request' &&
      content.value.pin === pin &&
      equalBytes(row.senderInstallationId, core.self.installationId),
  )
}

type SyncMessage = { readonly row: Message; readonly content: SyncContent }

/** What was said in all sync groups and can be read, the newest first. */
async function readSyncMessages(core: Core): Promise<readonly SyncMessage[]> {
  const found: SyncMessage[] = []
  for (const { id } of await readSyncGroups(core))
    for (const { value } of await scanAll(core.store, keys.messages(id))) {
      const row = decodeRow(Message, value)
      const content = attempt(() => decodeSyncContent(row.content))
      if (content.ok) found.push({ row, content: content.value })
    }
  return found.toSorted((a, b) => Number(b.row.sentAtNs - a.row.sentAtNs))
}

function newPin({ environment }: Core): string {
  const pin: string[] = []
  while (pin.length < pinLength) {
    // Of 256 bytes the last ones would make some letters likelier than others.
    const [byte = 255] = environment.random(1)
    const letter = byte < 4 * pinLetters.length ? pinLetters[byte % pinLetters.length] : undefined
    if (letter !== undefined) pin.push(letter)
  }
  return pin.join('')
}
