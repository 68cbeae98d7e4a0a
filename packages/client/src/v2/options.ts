import type { CompressionFormat, ContentTypeId } from '@xmtp-ts/content'
import { msToNs } from '../environment.ts'
import type { Direction, Query } from '../network/message-api.ts'

/** The order of a list, in the values that `@xmtp/xmtp-js` has. */
export const SortDirection = {
  SORT_DIRECTION_UNSPECIFIED: 'SORT_DIRECTION_UNSPECIFIED',
  SORT_DIRECTION_ASCENDING: 'SORT_DIRECTION_ASCENDING',
  SORT_DIRECTION_DESCENDING: 'SORT_DIRECTION_DESCENDING',
} as const

export type SortDirection = (typeof SortDirection)[keyof typeof SortDirection]

/** Compression on the wire, in the values that `@xmtp/xmtp-js` has. */
export const Compression = { COMPRESSION_DEFLATE: 0, COMPRESSION_GZIP: 1 } as const

export type Compression = (typeof Compression)[keyof typeof Compression]

export type ListMessagesOptions = {
  /** Inclusive, by the time that senders gave. */
  readonly startTime?: Date | undefined
  /** Inclusive. */
  readonly endTime?: Date | undefined
  /** Most messages to return. */
  readonly limit?: number | undefined
  /** Lists ascend unless given; pages descend. */
  readonly direction?: SortDirection | undefined
  /** Messages per request, at most 100. */
  readonly pageSize?: number | undefined
  /** Of V1 conversations; V2 always checks its senders. */
  readonly checkAddresses?: boolean | undefined
}

export type ListMessagesPaginatedOptions = Omit<ListMessagesOptions, 'limit'>

export type SendOptions = {
  /** Text unless given. */
  readonly contentType?: ContentTypeId | undefined
  /** None unless given: shipped readers refuse what inflates to more than 1,000 bytes. */
  readonly compression?: Compression | undefined
  readonly timestamp?: Date | undefined
  /** Only to those who listen now; nobody stores it. */
  readonly ephemeral?: boolean | undefined
}

/** Called when a stream lost its connection; it opens another by itself. */
export type OnConnectionLostCallback = (error?: Error) => void

/** The query behind a list. */
export function listQuery(topic: string, options: ListMessagesOptions): Query {
  const { startTime, endTime, limit, pageSize } = options
  const most = Math.min(limit ?? Number.POSITIVE_INFINITY, pageSize ?? Number.POSITIVE_INFINITY)
  return {
    topics: [topic],
    startNs: startTime && msToNs(startTime.getTime()),
    endNs: endTime && msToNs(endTime.getTime()),
    direction: directionOf(options.direction),
    pageSize: Number.isFinite(most) ? Math.max(1, most) : undefined,
  }
}

export function compressionOf(compression: Compression | undefined): CompressionFormat | undefined {
  if (compression === undefined) return undefined
  return compression === Compression.COMPRESSION_DEFLATE ? 'deflate' : 'gzip'
}

function directionOf(direction: SortDirection | undefined): Direction {
  return direction === SortDirection.SORT_DIRECTION_DESCENDING ? 'descending' : 'ascending'
}
