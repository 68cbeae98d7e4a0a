import {
  ConsentStateSave,
  ConsentTypeSave,
  type ConsentSave,
} from '@xmtp-ts/proto/device_sync/consent_backup'
import { PreferenceUpdate } from '@xmtp-ts/proto/device_sync/content'
import { Consent } from '@xmtp-ts/proto/store/v1/store'
import { maxConflicts } from '../../limits.ts'
import type { StoredRecord } from '../../store/record-store.ts'
import { nowNs, type Core } from '../core.ts'
import { isEntity } from '../device-sync/preference-updates.ts'
import { contended } from '../group/group-change.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow } from '../records/rows.ts'
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

/** As it is stored and sent. */
export const consentSaves = {
  [ConsentState.Unknown]: ConsentStateSave.CONSENT_STATE_SAVE_UNKNOWN,
  [ConsentState.Allowed]: ConsentStateSave.CONSENT_STATE_SAVE_ALLOWED,
  [ConsentState.Denied]: ConsentStateSave.CONSENT_STATE_SAVE_DENIED,
} as const

/** Notes what the user wants; what is so already changes nothing. Duplicates of a direct message go together. */
export async function changeConsents(core: Core, changes: readonly ConsentChange[]): Promise<void> {
  const all = await withDuplicates(core, changes)
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const places = all.map(({ kind, entity }) => keys.consent(kind, entity))
    const stored = places.length === 0 ? [] : await core.store.get(places)
    const decided = all.flatMap((change, index) => decide(core, change, stored[index]) ?? [])
    if (decided.length === 0) return
    const written = await core.store.write({
      expect: places.map((key, index) => ({ key, value: stored[index] })),
      put: decided.flatMap((update) => recordsOf(core, update)),
      append: decided.map((update) => ({
        prefix: keys.preferences,
        value: encodeRow(PreferenceUpdate, toWire(update)),
      })),
    })
    if (written === undefined) continue
    for (const name of ['preferences', 'conversations', 'deviceSync'] as const)
      core.signals.raise(name)
    return
  }
  throw contended()
}

/** A clock that goes behind that of another installation does not undo what the user wants now. */
function decide(
  core: Core,
  { kind, entity, state }: ConsentChange,
  stored: Uint8Array | undefined,
): ConsentSave | undefined {
  if (stored !== undefined && consentOfRow(stored) === state) return undefined
  const last = stored === undefined ? 0n : decodeRow(Consent, stored).consentedAtNs
  const now = nowNs(core)
  return {
    entityType: kind === 'conversation' ? conversationType : inboxType,
    state: consentSaves[state],
    entity,
    consentedAtNs: now > last ? now : last + 1n,
  }
}

/** The decision, and that the user's other installations have to hear of it. */
function recordsOf({ syncsDevices }: Core, decided: ConsentSave): readonly StoredRecord[] {
  const { entityType, entity } = decided
  const kind = entityType === conversationType ? 'conversation' : 'inbox'
  const consent = { key: keys.consent(kind, entity), value: encodeRow(Consent, decided) }
  if (!syncsDevices) return [consent]
  const value = encodeRow(PreferenceUpdate, toWire(decided))
  return [consent, { key: keys.outgoingConsent(kind, entity), value }]
}

function toWire(value: ConsentSave): PreferenceUpdate {
  return { update: { $case: 'consent', value } }
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
