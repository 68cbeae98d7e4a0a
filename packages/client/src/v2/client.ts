import {
  createCodecRegistry,
  textCodec,
  type AnyCodec,
  type ContentOf,
  type ContentTypeId,
} from '@xmtp-ts/content'
import {
  attempt,
  inviteTopic,
  parseAddress,
  publicKeyBundle,
  rememberingVerifier,
  type KeyBundle,
  type VerifiedKeyBundle,
} from '@xmtp-ts/protocol'
import { msToNs } from '../environment.ts'
import { maxVerifiedBundles } from '../limits.ts'
import type { AnySigner } from '../signer.ts'
import {
  createContactDirectory,
  publishContact,
  type ContactDirectory,
} from './contact-directory.ts'
import { Contacts } from './contacts.ts'
import { decodeWith, encodeWith, readContent, type ReadContent } from './content.ts'
import { withTypeMethods } from './content-type-id.ts'
import { createConversationBook } from './conversation-book.ts'
import { Conversations } from './conversations.ts'
import {
  envelopePages,
  listEnvelopes,
  type EnvelopeMapper,
  type ListedEnvelope,
} from './list-envelopes.ts'
import { encodeKeys } from './keys.ts'
import { openNetwork, type NetworkOptions } from './network-options.ts'
import {
  SortDirection,
  type ListMessagesOptions,
  type ListMessagesPaginatedOptions,
  type SendOptions,
} from './options.ts'
import { openSession, type ClientOptions } from './open-session.ts'
import type { Session } from './session.ts'
import { sharedController } from '#platform'

/** An envelope to publish as it is. */
export type PublishParams = {
  readonly contentTopic: string
  readonly message: Uint8Array
  /** Now unless given. */
  readonly timestamp?: Date | undefined
}

/** What a client's messages hold. */
export type GetMessageContentTypeFromClient<Of> = Of extends Client<infer Content> ? Content : never

/** Contents of a client with these codecs; text is always there. */
type ContentsOf<Codecs extends readonly AnyCodec[]> =
  | ContentOf<[...Codecs, typeof textCodec][number]>
  | undefined

/**
 * An account on the V1/V2 network, in the shape of `@xmtp/xmtp-js` 11 to 13. `Client.create` returns a finished one;
 * close it, or use `await using`.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- apps that name no content type get what xmtp-js gives them
export class Client<Content = any> implements AsyncDisposable {
  /** The account, in the mixed case of EIP-55. */
  readonly address: string
  readonly conversations: Conversations<Content>
  readonly contacts: Contacts
  readonly #session: Session
  readonly #directory: ContactDirectory
  readonly #codecs: AnyCodec[]
  readonly #close: () => void

  private constructor(session: Session, own: { codecs: AnyCodec[]; close: () => void }) {
    const book = createConversationBook(session)
    const directory = createContactDirectory(session)
    const contacts = new Contacts(session, book)
    this.address = session.account
    this.contacts = contacts
    this.conversations = new Conversations({ session, book, directory, contacts })
    this.#session = session
    this.#directory = directory
    this.#codecs = own.codecs
    this.#close = own.close
  }

  /**
   * Opens the account of a signer: loads its keys or makes them, and publishes its contact if that is missing. Asks
   * the wallet for two signatures the first time, for one afterwards, for none with `privateKeyOverride`.
   * @param signer a private key, a viem account or wallet client, an ethers signer, an EIP-1193 provider; null with
   * `privateKeyOverride`
   * @throws XmtpError `client.signer.*`, `keyBundle.*`, `client.network.*`, `client.node.*`, `client.env.gone`
   */
  static async create<Codecs extends readonly AnyCodec[] = []>(
    signer: AnySigner | null,
    options: ClientOptions & { readonly codecs?: Codecs | undefined } = {},
  ): Promise<Client<ContentsOf<Codecs>>> {
    const controller = sharedController()
    const codecs: AnyCodec[] = [textCodec, ...(options.codecs ?? [])].map(withTypeMethods)
    const session = await openSession(signer, {
      options,
      codecs: { codecFor: (type) => createCodecRegistry(codecs).codecFor(type) },
      signal: controller.signal,
    })
    const client = new Client<ContentsOf<Codecs>>(session, {
      codecs,
      close: () => controller.abort(),
    })
    if (options.skipContactPublishing !== true)
      await client.publishUserContact(options.publishLegacyContact)
    return client
  }

  /**
   * The keys of an account, for `privateKeyOverride`. Whoever has them can read and write as the account: keep them as
   * you keep the wallet's key.
   */
  static async getKeys(signer: AnySigner | null, options: ClientOptions = {}): Promise<Uint8Array> {
    await using client = await Client.create(signer, options)
    return encodeKeys(client.#session.keys)
  }

  /** Whether an account has published keys. False for what is no address, except in a list. */
  static canMessage(peerAddress: string, options?: NetworkOptions): Promise<boolean>
  static canMessage(peerAddress: string[], options?: NetworkOptions): Promise<boolean[]>
  static async canMessage(
    peer: string | string[],
    options: NetworkOptions = {},
  ): Promise<boolean | boolean[]> {
    return canMessage(openDirectory(options), peer)
  }

  /** Whether an account has published keys. False for what is no address, except in a list. */
  canMessage(peerAddress: string): Promise<boolean>
  canMessage(peerAddress: string[]): Promise<boolean[]>
  canMessage(peer: string | string[]): Promise<boolean | boolean[]> {
    return canMessage(this.#directory, peer)
  }

  /** The account's public keys. */
  get publicKeyBundle(): KeyBundle {
    return publicKeyBundle(this.#session.keys)
  }

  /** The verified public keys of an account; undefined when it has published none. @throws XmtpError `address.malformed` */
  async getUserContact(peerAddress: string): Promise<VerifiedKeyBundle | undefined> {
    return (await this.#directory.find(parseAddress(peerAddress)))?.keyBundle
  }

  /** The same for many at once, in their order. */
  async getUserContacts(
    peerAddresses: readonly string[],
  ): Promise<(VerifiedKeyBundle | undefined)[]> {
    const contacts = await this.#directory.findAll(peerAddresses.map(parseAddress))
    return contacts.map((contact) => contact?.keyBundle)
  }

  /** Has the next look-up of this account ask the network. */
  forgetContact(peerAddress: string): void {
    this.#directory.forget(parseAddress(peerAddress))
  }

  /** Publishes the account's contact unless the network has it; only the V1 form if `legacy`. */
  async publishUserContact(legacy = false): Promise<void> {
    await publishContact(this.#session, { form: legacy ? 'v1' : 'both' })
  }

  /** Adds a codec, or replaces the one for its type. */
  registerCodec<Codec extends AnyCodec>(codec: Codec): Client<Content | ContentOf<Codec>> {
    this.#codecs.push(withTypeMethods(codec))
    return this
  }

  /** The codec that would read this type. */
  codecFor(contentType: ContentTypeId): AnyCodec | undefined {
    return this.#session.codecs.codecFor(contentType)
  }

  /** Publishes envelopes as they are. @throws XmtpError `client.envelope.empty`, `bytes.tooLong`, `topic.tooLong` */
  async publishEnvelopes(envelopes: readonly PublishParams[]): Promise<void> {
    const { api, token, timestampNs } = this.#session
    await api.publish(
      envelopes.map(({ contentTopic: topic, message, timestamp }) => ({
        topic,
        message,
        timestampNs: timestamp === undefined ? timestampNs() : msToNs(timestamp.getTime()),
      })),
      token,
    )
  }

  /** The envelopes of a topic through `map`; one for which it throws an XmtpError is left out and reported. */
  async listEnvelopes<Out>(
    topic: string,
    map: EnvelopeMapper<Out>,
    options: ListMessagesOptions = {},
  ): Promise<Out[]> {
    return listEnvelopes(this.#session, topic, { map, options })
  }

  /** The same a page at a time, and the newest first unless asked otherwise. */
  listEnvelopesPaginated<Out>(
    topic: string,
    map: EnvelopeMapper<Out>,
    options: ListMessagesPaginatedOptions = {},
  ): AsyncGenerator<Out[], void> {
    const direction = options.direction ?? SortDirection.SORT_DIRECTION_DESCENDING
    return envelopePages(this.#session, topic, { map, options: { ...options, direction } })
  }

  /** The envelopes of the account's invite topic, as they are. */
  async listInvitations(options: ListMessagesOptions = {}): Promise<ListedEnvelope[]> {
    return this.listEnvelopes(inviteTopic(this.#session.account), (envelope) => envelope, options)
  }

  /**
   * Content as the payload of a message: an encoded EncodedContent.
   * @throws XmtpError `content.unknownType` without a codec, or what the codec throws
   */
  async encodeContent(
    content: Content,
    options: SendOptions = {},
  ): Promise<{ payload: Uint8Array; shouldPush: boolean }> {
    const { bytes, shouldPush } = await encodeWith(this.#session, content, options)
    return { payload: bytes, shouldPush }
  }

  /** The content in such a payload; what cannot be read has an error. @throws XmtpError `content.malformed` */
  async decodeContent(contentBytes: Uint8Array): Promise<ReadContent<Content>> {
    return readContent(await decodeWith(this.#session, contentBytes))
  }

  /** Ends all streams and whatever is under way. */
  async close(): Promise<void> {
    this.#close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * The verified public keys of an account, without a client of one's own; undefined when it has published none.
 * @throws XmtpError `address.malformed`, `client.network.*`, `client.node.*`
 */
export async function lookUpContact(
  address: string,
  options: NetworkOptions = {},
): Promise<VerifiedKeyBundle | undefined> {
  const contact = await openDirectory(options).find(parseAddress(address))
  return contact?.keyBundle
}

function openDirectory(options: NetworkOptions): ContactDirectory {
  const { api } = openNetwork(options)
  return createContactDirectory({ api, verify: rememberingVerifier(maxVerifiedBundles) })
}

async function canMessage(
  directory: ContactDirectory,
  peer: string | string[],
): Promise<boolean | boolean[]> {
  if (typeof peer !== 'string') {
    const contacts = await directory.findAll(peer.map(parseAddress))
    return contacts.map((contact) => contact !== undefined)
  }
  const address = attempt(() => parseAddress(peer))
  return address.ok && (await directory.find(address.value)) !== undefined
}
