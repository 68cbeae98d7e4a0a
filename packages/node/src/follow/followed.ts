import type { Delivery } from './delivery.ts'

/** What a feed must know of an entry; `deliver` may know more. */
export type FollowedEntry = { readonly sequence: number; readonly topic: string }

export type FollowedRead = {
  /** Each topic with the sequence behind which it is wanted, or everything. More may come than is wanted. */
  readonly topics: ReadonlyMap<string, number> | 'all'
  /** Exclusive lower bound. */
  readonly after: number
  /** Inclusive upper bound. */
  readonly until: number
  readonly limit: number
}

/** A log as feeds follow it: one order, read by place, with a wake-up after each append. */
export interface Followed<Entry extends FollowedEntry> {
  head(): Promise<number>
  /** In log order. May give fewer than `limit`, but none only when there is none. */
  read(read: FollowedRead): Promise<readonly Entry[]>
  onAppend(wake: () => void): Disposable
  /** What subscribers get of an entry. */
  deliver(entry: Entry): Delivery
  /** Whether those who follow every topic get this one. */
  isOfEveryTopic(topic: string): boolean
}
