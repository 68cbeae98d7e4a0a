import { SortDirection, type PagingInfo } from '@xmtp-ts/proto/mls/api/v1/mls'
import { maxV3PageEntries } from '../../limits.ts'
import type { V3Entry, V3Log } from '../../log/v3-store.ts'

/** A page and what to say about it. */
export type Page = { readonly entries: readonly V3Entry[]; readonly pagingInfo: PagingInfo }

/** One page of a topic (node-api §6.5): everything but ascending is descending, every odd limit is 100. */
export async function readPage(
  log: Pick<V3Log, 'page'>,
  topic: string,
  asked: PagingInfo | undefined,
): Promise<Page> {
  const direction =
    asked?.direction === SortDirection.SORT_DIRECTION_ASCENDING
      ? SortDirection.SORT_DIRECTION_ASCENDING
      : SortDirection.SORT_DIRECTION_DESCENDING
  const limit = pageLimit(asked?.limit ?? 0)
  const { entries, isFull } = await log.page({
    topic,
    cursor: cursorOf(asked?.idCursor ?? 0n),
    direction: direction === SortDirection.SORT_DIRECTION_ASCENDING ? 'ascending' : 'descending',
    limit,
  })
  const idCursor = BigInt(isFull ? (entries.at(-1)?.sequence ?? 0) : 0)
  return { entries, pagingInfo: { direction, limit, idCursor } }
}

/** Sequences are safe integers; an id above them is behind everything. */
export function cursorOf(id: bigint): number {
  return Number(id > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : id)
}

function pageLimit(asked: number): number {
  return asked >= 1 && asked <= maxV3PageEntries ? asked : maxV3PageEntries
}
