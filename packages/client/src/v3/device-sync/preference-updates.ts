import {
  ConsentStateSave,
  ConsentTypeSave,
  type ConsentSave,
} from '@xmtp-ts/proto/device_sync/consent_backup'
import { PreferenceUpdate, type HmacKeyUpdate } from '@xmtp-ts/proto/device_sync/content'
import { Consent } from '@xmtp-ts/proto/store/v1/store'
import { XmtpError } from '@xmtp-ts/protocol'
import { maxConflicts, maxPreferencesTaken } from '../../limits.ts'
import type { AppendedRecord, Expectation, StoredRecord } from '../../store/record-store.ts'
import type { Core } from '../core.ts'
import { contended } from '../group/group-change.ts'
import { hmacRootKeyBytes, withHmacKey } from '../identity/installation.ts'
import { keys } from '../records/keys.ts'
import { decodeRow, encodeRow } from '../records/rows.ts'

/** What updates change here, to be written in one transaction. */
export type TakenUpdates = {
  readonly expect: readonly Expectation[]
  readonly put: readonly StoredRecord[]
  /** For the log that streams of preferences read. */
  readonly append: readonly AppendedRecord[]
  /** Updates that cannot be; the others count. */
  readonly problems: readonly XmtpError[]
}

type ReadRecords = (keys: readonly string[]) => Promise<readonly (Uint8Array | undefined)[]>

/** A decision whose parts have been checked. */
type Decision =
  | { readonly kind: 'consent'; readonly key: string; readonly save: ConsentSave }
  | { readonly kind: 'hmac'; readonly key: string; readonly update: HmacKeyUpdate }

/**
 * Works out what updates of our own installations change: of two decisions on one thing the newer counts, of two keys for
 * push servers the one that was made later (v3-mls §6.6).
 * @param read records as they are, or are about to be
 */
export async function takeUpdates(
  read: ReadRecords,
  updates: readonly PreferenceUpdate[],
): Promise<TakenUpdates> {
  const answers = updates.slice(0, maxPreferencesTaken).map(readDecision)
  const decisions = answers.filter((one): one is Decision => !(one instanceof XmtpError))
  const problems = answers.filter((one): one is XmtpError => one instanceof XmtpError)
  if (updates.length > maxPreferencesTaken) problems.push(malformed(`${updates.length} decisions`))
  const places = [...new Set(decisions.map(({ key }) => key))]
  const values = places.length === 0 ? [] : await read(places)
  const before = new Map(places.map((key, index) => [key, values[index]]))
  const after = new Map<string, Uint8Array>()
  const append: AppendedRecord[] = []
  for (const decision of decisions) {
    const { key } = decision
    const next = replacing(after.get(key) ?? before.get(key), decision)
    if (next === undefined) continue
    after.set(key, next)
    append.push({ prefix: keys.preferences, value: encodeRow(PreferenceUpdate, toWire(decision)) })
  }
  return {
    expect: [...after.keys()].map((key) => ({ key, value: before.get(key) })),
    put: [...after].map(([key, value]) => ({ key, value })),
    append,
    problems,
  }
}

/**
 * The same for updates that did not come in a message: of an archive.
 * @returns updates that cannot be
 * @throws XmtpError `client.store.*`
 */
export async function storeUpdates(
  core: Core,
  updates: readonly PreferenceUpdate[],
): Promise<readonly XmtpError[]> {
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const { problems, ...batch } = await takeUpdates((places) => core.store.get(places), updates)
    if (batch.put.length === 0) return problems
    if ((await core.store.write(batch)) === undefined) continue
    core.signals.raise('preferences')
    core.signals.raise('conversations')
    return problems
  }
  throw contended()
}

/** @returns the record with the decision, or undefined if what is there is as new */
function replacing(stored: Uint8Array | undefined, decision: Decision): Uint8Array | undefined {
  if (decision.kind === 'hmac') return stored && withHmacKey(stored, decision.update)
  const { state, consentedAtNs } = decision.save
  if (stored !== undefined && decodeRow(Consent, stored).consentedAtNs >= consentedAtNs)
    return undefined
  return encodeRow(Consent, { state, consentedAtNs })
}

function toWire(decision: Decision): PreferenceUpdate {
  return decision.kind === 'hmac'
    ? { update: { $case: 'hmac', value: decision.update } }
    : { update: { $case: 'consent', value: decision.save } }
}

function readDecision({ update }: PreferenceUpdate): Decision | XmtpError {
  if (update === undefined) return malformed('an update of an unknown kind')
  if (update.$case === 'hmac') {
    const { key, cycledAtNs } = update.value
    return key.length === hmacRootKeyBytes && cycledAtNs >= 0n
      ? { kind: 'hmac', key: keys.self, update: update.value }
      : malformed(`a key of ${key.length} bytes`)
  }
  const { entityType, entity, state, consentedAtNs } = update.value
  const kind = consentKinds.get(entityType)
  if (kind === undefined) return malformed(`a decision on a thing of type ${entityType}`)
  if (!isEntity(entity)) return malformed('a decision on what is no id')
  if (!consentStates.has(state) || consentedAtNs < 0n) return malformed(`the decision ${state}`)
  return { kind: 'consent', key: keys.consent(kind, entity), save: update.value }
}

const consentKinds: ReadonlyMap<ConsentTypeSave, 'conversation' | 'inbox'> = new Map([
  [ConsentTypeSave.CONSENT_TYPE_SAVE_CONVERSATION_ID, 'conversation'],
  [ConsentTypeSave.CONSENT_TYPE_SAVE_INBOX_ID, 'inbox'],
])

const consentStates: ReadonlySet<ConsentStateSave> = new Set([
  ConsentStateSave.CONSENT_STATE_SAVE_UNKNOWN,
  ConsentStateSave.CONSENT_STATE_SAVE_ALLOWED,
  ConsentStateSave.CONSENT_STATE_SAVE_DENIED,
])

/** Whether a text can be an inbox id or the id of a conversation. */
export function isEntity(text: string): boolean {
  return /^[0-9a-f]{2,128}$/.test(text)
}

function malformed(what: string): XmtpError {
  return new XmtpError('client.deviceSync.malformed', `Another installation sent ${what}.`)
}
