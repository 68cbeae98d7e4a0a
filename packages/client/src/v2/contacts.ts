import {
  attempt,
  openPreferences,
  parseAddress,
  preferencesTopicOf,
  sealPreferences,
  verifyConsentProof,
  type ConsentEntity,
  type ConsentEntry,
} from '@xmtp-ts/protocol'
import { msToNs, nsToMs } from '../environment.ts'
import type { Envelope } from '../network/message-api.ts'
import { Stream } from '../stream/stream.ts'
import { openSubscription } from '../stream/subscription.ts'
import {
  actionOf,
  nameOf,
  type ConsentListEntry,
  type ConsentState,
  type PrivatePreferencesAction,
} from './consent-entry.ts'
import type { ConversationBook } from './conversation-book.ts'
import type { OnConnectionLostCallback } from './options.ts'
import type { Session } from './session.ts'

type Line = { readonly state: 'allowed' | 'denied'; readonly timestampNs: bigint }

/**
 * Whom the account lets write to it: its consent list, the same on all its devices (v1-v2 §14). The answers are of the
 * last time the list was loaded.
 */
export class Contacts {
  readonly #session: Session
  readonly #book: ConversationBook
  readonly #lines = new Map<string, Line>()
  #loading: Promise<unknown> | undefined

  /** Made by the client. */
  constructor(session: Session, book: ConversationBook) {
    this.#session = session
    this.#book = book
  }

  /**
   * Reads the list, from `startTime` on or all of it, and accepts the consent proofs in invitations of accounts that
   * are still unknown (v1-v2 §15).
   * @returns every entry by its kind and value, such as `address-0x…`
   */
  async loadConsentList(startTime?: Date): Promise<Map<string, ConsentState>> {
    const loading = this.#load(startTime)
    if (startTime === undefined) this.#loading = loading
    try {
      await loading
    } catch (error) {
      if (this.#loading === loading) this.#loading = undefined
      throw error
    }
    return new Map([...this.#lines].map(([name, { state }]) => [name, state]))
  }

  /** Forgets what is known and reads the whole list. */
  async refreshConsentList(): Promise<Map<string, ConsentState>> {
    this.#lines.clear()
    return this.loadConsentList()
  }

  /** What this and the account's other devices write to the list from now on; the list here follows. */
  streamConsentList(
    onConnectionLost?: OnConnectionLostCallback,
  ): Promise<Stream<PrivatePreferencesAction>> {
    const { api, environment, keys, signal: parent } = this.#session
    const topics = [preferencesTopicOf(keys.identityKey)]
    return Stream.open(parent, async (signal) => {
      const options = { api, environment, topics, signal, onConnectionLost }
      const { envelopes } = await openSubscription(options)
      return this.#receiveAll(envelopes)
    })
  }

  /** Puts a list that the app kept in the place of the one here. Changes nothing in the network; nothing if empty. */
  setConsentListEntries(entries: readonly ConsentListEntry[]): void {
    if (entries.length === 0) return
    this.#lines.clear()
    for (const { entryType: entity, value, permissionType: state } of entries)
      // Older than whatever the network says.
      if (state !== 'unknown') this.#apply([{ entity, value, state }], 0n)
  }

  /** When the list was last written, as far as it was loaded: where the next `loadConsentList` can go on. */
  get lastConsentListEntryTimestamp(): Date | undefined {
    const latest = [...this.#lines.values()].reduce((ns, line) => maxNs(ns, line.timestampNs), 0n)
    return latest === 0n ? undefined : new Date(nsToMs(latest))
  }

  /** Loads the list unless that has been done: before a decision that must not overrule another device's. */
  async loadOnce(): Promise<void> {
    await (this.#loading ?? this.loadConsentList())
  }

  isAllowed(address: string): boolean {
    return this.consentState(address) === 'allowed'
  }

  isDenied(address: string): boolean {
    return this.consentState(address) === 'denied'
  }

  consentState(address: string): ConsentState {
    return this.#state('address', address)
  }

  isGroupAllowed(groupId: string): boolean {
    return this.groupConsentState(groupId) === 'allowed'
  }

  isGroupDenied(groupId: string): boolean {
    return this.groupConsentState(groupId) === 'denied'
  }

  groupConsentState(groupId: string): ConsentState {
    return this.#state('groupId', groupId)
  }

  isInboxAllowed(inboxId: string): boolean {
    return this.inboxConsentState(inboxId) === 'allowed'
  }

  isInboxDenied(inboxId: string): boolean {
    return this.inboxConsentState(inboxId) === 'denied'
  }

  inboxConsentState(inboxId: string): ConsentState {
    return this.#state('inboxId', inboxId)
  }

  /** @throws XmtpError `address.malformed` */
  async allow(addresses: readonly string[]): Promise<void> {
    await this.#publish('address', 'allowed', addresses.map(parseAddress))
  }

  /** @throws XmtpError `address.malformed` */
  async deny(addresses: readonly string[]): Promise<void> {
    await this.#publish('address', 'denied', addresses.map(parseAddress))
  }

  async allowGroups(groupIds: readonly string[]): Promise<void> {
    await this.#publish('groupId', 'allowed', groupIds)
  }

  async denyGroups(groupIds: readonly string[]): Promise<void> {
    await this.#publish('groupId', 'denied', groupIds)
  }

  async allowInboxes(inboxIds: readonly string[]): Promise<void> {
    await this.#publish('inboxId', 'allowed', inboxIds)
  }

  async denyInboxes(inboxIds: readonly string[]): Promise<void> {
    await this.#publish('inboxId', 'denied', inboxIds)
  }

  #state(entity: ConsentEntity, value: string): ConsentState {
    return this.#lines.get(nameOf(entity, value))?.state ?? 'unknown'
  }

  async #load(startTime: Date | undefined): Promise<void> {
    const { api, keys } = this.#session
    const query = {
      topics: [preferencesTopicOf(keys.identityKey)],
      startNs: startTime && msToNs(startTime.getTime()),
      direction: 'ascending',
    } as const
    for await (const page of api.query(query)) for (const one of page) this.#receive(one)
    await this.#acceptProofs()
  }

  /** @returns what it says; undefined after a report */
  #receive({ topic, timestampNs, message }: Envelope): readonly ConsentEntry[] | undefined {
    const { keys, report } = this.#session
    const opened = attempt(() => openPreferences(message, keys))
    if (!opened.ok) {
      // Anyone may publish there; only the owner's entries open.
      report({ error: opened.error, topic, timestampNs })
      return undefined
    }
    this.#apply(opened.value, timestampNs)
    return opened.value
  }

  async *#receiveAll(
    envelopes: AsyncIterable<Envelope>,
  ): AsyncGenerator<PrivatePreferencesAction, void> {
    for await (const envelope of envelopes) {
      const entries = this.#receive(envelope)
      if (entries !== undefined) yield actionOf(entries)
    }
  }

  /** The last one by time wins, in whatever order they come. */
  #apply(entries: readonly ConsentEntry[], timestampNs: bigint): void {
    for (const { entity, value, state } of entries) {
      const name = nameOf(entity, value)
      const known = this.#lines.get(name)
      if (known === undefined || known.timestampNs <= timestampNs)
        this.#lines.set(name, { state, timestampNs })
    }
  }

  async #acceptProofs(): Promise<void> {
    const { account: user, environment } = this.#session
    const granted = this.#book.all().flatMap(({ peer, consentProof }) => {
      if (consentProof === undefined || this.consentState(peer) !== 'unknown') return []
      const proof = attempt(() =>
        verifyConsentProof(consentProof, {
          user,
          sender: peer,
          nowMs: environment.nowMs(),
          httpDate: (timeMs) => new Date(timeMs).toUTCString(),
        }),
      )
      return proof.ok ? [peer] : []
    })
    if (granted.length > 0) await this.allow([...new Set(granted)])
  }

  async #publish(
    entity: ConsentEntity,
    state: 'allowed' | 'denied',
    values: readonly string[],
  ): Promise<void> {
    if (values.length === 0) return
    const { api, token, keys, environment, timestampNs: nextNs } = this.#session
    const { identityKey } = keys
    const entries = values.map((value) => ({ entity, value, state }))
    const timestampNs = nextNs()
    const message = sealPreferences(entries, { identityKey, random: environment.random })
    await api.publish([{ topic: preferencesTopicOf(identityKey), timestampNs, message }], token)
    this.#apply(entries, timestampNs)
  }
}

function maxNs(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
