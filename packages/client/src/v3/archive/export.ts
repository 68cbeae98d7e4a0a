import type { BackupMetadataSave } from '@xmtp-ts/proto/device_sync/device_sync'
import { ConsentTypeSave } from '@xmtp-ts/proto/device_sync/consent_backup'
import {
  Consent,
  Conversation,
  DeliveryStatus,
  Message,
  MessageKind,
} from '@xmtp-ts/proto/store/v1/store'
import { attempt, XmtpError } from '@xmtp-ts/protocol'
import { messagePageRecords } from '../../limits.ts'
import { nowNs, type Core } from '../core.ts'
import { consentSaves } from '../conversation/consent.ts'
import { consentOfRow, readView } from '../conversation/view.ts'
import { keptTypeOf } from '../group/conversation-row.ts'
import { receiveNew } from '../group/receive.ts'
import { isExpired } from '../message/stored.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, scanAll, scanPages } from '../records/rows.ts'
import { sealArchive, type ArchiveElement } from './archive-format.ts'
import { metadataFor, type ArchiveOptions } from './archive-options.ts'
import { saveGroup } from './group-save.ts'
import { saveMessage } from './message-save.ts'

/**
 * An archive of what is in the store, as bytes that are made while they are read. Sync groups, what was deleted and what
 * never left this client are not in it.
 * @param key 32 bytes
 */
export function exportArchive(
  core: Core,
  { options, key }: { readonly options: ArchiveOptions; readonly key: Uint8Array },
): { readonly metadata: BackupMetadataSave; readonly pieces: AsyncIterable<Uint8Array> } {
  const metadata = metadataFor(options, nowNs(core))
  const { random } = core.environment
  const elements = elementsOf(core, options)
  return { metadata, pieces: sealArchive(elements, { metadata, key, random }) }
}

async function* elementsOf(core: Core, options: ArchiveOptions): AsyncGenerator<ArchiveElement> {
  for (const element of new Set(options.elements)) {
    if (element === 'Consent') yield* consents(core)
    else {
      // A message is only taken into a conversation that is there.
      yield* groups(core, options)
      yield* messages(core, options)
    }
  }
}

async function* consents({ store }: Core): AsyncGenerator<ArchiveElement> {
  const conversations = keys.consentsOf('conversation')
  const kinds = [
    [conversations, ConsentTypeSave.CONSENT_TYPE_SAVE_CONVERSATION_ID],
    [keys.consentsOf('inbox'), ConsentTypeSave.CONSENT_TYPE_SAVE_INBOX_ID],
  ] as const
  for (const [prefix, entityType] of kinds)
    for await (const page of scanPages(store, prefix))
      for (const { key, value } of page) {
        const { consentedAtNs } = decodeRow(Consent, value)
        const state = consentSaves[consentOfRow(value)]
        const save = { entityType, state, entity: key.slice(prefix.length), consentedAtNs }
        yield { $case: 'consent', value: save }
      }
}

async function* groups(core: Core, options: ArchiveOptions): AsyncGenerator<ArchiveElement> {
  const { startNs, endNs } = options
  for await (const id of conversationIds(core)) {
    const view = await readView(core, id)
    if (view === undefined) continue
    const { createdAtNs } = view.row
    const isWanted =
      (startNs === undefined || createdAtNs > startNs) &&
      (endNs === undefined || createdAtNs < endNs)
    const save = attempt(() => saveGroup(view))
    // One whose metadata nobody can read cannot be shown by anybody.
    if (isWanted && save.ok) yield { $case: 'group', value: save.value }
  }
}

async function* messages(core: Core, options: ArchiveOptions): AsyncGenerator<ArchiveElement> {
  for await (const id of conversationIds(core)) {
    await readBackSent(core, id)
    for await (const page of scanPages(core.store, keys.messages(id), messagePageRecords))
      for (const { value } of page) {
        const row = decodeRow(Message, value)
        if (isWanted(core, row, options)) yield { $case: 'groupMessage', value: saveMessage(row) }
      }
  }
}

/** What was just sent has neither its place nor its time before it is read back. Without a network it is left out. */
async function readBackSent(core: Core, id: string): Promise<void> {
  const sent = await scanAll(core.store, keys.pendingMessages(id))
  if (sent.length === 0) return
  try {
    await core.groups.turn(id, () => receiveNew(core, id))
  } catch (error) {
    if (!(error instanceof XmtpError) || !error.retry) throw error
  }
}

function isWanted(core: Core, row: Message, options: ArchiveOptions): boolean {
  const { startNs, endNs, excludeDisappearingMessages } = options
  return (
    row.kind === MessageKind.MESSAGE_KIND_APPLICATION &&
    row.deliveryStatus === DeliveryStatus.DELIVERY_STATUS_PUBLISHED &&
    row.deletedBy === '' &&
    (startNs === undefined || row.sentAtNs > startNs) &&
    (endNs === undefined || row.sentAtNs <= endNs) &&
    !isExpired(core, row) &&
    !(excludeDisappearingMessages === true && row.expiresAtNs > 0n)
  )
}

async function* conversationIds({ store }: Core): AsyncGenerator<string> {
  for await (const page of scanPages(store, keys.conversations))
    for (const { key, value } of page)
      if (keptTypeOf(decodeRow(Conversation, value)) !== 'sync')
        yield key.slice(keys.conversations.length)
}
