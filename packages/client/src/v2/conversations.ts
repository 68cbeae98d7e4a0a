import { inviteTopic, parseAddress, XmtpError, type Address } from '@xmtp-ts/protocol'
import { Stream } from '../stream/stream.ts'
import { openSubscription, type Subscription } from '../stream/subscription.ts'
import type { ContactDirectory } from './contact-directory.ts'
import type { Contacts } from './contacts.ts'
import type { ConversationBook, ConversationRecord } from './conversation-book.ts'
import { Conversation, type InvitationContext } from './conversation.ts'
import { invite } from './invite.ts'
import type { DecodedMessage } from './message.ts'
import type { OnConnectionLostCallback } from './options.ts'
import type { Session } from './session.ts'
import { streamAll, type ConversationEnvelope } from './stream-all.ts'

type Parts = {
  readonly session: Session
  readonly book: ConversationBook
  readonly directory: ContactDirectory
  readonly contacts: Contacts
}

/** The conversations of an account. */
// oxlint-disable-next-line typescript/no-explicit-any -- apps that name no content type get what xmtp-js gives them
export class Conversations<Content = any> {
  readonly #parts: Parts
  readonly #open = new WeakMap<ConversationRecord, Conversation<Content>>()

  /** Made by the client. */
  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** All conversations in the network, the oldest first. */
  async list(): Promise<Conversation<Content>[]> {
    await this.#parts.book.refresh()
    return this.listFromCache()
  }

  /** Those that are known already, without asking the network. */
  async listFromCache(): Promise<Conversation<Content>[]> {
    return this.#parts.book.all().map((record) => this.#conversation(record))
  }

  /**
   * The conversation of a topic with this peer, from the network if it is not known yet.
   * @throws XmtpError `v2.message.notParticipant` when the account has no such conversation
   */
  async ofTopic(topic: string, peerAddress: string): Promise<Conversation<Content>> {
    const { book, session } = this.#parts
    const known = () => book.ofTopic(topic).find(({ peer }) => peer === peerAddress)
    if (known() === undefined) await book.refresh()
    const record = known()
    if (record !== undefined) return this.#conversation(record)
    throw new XmtpError(
      'v2.message.notParticipant',
      `${session.account} has no conversation with ${peerAddress} in ${topic}.`,
    )
  }

  /**
   * The conversation with an account, new or already begun. With a context, the one of that conversationId.
   * @throws XmtpError `address.malformed`, `client.peer.notOnNetwork`, `client.peer.self`, `client.peer.needsV1`
   */
  async newConversation(
    peerAddress: string,
    context?: InvitationContext,
    consentProof?: ConversationRecord['consentProof'],
  ): Promise<Conversation<Content>> {
    const peer = parseAddress(peerAddress)
    const record =
      this.#parts.book.find(peer, context?.conversationId) ??
      (await this.#begin(peer, { context, consentProof }))
    return this.#conversation(record)
  }

  /** Conversations that others or the account's other devices begin from now on, each once. */
  stream(onConnectionLost?: OnConnectionLostCallback): Promise<Stream<Conversation<Content>>> {
    const { api, environment, account, signal: parent } = this.#parts.session
    return Stream.open(parent, async (signal) => {
      const topics = [inviteTopic(account)]
      const options = { api, environment, topics, signal, onConnectionLost }
      return this.#invited(await openSubscription(options))
    })
  }

  /**
   * New messages of all conversations, of those that begin later too, each once, across lost connections. Of a new
   * conversation every message comes, also those from before its invitation was seen.
   */
  streamAllMessages(
    onConnectionLost?: OnConnectionLostCallback,
  ): Promise<Stream<DecodedMessage<Content>>> {
    const { session, book } = this.#parts
    return Stream.open(session.signal, async (signal) =>
      this.#messages(await streamAll(session, book, { signal, onConnectionLost })),
    )
  }

  /** The order of v1-v2 §13.2; what differs is that V1 is not spoken here. */
  async #begin(
    peer: Address,
    more: {
      readonly context: InvitationContext | undefined
      readonly consentProof: ConversationRecord['consentProof']
    },
  ): Promise<ConversationRecord> {
    const { session, book, directory, contacts } = this.#parts
    const contact = await directory.find(peer)
    if (contact === undefined)
      throw new XmtpError('client.peer.notOnNetwork', `${peer} has published no keys.`)
    if (peer === session.account)
      throw new XmtpError('client.peer.self', `${peer} is this very account.`)
    const conversationId = more.context?.conversationId
    if (contact.version === 'v1' && conversationId === undefined)
      throw new XmtpError('client.peer.needsV1', `${peer} has published V1 keys only.`)
    await book.refresh()
    const known = book.find(peer, conversationId)
    if (known !== undefined) return known
    const record = await invite(session, { peer: contact.keyBundle, ...more })
    const inBook = book.add({ record, isDerived: () => true }) ?? record
    await contacts.allow([peer])
    return inBook
  }

  /** One object per conversation, so that apps can compare them. */
  #conversation(record: ConversationRecord): Conversation<Content> {
    const open = this.#open.get(record) ?? new Conversation<Content>(record, this.#parts)
    this.#open.set(record, open)
    return open
  }

  async *#invited(subscription: Subscription): AsyncGenerator<Conversation<Content>, void> {
    const had = new Set<ConversationRecord>()
    for await (const envelope of subscription.envelopes) {
      const record = this.#parts.book.receive(envelope)
      if (record === undefined || had.has(record)) continue
      had.add(record)
      yield this.#conversation(record)
    }
  }

  async *#messages(
    envelopes: AsyncIterable<ConversationEnvelope>,
  ): AsyncGenerator<DecodedMessage<Content>, void> {
    for await (const { record, envelope } of envelopes) {
      const message = await this.#conversation(record).receive(envelope)
      if (message !== undefined) yield message
    }
  }
}
