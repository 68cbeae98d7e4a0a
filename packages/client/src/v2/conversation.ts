import { v2, XmtpError } from '@xmtp-ts/protocol'
import { nsToMs } from '../environment.ts'
import type { Envelope } from '../network/message-api.ts'
import { rememberMessages } from '../stream/remembered.ts'
import { Stream } from '../stream/stream.ts'
import { openSubscription } from '../stream/subscription.ts'
import type { ConsentState } from './consent-entry.ts'
import type { Contacts } from './contacts.ts'
import type { ConversationRecord } from './conversation-book.ts'
import { decodedMessage, type DecodedMessage } from './message.ts'
import {
  listQuery,
  SortDirection,
  type ListMessagesOptions,
  type ListMessagesPaginatedOptions,
  type OnConnectionLostCallback,
  type SendOptions,
} from './options.ts'
import { receiveMessage, receiveOrReport } from './receive.ts'
import { ephemeralOf, sealContent, type SealedEnvelope } from './send.ts'
import type { Session } from './session.ts'

const { SORT_DIRECTION_ASCENDING: ascending, SORT_DIRECTION_DESCENDING: descending } = SortDirection

/** What tells conversations of one pair apart. */
export type InvitationContext = {
  readonly conversationId: string
  readonly metadata: Readonly<Record<string, string>>
}

/** An envelope as nodes give it; the time in decimal nanoseconds, or as a bigint. */
export type ReceivedEnvelope = {
  readonly contentTopic?: string | undefined
  readonly timestampNs?: string | bigint | undefined
  readonly message?: Uint8Array | undefined
}

/** A message that is ready, with its id, before it is sent. */
export type PreparedMessage<Content> = {
  readonly messageEnvelope: {
    readonly contentTopic: string
    readonly timestampNs: string
    readonly message: Uint8Array
  }
  /** Hex, 64 digits. */
  messageID(): Promise<string>
  send(): Promise<DecodedMessage<Content>>
}

/** A conversation of two accounts over V2. */
// oxlint-disable-next-line typescript/no-explicit-any -- apps that name no content type get what xmtp-js gives them
export class Conversation<Content = any> {
  readonly conversationVersion = 'v2'
  readonly topic: string
  readonly peerAddress: string
  readonly createdAt: Date
  readonly context: InvitationContext | undefined
  readonly consentProof: ConversationRecord['consentProof']
  readonly #session: Session
  readonly #record: ConversationRecord
  readonly #contacts: Contacts

  /** Made by `client.conversations`. */
  constructor(record: ConversationRecord, parts: { session: Session; contacts: Contacts }) {
    this.topic = record.topic
    this.peerAddress = record.peer
    this.createdAt = new Date(nsToMs(record.createdNs))
    this.context = record.context
    this.consentProof = record.consentProof
    this.#session = parts.session
    this.#record = record
    this.#contacts = parts.contacts
  }

  get clientAddress(): string {
    return this.#session.account
  }

  get consentProofPayload(): ConversationRecord['consentProof'] {
    return this.consentProof
  }

  get ephemeralTopic(): string {
    return ephemeralOf(this.topic)
  }

  /**
   * All messages, or those within the options, each once, in the order of their senders' clocks. What is no message of
   * the two is left out and reported.
   */
  async messages(options: ListMessagesOptions = {}): Promise<DecodedMessage<Content>[]> {
    const { limit = Number.POSITIVE_INFINITY, direction = ascending } = options
    const messages: DecodedMessage<Content>[] = []
    for await (const page of this.messagesPaginated({ ...options, direction })) {
      messages.push(...page)
      if (messages.length >= limit) return messages.slice(0, limit)
    }
    return messages
  }

  /** The same a page at a time, and the newest first unless asked otherwise. */
  async *messagesPaginated(
    options: ListMessagesPaginatedOptions = {},
  ): AsyncGenerator<DecodedMessage<Content>[], void> {
    const had = rememberMessages()
    const query = listQuery(this.topic, { direction: descending, ...options })
    for await (const page of this.#session.api.query(query)) {
      const messages: DecodedMessage<Content>[] = []
      for (const envelope of page) {
        const message = had.add(envelope) ? await this.receive(envelope) : undefined
        if (message !== undefined) messages.push(message)
      }
      if (messages.length > 0) yield messages
    }
  }

  /**
   * Durable in the network when it resolves. Writing to somebody allows them to write back, unless they were denied.
   * @throws XmtpError `content.unknownType`, `bytes.tooLong`, `client.network.*`, `client.node.*`
   */
  async send(
    content: Exclude<Content, undefined>,
    options: SendOptions = {},
  ): Promise<DecodedMessage<Content>> {
    const sealed = await sealContent(this.#session, this.#record, { content, options })
    return this.#publish(sealed)
  }

  /** Seals a message without sending it, for apps that show it while it is on its way. */
  async prepareMessage(
    content: Exclude<Content, undefined>,
    options: SendOptions = {},
  ): Promise<PreparedMessage<Content>> {
    const sealed = await sealContent(this.#session, this.#record, { content, options })
    const { topic, timestampNs, message } = sealed.envelope
    return {
      messageEnvelope: { contentTopic: topic, timestampNs: timestampNs.toString(), message },
      messageID: async () => sealed.id,
      send: () => this.#publish(sealed),
    }
  }

  /** New messages from now on, each once, across lost connections. Resolves when nothing can be missed any more. */
  streamMessages(
    onConnectionLost?: OnConnectionLostCallback,
  ): Promise<Stream<DecodedMessage<Content>>> {
    return this.#stream(this.topic, onConnectionLost)
  }

  /** New ephemeral messages. Nobody stores those: what is sent while a connection is lost is gone. */
  streamEphemeral(
    onConnectionLost?: OnConnectionLostCallback,
  ): Promise<Stream<DecodedMessage<Content>>> {
    return this.#stream(this.ephemeralTopic, onConnectionLost)
  }

  /**
   * The message in an envelope of this conversation, for instance of a push notification.
   * @throws XmtpError `v2.message.*`, `ciphertext.*`, `key.*`, `signature.malformed` or `content.malformed`
   */
  async decodeMessage(envelope: ReceivedEnvelope): Promise<DecodedMessage<Content>> {
    const { contentTopic: topic = this.topic, timestampNs = 0n, message } = envelope
    if (message === undefined) throw new XmtpError('v2.message.malformed', 'An envelope is empty.')
    const result = await receiveMessage(this.#session, this.#record, {
      topic,
      timestampNs: BigInt(timestampNs),
      message,
    })
    if (!result.ok) throw result.error
    return decodedMessage(result.value, { conversation: this, topic })
  }

  /** The message in an envelope, or undefined after a report. For lists and streams. */
  async receive(envelope: Envelope): Promise<DecodedMessage<Content> | undefined> {
    const message = await receiveOrReport(this.#session, this.#record, envelope)
    return message && decodedMessage(message, { conversation: this, topic: envelope.topic })
  }

  async allow(): Promise<void> {
    await this.#contacts.allow([this.peerAddress])
  }

  async deny(): Promise<void> {
    await this.#contacts.deny([this.peerAddress])
  }

  get isAllowed(): boolean {
    return this.#contacts.isAllowed(this.peerAddress)
  }

  get isDenied(): boolean {
    return this.#contacts.isDenied(this.peerAddress)
  }

  get consentState(): ConsentState {
    return this.#contacts.consentState(this.peerAddress)
  }

  /**
   * The keys of the last, this and the next period of 30 days, with which a push server recognises the account's own
   * messages (v1-v2 §12).
   */
  hmacKeys(): readonly v2.HmacKey[] {
    return v2.hmacKeysForPush(this.#session.environment.nowMs(), {
      keyMaterial: this.#record.keyMaterial,
      account: this.#session.account,
    })
  }

  async #publish({ envelope }: SealedEnvelope): Promise<DecodedMessage<Content>> {
    await this.#session.api.publish([envelope], this.#session.token)
    await this.#allowIfUnknown(envelope)
    return this.decodeMessage({ ...envelope, contentTopic: envelope.topic })
  }

  /** The message is out: what fails here is reported and tried again with the next one. */
  async #allowIfUnknown({ topic, timestampNs }: Envelope): Promise<void> {
    if (this.consentState !== 'unknown') return
    try {
      await this.#contacts.loadOnce()
      if (this.consentState === 'unknown') await this.allow()
    } catch (error) {
      if (!(error instanceof XmtpError)) throw error
      this.#session.report({ error, topic, timestampNs })
    }
  }

  #stream(
    topic: string,
    onConnectionLost: OnConnectionLostCallback | undefined,
  ): Promise<Stream<DecodedMessage<Content>>> {
    const { api, environment, signal: parent } = this.#session
    return Stream.open(parent, async (signal) => {
      const { envelopes } = await openSubscription({
        api,
        environment,
        topics: [topic],
        signal,
        onConnectionLost,
      })
      return this.#receiveAll(envelopes)
    })
  }

  async *#receiveAll(
    envelopes: AsyncIterable<Envelope>,
  ): AsyncGenerator<DecodedMessage<Content>, void> {
    const had = rememberMessages()
    for await (const envelope of envelopes) {
      const message = had.add(envelope) ? await this.receive(envelope) : undefined
      if (message !== undefined) yield message
    }
  }
}
