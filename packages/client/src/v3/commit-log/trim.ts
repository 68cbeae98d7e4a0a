import { keptCommits, scanPageRecords, trimmedCommits } from '../../limits.ts'
import { underPrefix } from '../../store/record-store.ts'
import type { Core } from '../core.ts'
import { numberOf } from '../stream/log.ts'

/**
 * Forgets the oldest entries of a commit log, ours or the node's, beyond the newest 1,000: a fork shows at the newest ones,
 * and what was not published by then helps nobody any more.
 */
export async function trimCommits({ store }: Pick<Core, 'store'>, prefix: string): Promise<void> {
  const range = underPrefix(prefix)
  const [[first], [last]] = await Promise.all([
    store.scan({ ...range, order: 'ascending', limit: 1 }),
    store.scan({ ...range, order: 'descending', limit: 1 }),
  ])
  if (first === undefined || last === undefined) return
  const most = BigInt(keptCommits + trimmedCommits)
  // Places at the node have gaps; there may be fewer entries than this says, and then they are counted.
  if (numberOf(prefix, last.key) - numberOf(prefix, first.key) < most) return
  const kept = await store.scan({ ...range, order: 'descending', limit: keptCommits })
  const to = kept.at(-1)?.key ?? range.to
  const old = await store.scan({ ...range, to, order: 'ascending', limit: scanPageRecords })
  // In whole portions, so that a busy group costs little for each commit.
  if (old.length < trimmedCommits) return
  await store.write({ remove: old.map(({ key }) => key) })
}
