import { Message } from '@xmtp-ts/proto/store/v1/store'
import { messagePageRecords } from '../../limits.ts'
import { after, orderedSegment, underPrefix } from '../../store/record-store.ts'
import { keys } from '../records/keys.ts'
import { decodeRow } from '../records/rows.ts'
import type { DecodedMessage } from './decoded-message.ts'
import { deliveryStatusOf, kindOf } from './decoded-message.ts'
import { enrich } from './enrich.ts'
import {
  ContentType,
  contentTypeOf,
  MessageSortBy,
  SortDirection,
  typeIdOf,
  type DeliveryStatus,
  type GroupMessageKind,
} from './enums.ts'
import type { Session } from './session.ts'
import { isExpired } from './stored.ts'

/** What to list; the options of `@xmtp/node-sdk`. Times are exclusive. */
export type ListMessagesOptions = {
  readonly sentBeforeNs?: bigint | undefined
  readonly sentAfterNs?: bigint | undefined
  readonly insertedAfterNs?: bigint | undefined
  readonly insertedBeforeNs?: bigint | undefined
  readonly limit?: number | undefined
  readonly deliveryStatus?: DeliveryStatus | undefined
  /** Oldest first unless given. */
  readonly direction?: SortDirection | undefined
  readonly contentTypes?: readonly ContentType[] | undefined
  readonly excludeContentTypes?: readonly ContentType[] | undefined
  readonly kind?: GroupMessageKind | undefined
  readonly excludeSenderInboxIds?: readonly string[] | undefined
  readonly sortBy?: MessageSortBy | undefined
}

/** A conversation together with its duplicates. */
export type Listed = {
  /** hex */
  readonly groupIds: readonly string[]
  readonly isDirect: boolean
}

/** Shown with the messages that they are about, or not at all (libxmtp 1.10, find_messages_v2). */
const hiddenTypeIds: ReadonlySet<string> = new Set(['reaction', 'readReceipt', 'deleteMessage'])

/** Messages that are stored here, without reactions, read receipts and deletions. Asks nobody. */
export async function listMessages<Content>(
  session: Session,
  { groupIds }: Listed,
  options: ListMessagesOptions = {},
): Promise<DecodedMessage<Content>[]> {
  const isShown = (row: Message) =>
    !hiddenTypeIds.has(typeIdOf(row.contentType)) && matches(session, row, options)
  const rows = await collect(session, groupIds, { options, isWanted: isShown })
  return enrich(session, groupIds, rows)
}

/**
 * As libxmtp 1.10 counts: reactions and read receipts too, and of a direct message no changes of members unless they are
 * asked for.
 */
export async function countMessages(
  session: Session,
  { groupIds, isDirect }: Listed,
  options: Omit<ListMessagesOptions, 'limit' | 'direction'> = {},
): Promise<number> {
  const withUpdates = options.contentTypes?.includes(ContentType.GroupUpdated) ?? false
  const isCounted = (row: Message) =>
    (!isDirect || withUpdates || contentTypeOf(row.contentType) !== ContentType.GroupUpdated) &&
    matches(session, row, options)
  const rows = await collect(session, groupIds, { options, isWanted: isCounted })
  return rows.length
}

/** When each inbox last sent a read receipt, Unix nanoseconds. */
export async function readTimes(
  session: Session,
  { groupIds }: Listed,
): Promise<Record<string, number>> {
  const options = { contentTypes: [ContentType.ReadReceipt] }
  const isWanted = (row: Message) => matches(session, row, options)
  const receipts = await collect(session, groupIds, { options, isWanted })
  return Object.fromEntries(receipts.map((row) => [row.senderInboxId, Number(row.sentAtNs)]))
}

type Wanted = {
  readonly options: ListMessagesOptions
  readonly isWanted: (row: Message) => boolean
}

/** The rows in order, of all duplicates together. */
async function collect(
  session: Session,
  groupIds: readonly string[],
  wanted: Wanted,
): Promise<readonly Message[]> {
  const { limit, direction, sortBy } = wanted.options
  const lists = await Promise.all(groupIds.map((id) => collectOne(session, id, wanted)))
  const rows = lists.flat()
  const isInOrder = lists.length === 1 && sortBy !== MessageSortBy.InsertedAt
  if (!isInOrder) rows.sort(comparing(sortBy, direction))
  return limit === undefined ? rows : rows.slice(0, limit)
}

function comparing(
  sortBy: MessageSortBy | undefined,
  direction: SortDirection | undefined,
): (a: Message, b: Message) => number {
  const field = sortBy === MessageSortBy.InsertedAt ? 'insertedAtNs' : 'sentAtNs'
  const sign = direction === SortDirection.Descending ? -1 : 1
  return (a, b) => sign * Number(a[field] - b[field])
}

/** One conversation in the order of sending, page by page, as many as are wanted. */
async function collectOne(
  { core }: Session,
  groupId: string,
  { options, isWanted }: Wanted,
): Promise<Message[]> {
  const { sentAfterNs, sentBeforeNs, sortBy } = options
  const limit = sortBy === MessageSortBy.InsertedAt ? undefined : options.limit
  const order = options.direction === SortDirection.Descending ? 'descending' : 'ascending'
  const all = underPrefix(keys.messages(groupId))
  let from = sentAfterNs === undefined ? all.from : placeAt(groupId, sentAfterNs + 1n)
  let to = sentBeforeNs === undefined ? all.to : placeAt(groupId, sentBeforeNs)
  const rows: Message[] = []
  while (from < to) {
    const page = await core.store.scan({ from, to, order, limit: messagePageRecords })
    for (const { value } of page) {
      if (limit !== undefined && rows.length >= limit) return rows
      const row = decodeRow(Message, value)
      if (isWanted(row)) rows.push(row)
    }
    const last = page.at(-1)
    if (last === undefined || page.length < messagePageRecords) break
    if (order === 'ascending') from = after(last.key)
    else to = last.key
  }
  return rows
}

function placeAt(groupId: string, sentAtNs: bigint): string {
  const bounded = sentAtNs < 0n ? 0n : BigInt.asUintN(64, sentAtNs)
  return keys.messages(groupId) + orderedSegment(bounded)
}

function matches(session: Session, row: Message, options: ListMessagesOptions): boolean {
  const { contentTypes, excludeContentTypes, excludeSenderInboxIds } = options
  const { insertedAfterNs, insertedBeforeNs, deliveryStatus, kind } = options
  const type = contentTypeOf(row.contentType)
  return (
    !isExpired(session.core, row) &&
    (deliveryStatus === undefined || deliveryStatusOf(row) === deliveryStatus) &&
    (kind === undefined || kindOf(row) === kind) &&
    (contentTypes === undefined || contentTypes.includes(type)) &&
    !(excludeContentTypes?.includes(type) ?? false) &&
    !(excludeSenderInboxIds?.includes(row.senderInboxId) ?? false) &&
    (insertedAfterNs === undefined || row.insertedAtNs > insertedAfterNs) &&
    (insertedBeforeNs === undefined || row.insertedAtNs < insertedBeforeNs)
  )
}
