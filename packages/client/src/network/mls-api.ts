import type {
  GroupMessage_V1,
  WelcomeMessage as WireWelcomeMessage,
  WelcomeMessageInput,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import type { v3 } from '@xmtp-ts/protocol'

/** A message of a group as the node keeps it: an MLSMessage with its place and time. */
export type GroupMessage = Readonly<GroupMessage_V1>

export type GroupMessageToSend = {
  /** An MLSMessage; the group is named inside. */
  readonly data: Uint8Array
  /** 32 bytes, for push servers. */
  readonly senderHmac: Uint8Array
  readonly shouldPush: boolean
}

/** A welcome (`v1`) or a pointer to one, with its place and time. */
export type WelcomeMessage = Readonly<NonNullable<WireWelcomeMessage['version']>>

/** The newest message of a group without its content. */
export type NewestGroupMessage = Pick<GroupMessage, 'id' | 'createdNs' | 'isCommit'>

export type GroupFilter = {
  readonly groupId: Uint8Array
  /** Exclusive; 0 for everything. */
  readonly afterId: bigint
}

export type WelcomeFilter = {
  /** 32 bytes */
  readonly installationKey: Uint8Array
  /** Exclusive; 0 for everything. */
  readonly afterId: bigint
}

export type LoggedCommit = v3.SignedCommitLogEntry & { readonly sequenceId: bigint }

/** The first entries of a group's commit log behind a place, at most 100. */
export type CommitLogPage = {
  readonly entries: readonly LoggedCommit[]
  /** Whether the node has more behind them. */
  readonly hasMore: boolean
}

export type CommitLogEntryToPublish = {
  readonly groupId: Uint8Array
  readonly entry: v3.SignedCommitLogEntry
}

/**
 * The calls of V3 about groups and welcomes (v3-mls §8.3, §9): typed, bounded, retried where that helps. Whatever a
 * list is asked for, the answers stand in its order. Every method throws XmtpError `client.network.*`, `client.node.*`
 * or `client.closed`.
 */
export interface MlsApi {
  /** Replaces the key package of the installation that it names. */
  uploadKeyPackage(keyPackage: Uint8Array): Promise<void>
  /** The key package of each installation, or undefined where there is none. */
  fetchKeyPackages(
    installationKeys: readonly Uint8Array[],
  ): Promise<readonly (Uint8Array | undefined)[]>
  /** Durable when it resolves. The same message twice is stored once. */
  sendGroupMessages(messages: readonly GroupMessageToSend[]): Promise<void>
  /** As above, in calls of at most 50, one after the other. */
  sendWelcomeMessages(messages: readonly WelcomeMessageInput[]): Promise<void>
  /** Pages in order until the last, behind `afterId`; never an empty one. */
  queryGroupMessages(
    groupId: Uint8Array,
    afterId: bigint,
  ): AsyncGenerator<readonly GroupMessage[], void>
  /** Pages in order until the last, behind `afterId`; never an empty one. */
  queryWelcomeMessages(
    installationKey: Uint8Array,
    afterId: bigint,
  ): AsyncGenerator<readonly WelcomeMessage[], void>
  /** The newest message of each group, or undefined where there is none. */
  newestGroupMessages(
    groupIds: readonly Uint8Array[],
  ): Promise<readonly (NewestGroupMessage | undefined)[]>
  /**
   * One connection: what is stored behind each `afterId`, then what comes; ids grow within a group. Resolves when the
   * node has taken the subscription.
   */
  subscribeGroupMessages(
    filters: readonly GroupFilter[],
    signal: AbortSignal,
  ): Promise<AsyncIterable<GroupMessage>>
  /** The same for welcomes. The node wants one filter at least. */
  subscribeWelcomeMessages(
    filters: readonly WelcomeFilter[],
    signal: AbortSignal,
  ): Promise<AsyncIterable<WelcomeMessage>>
  batchQueryCommitLog(queries: readonly GroupFilter[]): Promise<readonly CommitLogPage[]>
  batchPublishCommitLog(entries: readonly CommitLogEntryToPublish[]): Promise<void>
}
