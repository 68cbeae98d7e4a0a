import { ForkState, LocalCommit, RemoteCommit } from '@xmtp-ts/proto/store/v1/store'
import { equalBytes } from '@xmtp-ts/protocol'
import { keptCommits } from '../../limits.ts'
import { underPrefix } from '../../store/record-store.ts'
import type { Core } from '../core.ts'
import { keys } from '../records/keys.ts'
import { decodeRow } from '../records/rows.ts'
import { entryKey, numberOf } from '../stream/log.ts'
import { settlement } from './settlement.ts'
import { changeLogState } from './state.ts'

/** An entry of a log with its place there. */
type Placed<T> = { readonly place: bigint; readonly row: T }

/** One of ours, and whether what is said of it is final. */
type PlacedLocal = Placed<LocalCommit> & { readonly isSettled: boolean }

/** What this is read with. */
type Reader = Pick<Core, 'store' | 'environment'>

export type Comparison = {
  readonly fork: ForkState
  /** The entries that were held against each other, if any were. */
  readonly at?: { readonly local: bigint; readonly remote: bigint }
}

/**
 * Holds what this client saw against what the group published (v3-mls §3.9): at the newest commit that both have, the state
 * after it must be the same. Not forked is said only if that is the newest commit that this client has.
 * @param local newest first, of those that were not compared before
 * @param remote the same of the group's log
 * @param before what was known; it stays when there is nothing new
 */
export function compareCommits(
  local: readonly PlacedLocal[],
  remote: readonly Placed<RemoteCommit>[],
  before: ForkState,
): Comparison {
  if (local.length === 0) return { fork: before }
  const published = new Map(remote.toReversed().map((one) => [one.row.sequenceId, one]))
  for (const [index, { place, row, isSettled }] of local.entries()) {
    const match = isSettled ? published.get(row.sequenceId) : undefined
    if (match === undefined) continue
    const at = { local: place, remote: match.place }
    if (!equalBytes(row.epochAuthenticator, match.row.epochAuthenticator))
      return { fork: ForkState.FORK_STATE_FORKED, at }
    return { fork: index === 0 ? ForkState.FORK_STATE_NONE : ForkState.FORK_STATE_UNKNOWN, at }
  }
  return { fork: ForkState.FORK_STATE_UNKNOWN }
}

/** Compares the two logs of one group, and notes the outcome. One that is forked stays so until it is joined anew. */
export async function checkFork(core: Reader, id: string): Promise<ForkState> {
  let found: Comparison = { fork: ForkState.FORK_STATE_UNKNOWN }
  await changeLogState(core, id, async (state) => {
    found = { fork: state.fork }
    if (found.fork === ForkState.FORK_STATE_FORKED) return undefined
    const local = await readLocal(core, id, state.compared)
    if (local.length === 0) return undefined
    const from = state.comparedRemote + 1n
    const remote = await readPlaced(core, keys.remoteCommits(id), RemoteCommit, from)
    found = compareCommits(local, remote, state.fork)
    const { fork } = found
    if (found.at === undefined) return fork === state.fork ? undefined : { fork }
    return { fork, compared: found.at.local + 1n, comparedRemote: found.at.remote }
  })
  return found.fork
}

/** Commits since we came into the group, newest first; what was before is of another life of ours in it. */
async function readLocal(core: Reader, id: string, from: bigint): Promise<readonly PlacedLocal[]> {
  const entries = await readPlaced(core, keys.localCommits(id), LocalCommit, from)
  const beginning = entries.findIndex(({ row }) => row.sequenceId === 0n)
  const ours = beginning === -1 ? entries : entries.slice(0, beginning)
  const isSettled = await settlement(core, id)
  return ours.map((one) => ({ ...one, isSettled: isSettled(one.row) }))
}

/** Newest first. */
async function readPlaced<T>(
  { store }: Reader,
  prefix: string,
  codec: { decode(bytes: Uint8Array): T },
  from: bigint,
): Promise<readonly Placed<T>[]> {
  const records = await store.scan({
    from: entryKey(prefix, from),
    to: underPrefix(prefix).to,
    order: 'descending',
    limit: keptCommits,
  })
  return records.map(({ key, value }) => ({
    place: numberOf(prefix, key),
    row: decodeRow(codec, value),
  }))
}
