export { Client } from './v3/client.ts'
export { ApiUrls, createBackend, HistorySyncUrls } from './v3/client/backend.ts'
export type { Backend, NetworkOptions, XmtpEnv } from './v3/client/backend.ts'
export { BackupElementSelectionOption } from './v3/archive/archive-options.ts'
export type { ArchiveMetadata, ArchiveOptions } from './v3/archive/archive-options.ts'
export type { AvailableArchive as AvailableArchiveInfo } from './v3/device-sync/archives.ts'
export { LogLevel } from './v3/client/options.ts'
export type {
  BuiltInContentTypes,
  ClientOptions,
  ContentsOf,
  DeviceSyncOptions,
  OtherOptions,
} from './v3/client/options.ts'
export { generateInboxId, getInboxIdForIdentifier } from './v3/client/statics.ts'
export type { Where } from './v3/client/statics.ts'
export type { ApiStats, DebugInformation, IdentityStats } from './v3/client/statistics.ts'
export type { StorageOptions } from './v3/client/store.ts'
export type { ForkRecoveryOptions } from './v3/commit-log/worker.ts'
export type { Refusal } from './v3/core.ts'

export { Conversations } from './v3/conversation/conversations.ts'
export { Dm } from './v3/conversation/dm.ts'
export { Group } from './v3/conversation/group.ts'
export { Conversation } from './v3/conversation/conversation.ts'
export type {
  ConversationDebugInfo,
  MessageDisappearingSettings,
} from './v3/conversation/conversation.ts'
export type { CreateDmOptions, CreateGroupOptions } from './v3/conversation/begin.ts'
export type { ListConversationsOptions } from './v3/conversation/found.ts'
export type { GroupMember } from './v3/conversation/members.ts'
export type { HmacKey } from './v3/conversation/hmac-keys.ts'
export type { SendMessageOptions } from './v3/conversation/sending.ts'
export type { Reply } from './v3/message/content.ts'
export { metadataFieldName } from './v3/conversation/permissions.ts'
export type { GroupPermissions, PermissionPolicySet } from './v3/conversation/permissions.ts'
export {
  ConsentEntityType,
  ConsentState,
  ConversationType,
  GroupMembershipState,
  GroupPermissionsOptions,
  ListConversationsOrderBy,
  MetadataField,
  PermissionLevel,
  PermissionPolicy,
  PermissionUpdateType,
} from './v3/conversation/enums.ts'
export type { SyncSummary as GroupSyncSummary } from './v3/group/sync.ts'
export { Preferences } from './v3/preferences.ts'
export type { Consent, UserPreferenceUpdate } from './v3/preferences.ts'

export { DecodedMessage } from './v3/message/decoded-message.ts'
export type { DeletedMessage, EnrichedReply } from './v3/message/decoded-message.ts'
export { ActionStyle, ReactionAction, ReactionSchema } from './v3/message/built-in-codecs.ts'
export type { Action, Actions, Reaction } from './v3/message/built-in-codecs.ts'
export {
  contentTypeActions,
  contentTypeAttachment,
  contentTypeGroupUpdated,
  contentTypeIntent,
  contentTypeLeaveRequest,
  contentTypeMarkdown,
  contentTypeMultiRemoteAttachment,
  contentTypeReaction,
  contentTypeReadReceipt,
  contentTypeRemoteAttachment,
  contentTypeReply,
  contentTypeText,
  contentTypeTransactionReference,
  contentTypeWalletSendCalls,
  encodeActions,
  encodeAttachment,
  encodeIntent,
  encodeMarkdown,
  encodeMultiRemoteAttachment,
  encodeReaction,
  encodeReadReceipt,
  encodeRemoteAttachment,
  encodeText,
  encodeTransactionReference,
  encodeWalletSendCalls,
} from './v3/message/encode.ts'
export {
  ContentType,
  DeliveryStatus,
  GroupMessageKind,
  MessageSortBy,
  SortDirection,
} from './v3/message/enums.ts'
export {
  isActions,
  isAttachment,
  isGroupUpdated,
  isIntent,
  isLeaveRequest,
  isMarkdown,
  isMultiRemoteAttachment,
  isReaction,
  isReadReceipt,
  isRemoteAttachment,
  isReply,
  isText,
  isTextReply,
  isTransactionReference,
  isWalletSendCalls,
} from './v3/message/guards.ts'
export type { ListMessagesOptions } from './v3/message/list.ts'

export type { LocalStreamOptions, StreamOptions } from './v3/stream/options.ts'
export { ValueStream } from './v3/stream/value-stream.ts'
export type { AsyncStreamProxy } from './v3/stream/value-stream.ts'

export { IdentifierKind } from './v3/identity/public-identifier.ts'
export type { AccountName, Identifier } from './v3/identity/public-identifier.ts'
export type {
  InboxInstallation,
  InboxState,
  KeyPackageStatus,
  Recipient,
} from './v3/identity/inbox-state.ts'
export { SignatureRequestHandle } from './v3/identity/signature-request.ts'
export type { PasskeySignature } from './v3/identity/signature-request.ts'
export type { InboxWarning } from './v3/identity/publish-update.ts'
export type {
  AnyInboxSigner as Signer,
  ContractSigner as SCWSigner,
  ExternallyOwnedSigner as EOASigner,
  PasskeyAssertion,
  PasskeySigner,
} from './v3/signer.ts'

export { systemEnvironment } from './environment.ts'
export type { Environment } from './environment.ts'
export { openMemoryRecords, RecordMemory } from './store/memory-records.ts'
export type {
  AppendedRecord,
  Expectation,
  RecordBatch,
  RecordRange,
  RecordStore,
  StoredRecord,
} from './store/record-store.ts'
export { grpcWebTransport } from './transport/grpc-web.ts'
export type { GrpcWebOptions } from './transport/grpc-web.ts'
export { memoryTransport } from './transport/memory.ts'
export type { MemoryEndpoint } from './transport/memory.ts'
export type { CallOptions, ServerStream, Transport, UnaryOptions } from './transport/transport.ts'
export { decryptAttachment, encryptAttachment } from '@xmtp-ts/content'
export type {
  Attachment,
  ContentCodec,
  ContentTypeId,
  EncodedContent,
  EncryptedAttachment,
  GroupUpdated,
  Intent,
  LeaveRequest,
  MultiRemoteAttachment,
  ReadReceipt,
  RemoteAttachment,
  TransactionMetadata,
  TransactionReference,
  WalletCall,
  WalletSendCalls,
} from '@xmtp-ts/content'
export { XmtpError } from '@xmtp-ts/protocol'
export type { ErrorCode } from '@xmtp-ts/protocol'
