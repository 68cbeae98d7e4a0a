import { bytesToHex } from '@xmtp-ts/protocol'
import { maxConflicts } from '../../limits.ts'
import type { GroupFilter } from '../../network/mls-api.ts'
import type { Core } from '../core.ts'
import { doubt } from './doubt.ts'
import {
  contended,
  openChange,
  setProgress,
  writeChange,
  type GroupChange,
} from './group-change.ts'
import { loadKnown } from './known.ts'
import type { LoadedGroup } from './loaded-group.ts'

/**
 * Finds groups whose log ends before the place to which it was read: a node gave a false place, or lost what came behind.
 * They are read again, from the beginning.
 * @param filters groups and places, as they were before this is called
 * @returns for each the place of the last message, undefined where there is none
 * @throws XmtpError what the network or the store throws
 */
export async function rewindFalse(
  core: Core,
  filters: readonly GroupFilter[],
): Promise<readonly (bigint | undefined)[]> {
  const newest = await core.mls.newestGroupMessages(filters.map(({ groupId }) => groupId))
  const ends = newest.map((message) => message?.id)
  for (const [index, { groupId, afterId }] of filters.entries()) {
    const end = ends[index]
    if (end === undefined || end >= afterId) continue
    const id = bytesToHex(groupId)
    await core.groups.turn(id, () => rewind(core, id, end))
  }
  return ends
}

async function rewind(core: Core, id: string, end: bigint): Promise<void> {
  await changeProgress(core, id, (change) => {
    const { cursor, epochBegan } = change.group.progress
    if (cursor <= end) return
    doubt(change, 0n)
    // A false place may have been that of the commit, too.
    setProgress(change, { cursor: end, epochBegan: epochBegan > end ? 0n : epochBegan })
  })
}

/**
 * Reads again what is behind a place: something of ours that the node took did not come back. Only within a turn of the
 * group.
 */
export async function doubtBehind(core: Core, id: string, place: bigint): Promise<void> {
  await changeProgress(core, id, (change) => {
    if (change.group.progress.cursor > place) doubt(change, place)
  })
}

/** Changes how far a group was read, and nothing else. Only within a turn of the group. */
export async function changeProgress(
  core: Core,
  id: string,
  alter: (change: GroupChange) => void,
): Promise<LoadedGroup> {
  for (let tries = 0; tries < maxConflicts; tries += 1) {
    const change = openChange(await loadKnown(core, id))
    alter(change)
    if (change.group === change.before) return change.before
    const written = await writeChange(core, change)
    if (written !== undefined) return written
  }
  throw contended()
}
