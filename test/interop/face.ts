import {
  buildDirectMessageTopic,
  buildUserContactTopic,
  buildUserIntroTopic,
  buildUserInviteTopic,
  Client,
  CompositeCodec,
  Compression,
  ConsentListEntry,
  ContentTypeComposite,
  ContentTypeId,
  ContentTypeText,
  ConversationV2,
  DecodedMessage,
  SortDirection,
  Stream,
  TextCodec,
} from '@xmtp-ts/client/v2'
import type {
  ClientOptions,
  CodecRegistry,
  Composite,
  ConsentListEntryType,
  ConsentState,
  ContentCodec,
  Conversation,
  Conversations,
  EncodedContent,
  ExtractDecodedType,
  GetMessageContentTypeFromClient,
  InvitationContext,
  ListMessagesOptions,
  ListMessagesPaginatedOptions,
  OnConnectionLostCallback,
  PrivatePreferencesAction,
  PublishParams,
  SendOptions,
  Signer,
  XmtpEnv,
} from '@xmtp-ts/client/v2'

/**
 * Names every member of the published SDK's face that ours has, as an app would. Compiled, never run: against ours and,
 * with another import, against `@xmtp/xmtp-js` 11.
 */
export async function everyMember(wallet: Signer, peer: string): Promise<unknown[]> {
  const env: XmtpEnv = 'local'
  const options: Partial<ClientOptions> = {
    env,
    apiUrl: 'http://127.0.0.1:5555',
    appVersion: 'face/1',
    skipContactPublishing: false,
    publishLegacyContact: false,
    maxContentSize: 1_000_000,
    preCreateIdentityCallback: async () => undefined,
    preEnableIdentityCallback: async () => undefined,
    codecs: [new TextCodec(), new CompositeCodec()],
  }
  const lost: OnConnectionLostCallback = () => undefined
  const keys: Uint8Array = await Client.getKeys(wallet, options)
  const client = await Client.create(null, { ...options, privateKeyOverride: keys })
  const typed = await Client.create(wallet, { codecs: [new CompositeCodec()] })
  type Held = GetMessageContentTypeFromClient<typeof typed>
  const held: Held = 'text'
  const extracted: ExtractDecodedType<TextCodec> = 'text'
  const many: boolean[] = await Client.canMessage([peer], { env })
  const one: boolean = await client.canMessage(peer)
  const some: boolean[] = await client.canMessage([peer])
  client.forgetContact(peer)
  await client.publishUserContact()
  await client.publishUserContact(true)
  const contact = await client.getUserContact(peer)
  const contacts = await client.getUserContacts([peer])
  const envelope: PublishParams = {
    contentTopic: buildUserInviteTopic(peer),
    message: keys,
    timestamp: new Date(),
  }
  await client.publishEnvelopes([envelope])
  client.registerCodec(new TextCodec())
  const codec: ContentCodec<string> | undefined = client.codecFor(ContentTypeText)
  const list: ListMessagesOptions = {
    startTime: new Date(0),
    endTime: new Date(),
    limit: 10,
    direction: SortDirection.SORT_DIRECTION_ASCENDING,
    checkAddresses: true,
  }
  const page: ListMessagesPaginatedOptions = {
    startTime: new Date(0),
    endTime: new Date(),
    pageSize: 10,
    direction: SortDirection.SORT_DIRECTION_DESCENDING,
  }
  const send: SendOptions = {
    contentType: ContentTypeText,
    compression: Compression.COMPRESSION_GZIP,
    timestamp: new Date(),
    ephemeral: false,
  }
  const { payload, shouldPush } = await client.encodeContent('content', send)
  const { content, contentType, error, contentFallback } = await client.decodeContent(payload)
  const invitations = await client.listInvitations(list)
  const envelopes = await client.listEnvelopes(
    buildUserContactTopic(peer),
    async ({ contentTopic, timestampNs, message }) => [contentTopic, timestampNs, message],
    list,
  )
  const pages = client.listEnvelopesPaginated(
    buildUserIntroTopic(peer),
    async ({ message }) => message,
    page,
  )
  const first: (Uint8Array | undefined)[] | undefined = (await pages.next()).value ?? undefined
  await client.close()
  return [
    ...(await everyConversation(client, { peer, send, list, page, lost })),
    ...(await everyConsent(client, peer, lost)),
    ...everyContent(codec),
    client.address,
    client.publicKeyBundle,
    held,
    extracted,
    many,
    one,
    some,
    contact,
    contacts,
    shouldPush,
    content,
    contentType,
    error,
    contentFallback,
    invitations,
    envelopes,
    first,
  ]
}

async function everyConversation(
  client: Client,
  options: {
    peer: string
    send: SendOptions
    list: ListMessagesOptions
    page: ListMessagesPaginatedOptions
    lost: OnConnectionLostCallback
  },
): Promise<unknown[]> {
  const { peer, send, list, page, lost } = options
  const all: Conversations = client.conversations
  const context: InvitationContext = { conversationId: 'example.org/1', metadata: { title: 'x' } }
  const conversation: Conversation = await all.newConversation(peer, context)
  const again = await all.newConversation(peer, context, conversation.consentProof)
  const listed: Conversation[] = [...(await all.list()), ...(await all.listFromCache())]
  const streamed = await all.stream(lost)
  const everything = await all.streamAllMessages(lost)
  for await (const message of everything) if (message.conversation.topic === again.topic) break
  await streamed.return()

  const version: 'v1' | 'v2' = conversation.conversationVersion
  const { topic, ephemeralTopic, peerAddress, clientAddress, createdAt } = conversation
  const consent: [boolean, boolean, ConsentState] = [
    conversation.isAllowed,
    conversation.isDenied,
    conversation.consentState,
  ]
  await conversation.allow()
  await conversation.deny()
  const proof =
    conversation instanceof ConversationV2 ? conversation.consentProofPayload : undefined
  const messages: DecodedMessage[] = await conversation.messages(list)
  for await (const some of conversation.messagesPaginated(page)) messages.push(...some)
  const prepared = await conversation.prepareMessage('content', send)
  const id: string = await prepared.messageID()
  const { contentTopic, timestampNs, message } = prepared.messageEnvelope
  messages.push(await prepared.send(), await conversation.send('content', send))
  messages.push(await conversation.decodeMessage({ contentTopic, timestampNs, message }))
  const stream = await conversation.streamMessages()
  const isStream = stream instanceof Stream
  for await (const one of stream) messages.push(one)
  const ephemeral = await conversation.streamEphemeral()
  const next: IteratorResult<DecodedMessage> = await ephemeral.next()

  const [newest] = messages
  if (newest !== undefined) messages.push(await DecodedMessage.fromBytes(newest.toBytes(), client))
  const shown = messages.map((one) => [
    one.id,
    one.messageVersion,
    one.senderAddress,
    one.recipientAddress,
    one.sent.getTime(),
    one.contentTopic,
    one.conversation.topic,
    one.contentType.toString(),
    one.content,
    one.contentBytes.length,
    one.error?.message,
    one.contentFallback,
    one instanceof DecodedMessage,
  ])
  return [
    listed,
    version,
    topic,
    ephemeralTopic,
    peerAddress,
    clientAddress,
    createdAt,
    consent,
    proof,
    id,
    isStream,
    next,
    shown,
    context,
    conversation.context,
    buildDirectMessageTopic(peer, clientAddress),
  ]
}

async function everyConsent(
  client: Client,
  peer: string,
  lost: OnConnectionLostCallback,
): Promise<unknown[]> {
  const { contacts } = client
  await contacts.loadConsentList(new Date(0))
  await contacts.refreshConsentList()
  await contacts.allow([peer])
  await contacts.deny([peer])
  const type: ConsentListEntryType = 'address'
  const entry = new ConsentListEntry(peer, type, 'allowed')
  contacts.setConsentListEntries([entry, ConsentListEntry.fromAddress(peer, 'denied')])
  const state: ConsentState = contacts.consentState(peer)
  const actions: PrivatePreferencesAction[] = []
  for await (const action of await contacts.streamConsentList(lost)) actions.push(action)
  return [
    contacts.isAllowed(peer),
    contacts.isDenied(peer),
    state,
    actions,
    entry.key,
    entry.value,
    entry.entryType,
    entry.permissionType,
    contacts.lastConsentListEntryTimestamp,
  ]
}

function everyContent(codec: ContentCodec<string> | undefined): unknown[] {
  const type = new ContentTypeId({
    authorityId: 'example.org',
    typeId: 'face',
    versionMajor: 1,
    versionMinor: 0,
  })
  const registry: CodecRegistry = { codecFor: () => codec }
  const composite: Composite = { parts: [{ type: ContentTypeText, content: 'part' }] }
  const encoded: EncodedContent = new CompositeCodec().encode(composite, registry)
  return [
    type.sameAs(ContentTypeComposite),
    type.toString(),
    type.authorityId,
    type.typeId,
    type.versionMajor,
    type.versionMinor,
    ContentTypeId.fromString(type.toString()),
    new TextCodec().encode('text'),
    new CompositeCodec().decode(encoded, registry),
    codec?.fallback('text'),
    codec?.shouldPush('text'),
    codec?.contentType,
  ]
}
