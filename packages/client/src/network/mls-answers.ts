import {
  GroupMessage as WireGroupMessage,
  WelcomeMessage as WireWelcomeMessage,
  type FetchKeyPackagesResponse_KeyPackage,
  type GetNewestGroupMessageResponse_Response,
  type PagingInfo,
  type QueryCommitLogResponse,
  type QueryGroupMessagesResponse,
  type QueryWelcomeMessagesResponse,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { bytesToHex, equalBytes, XmtpError } from '@xmtp-ts/protocol'
import {
  maxFetchedKeyPackageBytes,
  maxMlsMessageBytes,
  maxPageMessages,
  maxLogPlace,
} from '../limits.ts'
import { decodeAnswer } from './message-api.ts'
import type {
  CommitLogPage,
  GroupFilter,
  GroupMessage,
  LoggedCommit,
  NewestGroupMessage,
  WelcomeFilter,
  WelcomeMessage,
} from './mls-api.ts'

/** A page of messages whose ids grow from the place that was asked for. */
export type Page<T> = {
  readonly messages: readonly T[]
  /** Of the last message; the place that was asked for when there is none. */
  readonly lastId: bigint
  readonly hasMore: boolean
}

export function malformed(what: string, cause?: unknown): XmtpError {
  return new XmtpError('client.network.malformedAnswer', what, { cause })
}

/** Every place of a list must be answered. @throws XmtpError `client.network.malformedAnswer` */
export function requireCount(answers: readonly unknown[], expected: number): void {
  if (answers.length !== expected)
    throw malformed(`${expected} questions had ${answers.length} answers.`)
}

/** Empty bytes stand for an installation that has none. */
export function readKeyPackage({
  keyPackageTlsSerialized: bytes,
}: FetchKeyPackagesResponse_KeyPackage): Uint8Array | undefined {
  if (bytes.length > maxFetchedKeyPackageBytes)
    throw malformed(`A key package has ${bytes.length} bytes.`)
  return bytes.length === 0 ? undefined : bytes
}

/** @throws XmtpError `client.network.malformedAnswer` */
export function readGroupPage(
  { messages, pagingInfo }: QueryGroupMessagesResponse,
  { groupId, afterId }: GroupFilter,
): Page<GroupMessage> {
  const read = messages.map(readGroupMessage)
  for (const message of read)
    if (!equalBytes(message.groupId, groupId)) throw malformed('A message is of another group.')
  return pageOf(read, { ids: read.map(({ id }) => id), pagingInfo, afterId })
}

/** @throws XmtpError `client.network.malformedAnswer` */
export function readWelcomePage(
  { messages, pagingInfo }: QueryWelcomeMessagesResponse,
  { installationKey, afterId }: WelcomeFilter,
): Page<WelcomeMessage> {
  const read = messages.map(readWelcome)
  for (const { value } of read)
    if (!equalBytes(value.installationKey, installationKey))
      throw malformed('A welcome is of another installation.')
  return pageOf(read, { ids: read.map(({ value }) => value.id), pagingInfo, afterId })
}

/** @throws XmtpError `client.network.malformedAnswer` */
export function readNewestWelcome(
  { messages }: QueryWelcomeMessagesResponse,
  installationKey: Uint8Array,
): bigint | undefined {
  if (messages.length > 1) throw malformed(`One welcome was asked for, ${messages.length} came.`)
  const { messages: read } = readWelcomePage(
    { messages, pagingInfo: undefined },
    { installationKey, afterId: 0n },
  )
  return read[0]?.value.id
}

/** @throws XmtpError `client.network.malformedAnswer` */
export function readCommitLogPage(
  response: QueryCommitLogResponse | undefined,
  { groupId, afterId }: GroupFilter,
): CommitLogPage {
  if (response === undefined || !equalBytes(response.groupId, groupId))
    throw malformed('A commit log is of another group.')
  const { commitLogEntries, pagingInfo } = response
  const entries = commitLogEntries.map((entry): LoggedCommit => {
    const { sequenceId, serializedCommitLogEntry: bytes, signature } = entry
    if (signature === undefined) throw malformed('An entry of a commit log is not signed.')
    requireSize(bytes)
    return { sequenceId, bytes, signature }
  })
  const ids = entries.map(({ sequenceId }) => sequenceId)
  const { hasMore } = pageOf(entries, { ids, pagingInfo, afterId })
  return { entries, hasMore }
}

/** @throws XmtpError `client.network.malformedAnswer` */
export function readNewest(
  { groupMessage }: GetNewestGroupMessageResponse_Response,
  groupId: Uint8Array | undefined,
): NewestGroupMessage | undefined {
  if (groupMessage === undefined) return undefined
  const { id, createdNs, isCommit, groupId: named } = readGroupMessage(groupMessage)
  if (groupId === undefined || !equalBytes(named, groupId))
    throw malformed('A newest message is of another group.')
  return { id, createdNs, isCommit }
}

/** Messages as they come. Those that came before, from a node whose copies lag behind, are left out (node-api §6.6). */
export async function* streamedGroupMessages(
  messages: AsyncIterable<Uint8Array>,
  filters: readonly GroupFilter[],
): AsyncGenerator<GroupMessage, void> {
  const isNew = newestPerSubject(
    filters.map(({ groupId, afterId }) => ({ subject: groupId, afterId })),
  )
  for await (const bytes of messages) {
    const message = readGroupMessage(decodeAnswer(WireGroupMessage, bytes))
    if (isNew(message.groupId, message.id)) yield message
  }
}

/** The same for welcomes. */
export async function* streamedWelcomes(
  messages: AsyncIterable<Uint8Array>,
  filters: readonly WelcomeFilter[],
): AsyncGenerator<WelcomeMessage, void> {
  const isNew = newestPerSubject(
    filters.map(({ installationKey, afterId }) => ({ subject: installationKey, afterId })),
  )
  for await (const bytes of messages) {
    const message = readWelcome(decodeAnswer(WireWelcomeMessage, bytes))
    if (isNew(message.value.installationKey, message.value.id)) yield message
  }
}

/** Remembers the place that each subject has come to. */
function newestPerSubject(
  subjects: readonly { readonly subject: Uint8Array; readonly afterId: bigint }[],
): (subject: Uint8Array, id: bigint) => boolean {
  const newest = new Map(subjects.map(({ subject, afterId }) => [bytesToHex(subject), afterId]))
  return (subject, id) => {
    const key = bytesToHex(subject)
    const before = newest.get(key)
    if (before === undefined) throw malformed('A stream carries what nobody asked for.')
    if (id <= before) return false
    // A false place is not remembered: the true ones come behind it. Whoever takes the message refuses it.
    if (id <= maxLogPlace) newest.set(key, id)
    return true
  }
}

/**
 * A page goes on when it is full and names a cursor. Where it goes on, its last message says: nothing is left out,
 * whatever the cursor is.
 */
function pageOf<T>(
  messages: readonly T[],
  about: {
    readonly ids: readonly bigint[]
    readonly pagingInfo: PagingInfo | undefined
    readonly afterId: bigint
  },
): Page<T> {
  const { ids, pagingInfo, afterId } = about
  if (messages.length > maxPageMessages) throw malformed(`A page has ${messages.length} messages.`)
  let lastId = afterId
  for (const id of ids) {
    if (id <= lastId) throw malformed('The ids of a page do not grow.')
    lastId = requirePlace(id)
  }
  const cursor = pagingInfo?.idCursor ?? 0n
  const hasMore = messages.length === maxPageMessages && cursor !== 0n
  if (hasMore && cursor <= afterId) throw malformed('A query does not advance.')
  return { messages, lastId, hasMore }
}

/** One false place would hide all true ones from then on. */
function requirePlace(id: bigint): bigint {
  if (id > maxLogPlace) throw malformed(`${id} is no place in a log.`)
  return id
}

function readGroupMessage({ version }: WireGroupMessage): GroupMessage {
  if (version === undefined) throw malformed('A message is of no known version.')
  return version.value
}

function readWelcome({ version }: WireWelcomeMessage): WelcomeMessage {
  if (version === undefined) throw malformed('A welcome is of no known version.')
  requireSize(version.$case === 'v1' ? version.value.data : version.value.welcomePointer)
  return version
}

function requireSize({ length }: Uint8Array): void {
  if (length > maxMlsMessageBytes) throw malformed(`A message has ${length} bytes.`)
}
