export { Client, lookUpContact } from './client.ts'
export type { GetMessageContentTypeFromClient, PublishParams } from './client.ts'
export type { EnvelopeMapper, ListedEnvelope } from './list-envelopes.ts'
export type { ClientOptions } from './open-session.ts'
export type { NetworkOptions, XmtpEnv } from './network-options.ts'
export type { Contacts } from './contacts.ts'
export { ConsentListEntry } from './consent-entry.ts'
export type {
  ConsentListEntryType,
  ConsentState,
  PrivatePreferencesAction,
} from './consent-entry.ts'
export type { ReadContent } from './content.ts'
export { ContentTypeComposite, CompositeCodec } from './composite.ts'
export type { Composite } from '@xmtp-ts/content'
export { Conversation, Conversation as ConversationV2 } from './conversation.ts'
export type { InvitationContext, PreparedMessage, ReceivedEnvelope } from './conversation.ts'
export { Conversations } from './conversations.ts'
export { DecodedMessage } from './message.ts'
export type { Problem } from './session.ts'
export { ContentTypeId } from './content-type-id.ts'
export { ContentTypeText, TextCodec } from './text.ts'
export {
  buildDirectMessageTopic,
  buildUserContactTopic,
  buildUserIntroTopic,
  buildUserInviteTopic,
} from './topics.ts'
export { Compression, SortDirection } from './options.ts'
export type {
  ListMessagesOptions,
  ListMessagesPaginatedOptions,
  OnConnectionLostCallback,
  SendOptions,
} from './options.ts'
export type {
  CodecRegistry,
  ContentCodec,
  ContentOf as ExtractDecodedType,
  EncodedContent,
} from '@xmtp-ts/content'

export { toSigner } from '../signer.ts'
export type { AnySigner, Signer, WalletSigner } from '../signer.ts'
export { systemEnvironment } from '../environment.ts'
export type { Environment } from '../environment.ts'
export { memoryKeyStore } from '../store/key-store.ts'
export type { KeyStore } from '../store/key-store.ts'
export { Stream } from '../stream/stream.ts'
export { grpcWebTransport } from '../transport/grpc-web.ts'
export type { GrpcWebOptions } from '../transport/grpc-web.ts'
export { memoryTransport } from '../transport/memory.ts'
export type { MemoryEndpoint } from '../transport/memory.ts'
export type { CallOptions, ServerStream, Transport, UnaryOptions } from '../transport/transport.ts'
export { parseAddress, XmtpError } from '@xmtp-ts/protocol'
export type { ErrorCode } from '@xmtp-ts/protocol'
