// Published clients over libxmtp, unmodified, as objects of a test: the native one in a process of its own (native.ts), the
// WASM one in a page of headless Chromium (browser.ts). Both have this one interface, and any number of them, of ours
// and of theirs, meet on one node:
//
//   describeUnless(native.problem)('…', () => {
//     const process = await native.start()                      // `await using` works too
//     const alix = await process.newClient({ apiUrl: node.url })
//     const bo = await process.newClient({ apiUrl: node.url, privateKey, dbPath: join(folder, 'bo.db3') })
//     const group = await alix.newGroup([bo.inboxId, ourInboxId], { groupName: 'name' })
//     const stream = await bo.streamMessages()
//     await group.send('text')
//     await stream.until((messages) => messages.some(({ content }) => content === 'text'))
//     await bo.syncAll()
//     const seen = await bo.conversation(group.id)
//     expect(await seen.texts()).toEqual(['text'])
//     expect(await seen.debugInfo()).toMatchObject({ epoch: 1n, maybeForked: false })
//
// - Wallets are random keys unless `privateKey` is given; two clients with one key are two installations.
// - Databases are in memory unless `dbPath` is given. A native client has no `close`: `process.kill()` ends it with all
//   others of its process, as a crash would, and `newClient` with the same `privateKey` and `dbPath` opens it again.
// - Device sync is off unless `disableDeviceSync: false`.
// - Names of enumerations are strings here ('allowed', 'superAdmin', 'membershipChange'); content types are written
//   `xmtp.org/text:1.0`; ids are lower-case hex; times are bigint nanoseconds; content is what the SDK decodes, its own
//   numbers for enumerations inside included.
// - What has no name here is within reach: `client.call('preferences.inboxState')`, `group.call('lastReadTimes')`,
//   `process.call('Client.fetchInboxStates', [inboxId], backend)`. Methods and properties alike, awaited; bytes,
//   bigints, maps and objects of the SDK pass both ways.
// - Failures of the SDK reject with its text.
// - Our own client has the shape of the SDK, so it stands behind this interface too (ours.ts); sides.ts runs one test with
//   ours and libxmtp in either place.
import type { Hex } from 'viem'
import type { Answer, Request, SignerSpec } from './host.ts'
import type { Stream } from './stream.ts'

export type ConsentState = 'unknown' | 'allowed' | 'denied'
export type PermissionPolicy = 'allow' | 'deny' | 'admin' | 'superAdmin'
export type PermissionKind =
  | 'addMember'
  | 'removeMember'
  | 'addAdmin'
  | 'removeAdmin'
  | 'updateMetadata'
export type MetadataField =
  | 'appData'
  | 'description'
  | 'name'
  | 'imageUrl'
  | 'disappearingFrom'
  | 'disappearingIn'

export type NewClient = {
  /** `http://127.0.0.1:PORT`. Absent: the default of `env`. */
  readonly apiUrl?: string
  /** Default `local`. */
  readonly env?: 'local' | 'dev' | 'production'
  readonly privateKey?: Hex
  /** The wallet is a contract, `privateKey` its owner's. */
  readonly contract?: SignerSpec['contract']
  /** A file; in a browser a name. Default: in memory. */
  readonly dbPath?: string
  readonly dbEncryptionKey?: Uint8Array
  /** Default true. */
  readonly disableDeviceSync?: boolean
  readonly historySyncUrl?: string
  readonly disableAutoRegister?: boolean
  readonly appVersion?: string
  /** Native only; the SDK's default is 1. */
  readonly nonce?: bigint
  /** Types of content that libxmtp does not know and that messages shall carry as encoded content: `example.org/thing`. */
  readonly rawTypes?: readonly string[]
  /** Whatever else the SDK takes (`workerConfig` of the browser's, `loggingLevel`, …). */
  readonly more?: Readonly<Record<string, unknown>>
}

/** Of the SDK. A stream that breaks is opened again after a minute (native) or ten seconds, unless told otherwise. */
export type StreamOptions = {
  readonly retryDelay?: number
  readonly retryAttempts?: number
  readonly retryOnFail?: boolean
  readonly disableSync?: boolean
  /** Of our client only: a name under which the stream goes on where it was, in a later process too. */
  readonly resume?: string
}

export type Message = {
  readonly id: string
  readonly conversationId: string
  readonly senderInboxId: string
  readonly kind: 'application' | 'membershipChange'
  /** `xmtp.org/text:1.0`; absent where the SDK gives none. */
  readonly contentType: string | undefined
  readonly content: unknown
  readonly fallback: string | undefined
  readonly sentAtNs: bigint
  readonly expiresAtNs: bigint | undefined
  readonly deliveryStatus: 'unpublished' | 'published' | 'failed'
  readonly numReplies: number
  readonly reactions: readonly Message[]
}

export type EncodedContent = {
  readonly type: {
    readonly authorityId: string
    readonly typeId: string
    readonly versionMajor: number
    readonly versionMinor: number
  }
  readonly parameters: Readonly<Record<string, string>>
  readonly content: Uint8Array
  readonly fallback?: string
  readonly compression?: number
}

export type Member = {
  readonly inboxId: string
  readonly installationIds: readonly string[]
  readonly permissionLevel: 'member' | 'admin' | 'superAdmin'
  readonly consentState: ConsentState
  readonly accounts: readonly string[]
}

export type InboxState = {
  readonly inboxId: string
  readonly recoveryAccount: string
  readonly accounts: readonly string[]
  readonly installationIds: readonly string[]
}

export type DebugInfo = {
  readonly epoch: bigint
  readonly maybeForked: boolean
  readonly forkDetails: string
  /** Absent until the commit log was compared. */
  readonly isCommitLogForked: boolean | undefined
  /** What became of every commit that this client processed, oldest first. */
  readonly commits: readonly LocalCommit[]
  /** libxmtp's own print of the entries that others published. */
  readonly remoteCommitLog: string
  readonly cursors: readonly { readonly originatorId: number; readonly sequenceId: number }[]
}

export type LocalCommit = {
  readonly sequenceId: number
  /** `Success`, or why it was not applied (`Invalid`, `WrongEpoch`, …). */
  readonly result: string
  /** libxmtp's text for what was not applied. */
  readonly error: string | undefined
  /** `GroupCreation`, `Welcome`, `UpdateGroupMembership`, `MetadataUpdate`, …: what libxmtp knew about it. */
  readonly type: string | undefined
  /** Of the group after it, with the first three bytes of that epoch's authenticator in hex: libxmtp shows no more. */
  readonly epoch: number
  readonly authenticator: string
}

export type GroupOptions = {
  readonly groupName?: string
  readonly groupDescription?: string
  readonly groupImageUrlSquare?: string
  readonly appData?: string
  /** Default `default`. */
  readonly permissions?: 'default' | 'adminOnly' | 'custom'
  /** With `custom`: addMemberPolicy, removeMemberPolicy, addAdminPolicy, removeAdminPolicy, updateGroupNamePolicy, … */
  readonly policies?: Readonly<Record<string, PermissionPolicy>>
  readonly disappearing?: { readonly fromNs: bigint; readonly inNs: bigint }
}

export type HmacKeys = ReadonlyMap<
  string,
  readonly { readonly key: Uint8Array; readonly epoch: bigint }[]
>

/** Methods of the SDK that send a type of content, without their `send`. */
export type Sendable =
  | 'Markdown'
  | 'Reaction'
  | 'ReadReceipt'
  | 'Reply'
  | 'TransactionReference'
  | 'WalletSendCalls'
  | 'Actions'
  | 'Intent'
  | 'Attachment'
  | 'MultiRemoteAttachment'
  | 'RemoteAttachment'

export type Conversation = {
  readonly id: string
  readonly kind: 'dm' | 'group'
  sync(): Promise<void>
  /** @returns id of the message; all four `send…` alike */
  send(text: string): Promise<string>
  /** Kept until `publish`. */
  sendOptimistic(text: string): Promise<string>
  /** The value is what the SDK takes: `sendAs('Reaction', { reference, referenceInboxId, action: 1, content, schema: 1 })`. */
  sendAs(type: Sendable, value?: unknown): Promise<string>
  sendContent(content: EncodedContent, options?: { readonly shouldPush: boolean }): Promise<string>
  publish(): Promise<void>
  /** What the local database has, oldest first; options are the SDK's. */
  messages(options?: Readonly<Record<string, unknown>>): Promise<readonly Message[]>
  /** Contents that are strings, oldest first. */
  texts(): Promise<readonly string[]>
  stream(options?: StreamOptions): Promise<Stream<Message>>
  members(): Promise<readonly Member[]>
  addMembers(inboxIds: readonly string[]): Promise<void>
  removeMembers(inboxIds: readonly string[]): Promise<void>
  /** Asks to be removed; an admin's client does it. */
  leave(): Promise<void>
  isPendingRemoval(): Promise<boolean>
  isActive(): Promise<boolean>
  addedByInboxId(): Promise<string>
  createdAtNs(): Promise<bigint>
  pausedForVersion(): Promise<string | undefined>
  peerInboxId(): Promise<string>
  duplicateDms(): Promise<readonly Conversation[]>
  /** Of a group; those of the local database. */
  metadata(): Promise<{ name: string; description: string; imageUrl: string; appData: string }>
  creatorInboxId(): Promise<string>
  updateName(name: string): Promise<void>
  updateDescription(description: string): Promise<void>
  updateImageUrl(imageUrl: string): Promise<void>
  updateAppData(appData: string): Promise<void>
  disappearing(): Promise<{ fromNs: bigint; inNs: bigint } | undefined>
  updateDisappearing(fromNs: bigint, inNs: bigint): Promise<void>
  removeDisappearing(): Promise<void>
  admins(): Promise<readonly string[]>
  superAdmins(): Promise<readonly string[]>
  addAdmin(inboxId: string): Promise<void>
  removeAdmin(inboxId: string): Promise<void>
  addSuperAdmin(inboxId: string): Promise<void>
  removeSuperAdmin(inboxId: string): Promise<void>
  permissions(): Promise<{
    readonly kind: 'default' | 'adminOnly' | 'custom'
    readonly policies: Readonly<Record<string, PermissionPolicy | 'doesNotExist' | 'other'>>
  }>
  updatePermission(
    kind: PermissionKind,
    policy: PermissionPolicy,
    field?: MetadataField,
  ): Promise<void>
  consent(): Promise<ConsentState>
  setConsent(state: ConsentState): Promise<void>
  debugInfo(): Promise<DebugInfo>
  hmacKeys(): Promise<HmacKeys>
  call(path: string, ...args: readonly unknown[]): Promise<any>
}

export type Client = {
  readonly inboxId: string
  readonly installationId: string
  /** Lower case. */
  readonly address: string
  readonly privateKey: Hex
  readonly libxmtpVersion: string
  isRegistered(): Promise<boolean>
  register(): Promise<void>
  /** Welcomes only. */
  sync(): Promise<void>
  /** Welcomes, then every conversation with one of these states; absent: those that are not denied. */
  syncAll(states?: readonly ConsentState[]): Promise<void>
  /** The sync group of the own installations. */
  syncPreferences(): Promise<void>
  newDm(inboxId: string, options?: Pick<GroupOptions, 'disappearing'>): Promise<Conversation>
  newDmWithAddress(address: string): Promise<Conversation>
  newGroup(inboxIds: readonly string[], options?: GroupOptions): Promise<Conversation>
  newGroupWithAddresses(addresses: readonly string[], options?: GroupOptions): Promise<Conversation>
  newGroupOptimistic(options?: GroupOptions): Promise<Conversation>
  /** From the local database; rejects when it is not there. */
  conversation(id: string): Promise<Conversation>
  dmWith(inboxId: string): Promise<Conversation>
  /** From the local database; options are the SDK's. */
  list(options?: Readonly<Record<string, unknown>>): Promise<readonly Conversation[]>
  message(id: string): Promise<Message | undefined>
  streamConversations(options?: StreamOptions): Promise<Stream<Conversation>>
  streamMessages(
    options?: StreamOptions & { readonly consentStates?: readonly ConsentState[] },
  ): Promise<Stream<Message>>
  streamConsent(options?: StreamOptions): Promise<Stream<unknown>>
  streamPreferences(options?: StreamOptions): Promise<Stream<unknown>>
  streamDeletedMessages(options?: StreamOptions): Promise<Stream<Message>>
  canMessage(addresses: readonly string[]): Promise<readonly boolean[]>
  inboxIdOf(address: string): Promise<string | undefined>
  /** From the network. */
  inboxState(): Promise<InboxState>
  inboxStates(inboxIds: readonly string[]): Promise<readonly InboxState[]>
  addAccount(privateKey: Hex): Promise<void>
  removeAccount(address: string): Promise<void>
  changeRecovery(address: string): Promise<void>
  revokeInstallations(installationIds: readonly string[]): Promise<void>
  revokeAllOtherInstallations(): Promise<void>
  setConsent(kind: 'conversation' | 'inbox', entity: string, state: ConsentState): Promise<void>
  consent(kind: 'conversation' | 'inbox', entity: string): Promise<ConsentState>
  hmacKeys(): Promise<HmacKeys>
  keyPackageStatuses(
    installationIds: readonly string[],
  ): Promise<ReadonlyMap<string, { readonly validationError: string | undefined }>>
  sendSyncRequest(): Promise<void>
  sendSyncArchive(pin: string): Promise<void>
  processSyncArchive(pin?: string): Promise<void>
  /** Pins of those in the sync group. */
  availableArchives(daysCutoff?: number): Promise<readonly string[]>
  syncDeviceSyncGroups(): Promise<void>
  /** How often it called which RPC. */
  statistics(): Promise<Readonly<Record<string, bigint>>>
  /** The browser's only. */
  close(): Promise<void>
  call(path: string, ...args: readonly unknown[]): Promise<any>
}

/** A process or page with an SDK in it, and any number of clients. */
export type ClientProcess = AsyncDisposable & {
  readonly sdk: 'node-sdk' | 'browser-sdk' | 'xmtp-ts'
  newClient(options: NewClient): Promise<Client>
  /** At once, in the middle of whatever goes on. What waits for an answer rejects. */
  kill(): Promise<void>
  call(path: string, ...args: readonly unknown[]): Promise<any>
}

/** A kind of client that this machine may or may not run. */
export type ClientKind = {
  readonly sdk: ClientProcess['sdk']
  /** Why not, and how to get it; absent when it runs here. */
  readonly problem: string | undefined
  start(): Promise<ClientProcess>
}

/** The line between a test and a host. */
export type Wire = {
  send(request: Request): void
  /** One listener. `undefined` means that the host is gone. */
  onAnswer(listener: (answer: Answer | undefined) => void): void
  /** Anything that explains why the host is gone. */
  complaints(): string
  close(): Promise<void>
}
