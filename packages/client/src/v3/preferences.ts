import {
  ConsentStateSave,
  ConsentTypeSave,
  type ConsentSave,
} from '@xmtp-ts/proto/device_sync/consent_backup'
import { PreferenceUpdate as StoredUpdate } from '@xmtp-ts/proto/device_sync/content'
import { syncDevices, type SyncSummary } from './group/sync.ts'
import type { InboxAnswers } from './identity/directory.ts'
import { toInboxState, type InboxState, type Recipient } from './identity/inbox-state.ts'
import { changeConsents, readConsent, type ConsentChange } from './conversation/consent.ts'
import { ConsentEntityType, ConsentState } from './conversation/enums.ts'
import type { Host } from './conversation/host.ts'
import { nameRecipients } from './conversation/recipients.ts'
import { keys } from './records/keys.ts'
import { decodeRow } from './records/rows.ts'
import { openStream } from './stream/open-stream.ts'
import type { StreamOptions } from './stream/options.ts'
import type { LogSource } from './stream/reader.ts'
import type { ValueStream } from './stream/value-stream.ts'

/** Whether a conversation, or somebody, is wanted. */
export type Consent = {
  readonly entityType: ConsentEntityType
  readonly state: ConsentState
  /** The id of a conversation, hex, or an inbox id. */
  readonly entity: string
}

export type UserPreferenceUpdate =
  | { readonly type: 'ConsentUpdate'; readonly consent: Consent }
  | { readonly type: 'HmacKeyUpdate'; readonly key: Uint8Array }

/** What the user decided, and what is known of inboxes. */
export class Preferences {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /** Reads what other installations of this inbox decided. @throws what the network throws */
  sync(): Promise<SyncSummary> {
    return syncDevices(this.#host.core)
  }

  /** Our inbox as it is known here. */
  async inboxState(): Promise<InboxState> {
    const [state] = await this.getInboxStates([this.#host.core.self.inboxId])
    return required(state)
  }

  /** Our inbox as the node has it. @throws what the network throws */
  async fetchInboxState(): Promise<InboxState> {
    const [state] = await this.fetchInboxStates([this.#host.core.self.inboxId])
    return required(state)
  }

  /** Inboxes as they are known here; the node is asked for those that are not. @throws XmtpError `client.inbox.*` */
  async getInboxStates(people: readonly Recipient[]): Promise<InboxState[]> {
    const inboxIds = await nameRecipients(this.#host.core, people)
    return statesOf(await this.#host.core.inboxes.latest(inboxIds), inboxIds)
  }

  /** Inboxes as the node has them. @throws XmtpError `client.inbox.*`, what the network throws */
  async fetchInboxStates(people: readonly Recipient[]): Promise<InboxState[]> {
    const inboxIds = await nameRecipients(this.#host.core, people)
    return statesOf(await this.#host.core.inboxes.refresh(inboxIds), inboxIds)
  }

  /** Says what is wanted. Duplicates of a direct message go together. @throws RangeError for what is no id */
  async setConsentStates(consents: readonly Consent[]): Promise<void> {
    const changes = consents.map(({ entityType, state, entity }): ConsentChange => ({
      kind: entityType === ConsentEntityType.GroupId ? 'conversation' : 'inbox',
      state,
      entity,
    }))
    await changeConsents(this.#host.core, changes)
  }

  getConsentState(entityType: ConsentEntityType, entity: string): Promise<ConsentState> {
    const kind = entityType === ConsentEntityType.GroupId ? 'conversation' : 'inbox'
    return readConsent(this.#host.core, kind, entity)
  }

  /** What is decided from now on, here or by another installation. */
  streamConsent(options: StreamOptions<Consent[]> = {}): Promise<ValueStream<Consent[]>> {
    return openStream(
      this.#host,
      preferenceSource((update) =>
        update.type === 'ConsentUpdate' ? [update.consent] : undefined,
      ),
      options,
    )
  }

  /** Decisions, and changes of the key for push servers. */
  streamPreferences(
    options: StreamOptions<UserPreferenceUpdate[]> = {},
  ): Promise<ValueStream<UserPreferenceUpdate[]>> {
    return openStream(
      this.#host,
      preferenceSource((update) => [update]),
      options,
    )
  }
}

/** The inboxes in the order in which they were asked for. @throws the problem of the first that has one */
export function statesOf(answers: InboxAnswers, inboxIds: readonly string[]): InboxState[] {
  return inboxIds.map((inboxId) => {
    const known = answers.get(inboxId)
    if (known === undefined) throw required(answers.problems.get(inboxId))
    return toInboxState(known.state)
  })
}

function required<T>(value: T | undefined): T {
  if (value === undefined)
    throw new TypeError('An inbox without state and without problem: report this.')
  return value
}

function preferenceSource<T>(
  choose: (update: UserPreferenceUpdate) => T | undefined,
): LogSource<T> {
  return {
    log: keys.preferences,
    signal: 'preferences',
    async read(entry) {
      const { update } = decodeRow(StoredUpdate, entry)
      if (update?.$case === 'hmac') return choose({ type: 'HmacKeyUpdate', key: update.value.key })
      if (update?.$case !== 'consent') return undefined
      return choose({ type: 'ConsentUpdate', consent: consentOf(update.value) })
    },
  }
}

function consentOf({ entityType, state, entity }: ConsentSave): Consent {
  const { GroupId, InboxId } = ConsentEntityType
  const { Allowed, Denied, Unknown } = ConsentState
  const isConversation = entityType === ConsentTypeSave.CONSENT_TYPE_SAVE_CONVERSATION_ID
  const isAllowed = state === ConsentStateSave.CONSENT_STATE_SAVE_ALLOWED
  const isDenied = state === ConsentStateSave.CONSENT_STATE_SAVE_DENIED
  return {
    entityType: isConversation ? GroupId : InboxId,
    state: isAllowed ? Allowed : isDenied ? Denied : Unknown,
    entity,
  }
}
