import { Message } from '@xmtp-ts/proto/store/v1/store'
import { bytesToHex } from '@xmtp-ts/protocol'
import { syncAll, type SyncSummary } from '../group/sync.ts'
import { receiveWelcomes } from '../group/welcomes.ts'
import { resolveRecipient, resolveRecipients, type Recipient } from '../identity/inbox-state.ts'
import type { Identifier } from '../identity/public-identifier.ts'
import { DecodedMessage } from '../message/decoded-message.ts'
import { readContent } from '../message/content.ts'
import { enrich } from '../message/enrich.ts'
import { isMessageId } from '../group/reference.ts'
import { noRelations } from '../message/relations.ts'
import { findMessages, isExpired } from '../message/stored.ts'
import { keys } from '../records/keys.ts'
import { decodeRow } from '../records/rows.ts'
import { openLocalStream, openStream } from '../stream/open-stream.ts'
import type { LocalStreamOptions, StreamOptions } from '../stream/options.ts'
import type { ValueStream } from '../stream/value-stream.ts'
import { arrivalSource } from './arrivals.ts'
import {
  beginDirect,
  beginGroup,
  findDirect,
  type CreateDmOptions,
  type CreateGroupOptions,
} from './begin.ts'
import type { Dm } from './dm.ts'
import { ConversationType, type ConsentState } from './enums.ts'
import {
  defaultConsentStates,
  isOf,
  listViews,
  openConversation,
  openDirect,
  openGroup,
  typeOf,
  type ListConversationsOptions,
} from './found.ts'
import type { Group } from './group.ts'
import { readHmacKeys, type HmacKey } from './hmac-keys.ts'
import type { Host } from './host.ts'
import { changeMembers } from './plans.ts'
import { forOneChange, nameRecipient } from './recipients.ts'
import { messageSource } from './streamed.ts'
import { readAllViews, readStitched, readView } from './view.ts'

/** Which messages a stream brings. */
type Chosen = {
  readonly conversationType?: ConversationType | undefined
  /** All but denied ones unless given. */
  readonly consentStates?: readonly ConsentState[] | undefined
}

type OfType<T> = Omit<T, 'conversationType'>

/** The conversations of a client. People are named by inbox id, address or identifier. */
export class Conversations<Content = unknown> {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /** How push servers name this client's welcomes. */
  get topic(): string {
    return `/xmtp/mls/1/w-${bytesToHex(this.#host.core.self.installationId)}/proto`
  }

  /** For one of several direct messages between the same two: the one that stands for all (v3-mls §3.7). */
  async getConversationById(id: string): Promise<Group<Content> | Dm<Content> | undefined> {
    const view = /^[0-9a-f]+$/.test(id) ? await readView(this.#host.core, id) : undefined
    const [first] = view === undefined ? [] : await readStitched(this.#host.core, view)
    return first && openConversation<Content>(this.#host, first)
  }

  /** The direct message with somebody, if there is one here. For an inbox id nobody is asked. */
  async getDmByInboxId(person: Recipient): Promise<Dm<Content> | undefined> {
    const { core } = this.#host
    const view = await findDirect(core, await nameRecipient(core, person))
    return view && openDirect<Content>(this.#host, view.id)
  }

  /** The same by account. @throws XmtpError `client.inbox.*`, what the network throws */
  async fetchDmByIdentifier(identifier: Recipient): Promise<Dm<Content> | undefined> {
    return this.getDmByInboxId(identifier)
  }

  async getMessageById(id: string): Promise<DecodedMessage<Content> | undefined> {
    const { core } = this.#host
    const row = isMessageId(id) ? (await findMessages(core.store, [id])).get(id) : undefined
    if (row === undefined || isExpired(core, row)) return undefined
    const view = await readView(core, bytesToHex(row.groupId))
    if (view === undefined) return undefined
    const groupIds = (await readStitched(core, view)).map((one) => one.id)
    const [message] = await enrich<Content>(this.#host, groupIds, [row])
    return message
  }

  /** A group of one that nobody hears of before members are added. Asks nobody. */
  async createGroupOptimistic(options: CreateGroupOptions = {}): Promise<Group<Content>> {
    const { core } = this.#host
    return openGroup<Content>(this.#host, await beginGroup(core, options))
  }

  createGroupWithIdentifiers(
    identifiers: readonly Identifier[],
    options?: CreateGroupOptions,
  ): Promise<Group<Content>> {
    return this.createGroup(identifiers, options)
  }

  /**
   * Makes a group with these people. Nobody must be in twice, or be ourselves.
   * @throws XmtpError `client.inbox.*`, `client.group.tooLarge`, `client.group.noKeyPackage`, what the network throws
   */
  async createGroup(
    people: readonly Recipient[],
    options: CreateGroupOptions = {},
  ): Promise<Group<Content>> {
    const core = forOneChange(this.#host.core, [])
    const add = await resolveRecipients(core, people)
    const id = await beginGroup(core, options)
    // With nobody else too, as libxmtp does: until a commit says where its maker's inbox is, nothing can be changed.
    await changeMembers(core, id, { add: [...new Set(add)], remove: [] })
    return openGroup<Content>(this.#host, id)
  }

  createDmWithIdentifier(identifier: Identifier, options?: CreateDmOptions): Promise<Dm<Content>> {
    return this.createDm(identifier, options)
  }

  /**
   * The direct message with somebody: the one that is here, or a new one.
   * @throws XmtpError `client.inbox.*`, `client.peer.self`, `client.group.noKeyPackage`, what the network throws
   */
  async createDm(person: Recipient, options: CreateDmOptions = {}): Promise<Dm<Content>> {
    const core = forOneChange(this.#host.core, [])
    const inboxId = await resolveRecipient(core, person)
    return openDirect<Content>(this.#host, await beginDirect(core, inboxId, options))
  }

  /** What is here. Asks nobody: see `sync` and `syncAll`. */
  async list(options: ListConversationsOptions = {}): Promise<(Group<Content> | Dm<Content>)[]> {
    const views = await listViews(this.#host.core, options)
    return views.flatMap((view) => openConversation<Content>(this.#host, view) ?? [])
  }

  async listGroups(options: OfType<ListConversationsOptions> = {}): Promise<Group<Content>[]> {
    const conversationType = ConversationType.Group
    const views = await listViews(this.#host.core, { ...options, conversationType })
    return Promise.all(views.map(({ id }) => openGroup<Content>(this.#host, id)))
  }

  async listDms(options: OfType<ListConversationsOptions> = {}): Promise<Dm<Content>[]> {
    const conversationType = ConversationType.Dm
    const views = await listViews(this.#host.core, { ...options, conversationType })
    return Promise.all(views.map(({ id }) => openDirect<Content>(this.#host, id)))
  }

  /** Reads new conversations; their messages come with `syncAll` or their own `sync`. @throws what the network throws */
  async sync(): Promise<void> {
    await receiveWelcomes(this.#host.core)
    await this.#host.book.refreshAll()
  }

  /**
   * Reads new conversations, and everything that is new in all of them: one call more for all that are idle.
   * @param consentStates which conversations; all but denied ones unless given
   * @throws what the network throws; what came before is kept
   */
  async syncAll(
    consentStates: readonly ConsentState[] = defaultConsentStates,
  ): Promise<SyncSummary> {
    const { core, book } = this.#host
    const states = consentStates.length === 0 ? defaultConsentStates : consentStates
    const summary = await syncAll(
      core,
      states.map((state) => state + 1),
    )
    await book.refreshAll()
    return summary
  }

  /** Conversations that come from now on, our own too. Resolves when nothing can be missed any more. */
  stream(
    options: StreamOptions<Group<Content> | Dm<Content>> & Pick<Chosen, 'conversationType'> = {},
  ): Promise<ValueStream<Group<Content> | Dm<Content>>> {
    const { conversationType } = options
    const source = arrivalSource(this.#host, async (view) =>
      conversationType === undefined || typeOf(view) === conversationType
        ? openConversation<Content>(this.#host, view)
        : undefined,
    )
    return openStream(this.#host, source, options)
  }

  streamGroups(options: StreamOptions<Group<Content>> = {}): Promise<ValueStream<Group<Content>>> {
    const source = arrivalSource(this.#host, async (view) =>
      typeOf(view) === ConversationType.Group ? openGroup<Content>(this.#host, view.id) : undefined,
    )
    return openStream(this.#host, source, options)
  }

  streamDms(options: StreamOptions<Dm<Content>> = {}): Promise<ValueStream<Dm<Content>>> {
    const source = arrivalSource(this.#host, async (view) =>
      typeOf(view) === ConversationType.Dm ? openDirect<Content>(this.#host, view.id) : undefined,
    )
    return openStream(this.#host, source, options)
  }

  /** Messages of all conversations that come from now on, our own too. Resolves when nothing can be missed any more. */
  streamAllMessages(
    options: StreamOptions<DecodedMessage<Content>> & Chosen = {},
  ): Promise<ValueStream<DecodedMessage<Content>>> {
    const source = messageSource<Content>(this.#host, (view) => isOf(view, options))
    return openStream(this.#host, source, options)
  }

  streamAllGroupMessages(
    options: StreamOptions<DecodedMessage<Content>> & OfType<Chosen> = {},
  ): Promise<ValueStream<DecodedMessage<Content>>> {
    return this.streamAllMessages({ ...options, conversationType: ConversationType.Group })
  }

  streamAllDmMessages(
    options: StreamOptions<DecodedMessage<Content>> & OfType<Chosen> = {},
  ): Promise<ValueStream<DecodedMessage<Content>>> {
    return this.streamAllMessages({ ...options, conversationType: ConversationType.Dm })
  }

  /** Ids of messages that are deleted from now on: by who may, or because their time was over. */
  async streamMessageDeletions(
    options: LocalStreamOptions<string> = {},
  ): Promise<ValueStream<string>> {
    const { values } = await openLocalStream(
      this.#host,
      {
        log: keys.deleted,
        signal: 'deleted',
        read: async (entry) => bytesToHex(decodeRow(Message, entry).id),
      },
      options,
    )
    return values
  }

  /** The same with what is left of them: who and when, without content. */
  async streamDeletedMessages(
    options: LocalStreamOptions<DecodedMessage<Content>> = {},
  ): Promise<ValueStream<DecodedMessage<Content>>> {
    const { values } = await openLocalStream(
      this.#host,
      {
        log: keys.deleted,
        signal: 'deleted',
        read: async (entry) => {
          const row = decodeRow(Message, entry)
          return new DecodedMessage<Content>(row, await readContent(this.#host, row), noRelations)
        },
      },
      options,
    )
    return values
  }

  /** Keys for push servers, by conversation. */
  async hmacKeys(): Promise<Record<string, HmacKey[]>> {
    const { core } = this.#host
    const views = await readAllViews(core)
    return readHmacKeys(
      core,
      views.filter((view) => typeOf(view) !== ConversationType.Sync),
    )
  }
}
