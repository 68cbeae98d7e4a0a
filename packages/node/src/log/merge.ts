import { setImmediate as nextTurn } from 'node:timers/promises'
import { topicsPerTurn } from '../limits.ts'

/** How pages of single topics become one page. */
export type Merge<Entry, Bounds> = {
  readonly topics: readonly string[]
  readonly limit: number
  readonly bounds: Bounds
  /** At most `limit` entries of one topic within the bounds, in the order of the page. */
  readonly fetch: (topic: string, bounds: Bounds) => readonly Entry[]
  readonly compare: (a: Entry, b: Entry) => number
  /** The bounds once only what comes before `worst` can still be part of the page. */
  readonly narrow: (bounds: Bounds, worst: Entry) => Bounds
}

/**
 * The first `limit` entries of many topics. Every topic is asked once, and only for what can still be part of the
 * page, so the work is a look-up per topic and not a sort of everything. Lets other work run between topics.
 */
export async function mergeTopics<Entry, Bounds>(
  merge: Merge<Entry, Bounds>,
): Promise<readonly Entry[]> {
  let { bounds } = merge
  let page: readonly Entry[] = []
  for (const [index, topic] of merge.topics.entries()) {
    if (index > 0 && index % topicsPerTurn === 0) await nextTurn()
    const found = merge.fetch(topic, bounds)
    if (found.length === 0) continue
    page = mergeSorted(page, found, merge)
    const worst = page.at(-1)
    if (page.length === merge.limit && worst !== undefined) bounds = merge.narrow(bounds, worst)
  }
  return page
}

function mergeSorted<Entry>(
  left: readonly Entry[],
  right: readonly Entry[],
  { compare, limit }: { compare: (a: Entry, b: Entry) => number; limit: number },
): readonly Entry[] {
  if (left.length === 0) return right
  const merged: Entry[] = []
  let leftIndex = 0
  let rightIndex = 0
  while (merged.length < limit) {
    const a = left[leftIndex]
    const b = right[rightIndex]
    if (a !== undefined && (b === undefined || compare(a, b) <= 0)) {
      merged.push(a)
      leftIndex += 1
    } else if (b === undefined) break
    else {
      merged.push(b)
      rightIndex += 1
    }
  }
  return merged
}
