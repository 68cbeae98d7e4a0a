import { Empty } from '@xmtp-ts/proto/google/protobuf/empty'
import {
  BatchPublishCommitLogRequest,
  BatchQueryCommitLogRequest,
  BatchQueryCommitLogResponse,
  FetchKeyPackagesRequest,
  FetchKeyPackagesResponse,
  GetNewestGroupMessageRequest,
  GetNewestGroupMessageResponse,
  QueryGroupMessagesRequest,
  QueryGroupMessagesResponse,
  QueryWelcomeMessagesRequest,
  QueryWelcomeMessagesResponse,
  SendGroupMessagesRequest,
  SendWelcomeMessagesRequest,
  SortDirection,
  SubscribeGroupMessagesRequest,
  SubscribeWelcomeMessagesRequest,
  UploadKeyPackageRequest,
  type GroupMessage_V1,
  type PagingInfo,
  type WelcomeMessage as WireWelcomeMessage,
  type WelcomeMessageInput,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { XmtpError, type v3 } from '@xmtp-ts/protocol'
import { chunkWelcomes } from '@xmtp-ts/protocol/group'
import {
  maxCommitLogEntriesPerCall,
  maxCommitLogQueriesPerCall,
  maxKeyPackagesPerCall,
  maxNewestPerCall,
  maxPageMessages,
  maxPages,
} from '../limits.ts'
import { askEach, inChunks } from './chunks.ts'
import type { MessageApiOptions } from './message-api.ts'
import {
  readCommitLogPage,
  readGroupPage,
  readKeyPackage,
  readNewest,
  readNewestWelcome,
  readWelcomePage,
  requireCount,
  streamedGroupMessages,
  streamedWelcomes,
  type Page,
} from './mls-answers.ts'
import { createV3Caller } from './v3-caller.ts'

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
  /** The place of the newest welcome, or undefined where there is none. */
  newestWelcome(installationKey: Uint8Array): Promise<bigint | undefined>
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

/** Pages, in order, from the place behind `afterId`. */
const pagingInfo = (afterId: bigint): PagingInfo => ({
  direction: SortDirection.SORT_DIRECTION_ASCENDING,
  limit: maxPageMessages,
  idCursor: afterId,
})

export function createMlsApi(options: MessageApiOptions): MlsApi {
  const { unary, serverStream } = createV3Caller('/xmtp.mls.api.v1.MlsApi', options)
  return {
    async uploadKeyPackage(keyPackageTlsSerialized) {
      const request = { keyPackage: { keyPackageTlsSerialized }, isInboxIdCredential: true }
      await unary('UploadKeyPackage', UploadKeyPackageRequest.encode(request), Empty)
    },

    // Each key is asked for once: the reference node answers only the last place of one that comes twice.
    fetchKeyPackages: (installationKeys) =>
      askEach(installationKeys, maxKeyPackagesPerCall, async (installationKeys) => {
        const request = FetchKeyPackagesRequest.encode({ installationKeys })
        const answer = await unary('FetchKeyPackages', request, FetchKeyPackagesResponse)
        requireCount(answer.keyPackages, installationKeys.length)
        return answer.keyPackages.map(readKeyPackage)
      }),

    async sendGroupMessages(messages) {
      if (messages.length === 0) return
      const request = SendGroupMessagesRequest.encode({
        messages: messages.map((value) => ({ version: { $case: 'v1', value } })),
      })
      await unary('SendGroupMessages', request, Empty)
    },

    async sendWelcomeMessages(all) {
      for (const chunk of chunkWelcomes(all)) {
        const request = SendWelcomeMessagesRequest.encode({ messages: [...chunk] })
        await unary('SendWelcomeMessages', request, Empty)
      }
    },

    queryGroupMessages: (groupId, afterId) =>
      pages(afterId, async (afterId) => {
        const request = QueryGroupMessagesRequest.encode({
          groupId,
          pagingInfo: pagingInfo(afterId),
        })
        const answer = await unary('QueryGroupMessages', request, QueryGroupMessagesResponse)
        return readGroupPage(answer, { groupId, afterId })
      }),

    queryWelcomeMessages: (installationKey, afterId) =>
      pages(afterId, async (afterId) => {
        const request = QueryWelcomeMessagesRequest.encode({
          installationKey,
          pagingInfo: pagingInfo(afterId),
        })
        const answer = await unary('QueryWelcomeMessages', request, QueryWelcomeMessagesResponse)
        return readWelcomePage(answer, { installationKey, afterId })
      }),

    async newestWelcome(installationKey) {
      const direction = SortDirection.SORT_DIRECTION_DESCENDING
      const pagingInfo = { direction, limit: 1, idCursor: 0n }
      const request = QueryWelcomeMessagesRequest.encode({ installationKey, pagingInfo })
      const answer = await unary('QueryWelcomeMessages', request, QueryWelcomeMessagesResponse)
      return readNewestWelcome(answer, installationKey)
    },

    newestGroupMessages: (groupIds) =>
      askEach(groupIds, maxNewestPerCall, async (groupIds) => {
        const request = GetNewestGroupMessageRequest.encode({ groupIds, includeContent: false })
        const answer = await unary('GetNewestGroupMessage', request, GetNewestGroupMessageResponse)
        requireCount(answer.responses, groupIds.length)
        return answer.responses.map((response, index) => readNewest(response, groupIds[index]))
      }),

    async subscribeGroupMessages(filters, signal) {
      const request = SubscribeGroupMessagesRequest.encode({
        filters: filters.map(({ groupId, afterId }) => ({ groupId, idCursor: afterId })),
      })
      const { messages } = await serverStream('SubscribeGroupMessages', request, signal)
      return streamedGroupMessages(messages, filters)
    },

    async subscribeWelcomeMessages(filters, signal) {
      const request = SubscribeWelcomeMessagesRequest.encode({
        filters: filters.map(({ installationKey, afterId }) => ({
          installationKey,
          idCursor: afterId,
        })),
      })
      const { messages } = await serverStream('SubscribeWelcomeMessages', request, signal)
      return streamedWelcomes(messages, filters)
    },

    async batchQueryCommitLog(queries) {
      const answers: CommitLogPage[] = []
      for (const chunk of inChunks(queries, maxCommitLogQueriesPerCall)) {
        const requests = chunk.map(({ groupId, afterId }) => ({
          groupId,
          pagingInfo: pagingInfo(afterId),
        }))
        const request = BatchQueryCommitLogRequest.encode({ requests })
        const answer = await unary('BatchQueryCommitLog', request, BatchQueryCommitLogResponse)
        requireCount(answer.responses, chunk.length)
        for (const [index, query] of chunk.entries())
          answers.push(readCommitLogPage(answer.responses[index], query))
      }
      return answers
    },

    async batchPublishCommitLog(entries) {
      for (const chunk of inChunks(entries, maxCommitLogEntriesPerCall)) {
        const requests = chunk.map(({ groupId, entry }) => ({
          groupId,
          serializedCommitLogEntry: entry.bytes,
          signature: entry.signature,
        }))
        const request = BatchPublishCommitLogRequest.encode({ requests })
        await unary('BatchPublishCommitLog', request, Empty)
      }
    },
  }
}

/** Goes on behind the last message of each page until one is not full, or says that it is the last (v3-mls §9.3). */
async function* pages<T>(
  afterId: bigint,
  ask: (afterId: bigint) => Promise<Page<T>>,
): AsyncGenerator<readonly T[], void> {
  let after = afterId
  for (let page = 0; page < maxPages; page += 1) {
    const { messages, lastId, hasMore } = await ask(after)
    if (messages.length > 0) yield messages
    if (!hasMore) return
    after = lastId
  }
  throw new XmtpError('client.network.endless', `A query goes on after ${maxPages} pages.`)
}
