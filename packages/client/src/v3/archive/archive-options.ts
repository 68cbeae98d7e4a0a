import {
  BackupElementSelection,
  type ArchiveOptions as WireOptions,
  type BackupMetadataSave,
} from '@xmtp-ts/proto/device_sync/device_sync'

/** What an archive has; the names of `@xmtp/node-sdk`. */
export const BackupElementSelectionOption = { Messages: 'Messages', Consent: 'Consent' } as const
export type BackupElementSelectionOption =
  (typeof BackupElementSelectionOption)[keyof typeof BackupElementSelectionOption]

/** What goes into an archive. */
export type ArchiveOptions = {
  /** `Messages` brings the conversations too. */
  readonly elements: readonly BackupElementSelectionOption[]
  /** Messages after this time, and conversations that began after it: Unix nanoseconds. */
  readonly startNs?: bigint | undefined
  /** Messages up to this time, and conversations that began before it: Unix nanoseconds. */
  readonly endNs?: bigint | undefined
  readonly excludeDisappearingMessages?: boolean | undefined
}

/** What an archive says of itself. */
export type ArchiveMetadata = {
  readonly backupVersion: number
  readonly elements: readonly BackupElementSelectionOption[]
  readonly exportedAtNs: bigint
  readonly startNs: bigint | undefined
  readonly endNs: bigint | undefined
}

/** Everything that can be in one. */
export const wholeArchive: ArchiveOptions = { elements: ['Consent', 'Messages'] }

const selections = {
  Messages: BackupElementSelection.BACKUP_ELEMENT_SELECTION_MESSAGES,
  Consent: BackupElementSelection.BACKUP_ELEMENT_SELECTION_CONSENT,
} as const

export function toWireOptions(options: ArchiveOptions): WireOptions {
  return {
    elements: options.elements.map((element) => selections[element]),
    startNs: options.startNs,
    endNs: options.endNs,
    excludeDisappearingMessages: options.excludeDisappearingMessages ?? false,
  }
}

export function fromWireOptions(options: WireOptions): ArchiveOptions {
  return { ...options, elements: namesOf(options.elements) }
}

export function metadataFor(options: ArchiveOptions, exportedAtNs: bigint): BackupMetadataSave {
  const { elements, startNs, endNs } = toWireOptions(options)
  return { elements, startNs, endNs, exportedAtNs }
}

export function readMetadata(save: BackupMetadataSave, backupVersion: number): ArchiveMetadata {
  const { elements, exportedAtNs, startNs, endNs } = save
  return { backupVersion, elements: namesOf(elements), exportedAtNs, startNs, endNs }
}

/** Kinds that are no longer written are left out. */
function namesOf(
  elements: readonly BackupElementSelection[],
): readonly BackupElementSelectionOption[] {
  const { Messages, Consent } = BackupElementSelectionOption
  return [Messages, Consent].filter((name) => elements.includes(selections[name]))
}
