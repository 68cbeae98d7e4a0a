import {
  ConsentStateSave,
  ConsentTypeSave,
  type ConsentSave,
} from '@xmtp-ts/proto/device_sync/consent_backup'
import { PreferenceUpdate } from '@xmtp-ts/proto/device_sync/content'
import { Consent } from '@xmtp-ts/proto/store/v1/store'
import type { RecordBatch } from '../../store/record-store.ts'
import { nowNs, type Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { encodeRow } from '../records/rows.ts'
import { ConsentState } from './enums.ts'
import { consentOfRow, readStitched, readView } from './view.ts'

/** Whether somebody, or a conversation, is wanted. */
export type ConsentChange = {
  readonly kind: 'conversation' | 'inbox'
  /** A conversation's id, hex, or an inbox id. */
  readonly entity: string
  readonly state: ConsentState
}

const conversationType = ConsentTypeSave.CONSENT_TYPE_SAVE_CONVERSATION_ID
const inboxType = ConsentTypeSave.CONSENT_TYPE_SAVE_INBOX_ID

const storedStates = {
  [ConsentState.Unknown]: ConsentStateSave.CONSENT_STATE_SAVE_UNKNOWN,
  [ConsentState.Allowed]: ConsentStateSave.CONSENT_STATE_SAVE_ALLOWED,
  [ConsentState.Denied]: ConsentStateSave.CONSENT_STATE_SAVE_DENIED,
} as const

/**
 * Notes what the user wants; what is so already changes nothing. Duplicates of a direct message go together.
 * @returns what has changed, for the user's other installations
 */
export async function changeConsents(
  core: Core,
  changes: readonly ConsentChange[],
): Promise<readonly PreferenceUpdate[]> {
  const consentedAtNs = nowNs(core)
  const updates: PreferenceUpdate[] = []
  for (const change of await withDuplicates(core, changes)) {
    const key = keys.consent(change.kind, change.entity)
    const [stored] = await core.store.get([key])
    if (stored !== undefined && consentOfRow(stored) === change.state) continue
    const state = storedStates[change.state]
    updates.push({
      update: {
        $case: 'consent',
        value: {
          entityType: change.kind === 'conversation' ? conversationType : inboxType,
          state,
          entity: change.entity,
          consentedAtNs,
        },
      },
    })
  }
  await writeConsents(core, updates)
  return updates
}

export async function readConsent(
  { store }: Core,
  kind: ConsentChange['kind'],
  entity: string,
): Promise<ConsentState> {
  const [stored] = await store.get([keys.consent(kind, entity)])
  return consentOfRow(stored)
}

async function withDuplicates(
  core: Core,
  changes: readonly ConsentChange[],
): Promise<readonly ConsentChange[]> {
  const all: ConsentChange[] = []
  for (const change of changes) {
    if (!isEntity(change.entity))
      throw new RangeError(`${JSON.stringify(change.entity.slice(0, 80))} is no id.`)
    const view = change.kind === 'conversation' ? await readView(core, change.entity) : undefined
    const stitched = view === undefined ? [] : await readStitched(core, view)
    all.push(change)
    for (const { id } of stitched) if (id !== change.entity) all.push({ ...change, entity: id })
  }
  return all
}

async function writeConsents(core: Core, updates: readonly PreferenceUpdate[]): Promise<void> {
  if (updates.length === 0) return
  const batch: RecordBatch = {
    put: updates.flatMap(({ update }) =>
      update?.$case === 'consent'
        ? [{ key: placeOf(update.value), value: encodeRow(Consent, update.value) }]
        : [],
    ),
    append: updates.map((update) => ({
      prefix: keys.preferences,
      value: encodeRow(PreferenceUpdate, update),
    })),
  }
  await core.store.write(batch)
  core.signals.raise('preferences')
  core.signals.raise('conversations')
}

function isEntity(text: string): boolean {
  return /^[0-9a-f]{2,128}$/.test(text)
}

function placeOf({ entityType, entity }: Pick<ConsentSave, 'entityType' | 'entity'>): string {
  return keys.consent(entityType === conversationType ? 'conversation' : 'inbox', entity)
}
