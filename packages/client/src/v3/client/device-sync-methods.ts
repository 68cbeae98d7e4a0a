import { readFile, writeFile } from '#platform'
import { XmtpError } from '@xmtp-ts/protocol'
import { openArchive } from '../archive/archive-format.ts'
import {
  readMetadata,
  wholeArchive,
  type ArchiveMetadata,
  type ArchiveOptions,
} from '../archive/archive-options.ts'
import { exportArchive } from '../archive/export.ts'
import { importArchive } from '../archive/import.ts'
import type { Core } from '../core.ts'
import {
  listArchives,
  requestArchive,
  sendArchive,
  takeNewestArchive,
  type AvailableArchive,
} from '../device-sync/archives.ts'
import { cycleHmacKey } from '../device-sync/new-installation.ts'
import { syncDevices, type SyncSummary } from '../group/sync.ts'
import type { AccountName } from '../identity/public-identifier.ts'
import type { SignatureRequestHandle } from '../identity/signature-request.ts'
import { InboxMethods } from './inbox-methods.ts'

const archiveKeyBytes = 32

/**
 * What a client does with the other installations of its inbox, and with archives. `key` has 32 bytes or more, of which the
 * first 32 count, as in libxmtp.
 */
export abstract class DeviceSyncMethods extends InboxMethods {
  protected abstract readonly core: Core
  /** The history service that the app has named; undefined: none. */
  protected abstract readonly historyUrl: string | undefined

  /**
   * Asks the other installations for what they have. It is taken in when an archive comes, while this client is open.
   * @param serverUrl the history service; `historySyncUrl` unless given
   * @throws XmtpError `client.history.badUrl`, what the network throws
   */
  async sendSyncRequest(options?: ArchiveOptions | null, serverUrl?: string | null): Promise<void> {
    await requestArchive(this.core, {
      options: options ?? wholeArchive,
      serverUrl: serverUrl ?? this.#history,
    })
  }

  /**
   * Leaves an archive for the other installations, which take it by its pin.
   * @throws XmtpError `client.history.*`, `client.archive.tooLarge`, what the network throws
   */
  async sendSyncArchive(
    pin: string,
    options?: ArchiveOptions | null,
    serverUrl?: string | null,
  ): Promise<void> {
    const place = serverUrl ?? this.#history
    await sendArchive(this.core, {
      pin,
      options: options ?? wholeArchive,
      serverUrl: place,
      trusted: place,
    })
  }

  /**
   * Takes in the archive with a pin, or the newest one.
   * @throws XmtpError `client.archive.*`, `client.history.*`, what the network throws
   */
  async processSyncArchive(archivePin?: string | null): Promise<void> {
    const pin = archivePin ?? undefined
    await takeNewestArchive(this.core, { pin, trusted: this.historyUrl })
  }

  /** Archives that were left in the last days and of which this client has heard: see `syncAllDeviceSyncGroups`. */
  listAvailableArchives(daysCutoff: number): Promise<AvailableArchive[]> {
    return listArchives(this.core, daysCutoff)
  }

  /** Reads what the other installations said. @throws what the network throws */
  syncAllDeviceSyncGroups(): Promise<SyncSummary> {
    return syncDevices(this.core)
  }

  /** Writes an archive to a file, which appears when it is whole. Node only. @throws XmtpError `client.store.unusable` */
  async createArchive(
    path: string,
    key: Uint8Array,
    options?: ArchiveOptions | null,
  ): Promise<void> {
    await writeFile(path, this.exportArchive(key, options))
  }

  /** The same as bytes that are made while they are read. */
  exportArchive(key: Uint8Array, options?: ArchiveOptions | null): AsyncIterable<Uint8Array> {
    return exportArchive(this.core, { options: options ?? wholeArchive, key: archiveKey(key) })
      .pieces
  }

  /**
   * Takes in what an archive has and is not here. Its conversations are shown, and can be written in when a member has added
   * this installation. What comes before a damage stays.
   * @param archive a file, on Node, or its bytes
   * @throws XmtpError `client.archive.*`, `client.store.*`
   */
  async importArchive(archive: string | AsyncIterable<Uint8Array>, key: Uint8Array): Promise<void> {
    await importArchive(this.core, piecesOf(archive), archiveKey(key))
  }

  /**
   * What an archive says of itself; no more of it is read.
   * @param archive a file, on Node, or its bytes
   * @throws XmtpError `client.archive.*`
   */
  async archiveMetadata(
    archive: string | AsyncIterable<Uint8Array>,
    key: Uint8Array,
  ): Promise<ArchiveMetadata> {
    const { metadata, version } = await openArchive(piecesOf(archive), archiveKey(key))
    return readMetadata(metadata, version)
  }

  /** The installations that stay agree on another key for push servers. */
  override async revokeInstallations(installationIds: readonly Uint8Array[]): Promise<void> {
    await super.revokeInstallations(installationIds)
    await cycleHmacKey(this.core)
  }

  override async revokeAllOtherInstallations(): Promise<void> {
    await super.revokeAllOtherInstallations()
    await cycleHmacKey(this.core)
  }

  override async removeAccount(account: AccountName): Promise<void> {
    await super.removeAccount(account)
    await cycleHmacKey(this.core)
  }

  override async unsafe_applySignatureRequest(request: SignatureRequestHandle): Promise<void> {
    const { plan } = request.finish()
    await super.unsafe_applySignatureRequest(request)
    if (plan.actions.some(({ kind }) => kind === 'revoke')) await cycleHmacKey(this.core)
  }

  get #history(): string {
    if (this.historyUrl === undefined)
      throw new XmtpError('client.history.badUrl', 'No history service is named.')
    return this.historyUrl
  }
}

function piecesOf(archive: string | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return typeof archive === 'string' ? readFile(archive) : archive
}

function archiveKey(key: Uint8Array): Uint8Array {
  if (key.length < archiveKeyBytes)
    throw new RangeError(`A key of an archive has ${archiveKeyBytes} bytes.`)
  return key.subarray(0, archiveKeyBytes)
}
