import type { RecordStore } from '../../store/record-store.ts'
import { maxLoadedGroups } from '../../limits.ts'
import type { Self } from '../self.ts'
import {
  currentRevision,
  readGroupSteadily,
  sameRevision,
  type LoadedGroup,
} from './loaded-group.ts'
import { createTurns } from './turns.ts'

/** Groups in memory, and whose turn it is with each. */
export type GroupCache = {
  /** One turn with a group at a time in this process. */
  readonly turn: <T>(id: string, work: () => Promise<T>) => Promise<T>
  /** The group as it is in the store now, whoever wrote it; undefined if it is not there. Only within a turn. */
  readonly load: (id: string) => Promise<LoadedGroup | undefined>
  /** What was just written. Only within a turn. */
  readonly keep: (group: LoadedGroup) => void
  readonly forget: (id: string) => void
}

export function createGroupCache(store: RecordStore, self: Pick<Self, 'signingKey'>): GroupCache {
  const turns = createTurns()
  const groups = new Map<string, LoadedGroup>()
  const keep = (group: LoadedGroup) => {
    groups.delete(group.id)
    groups.set(group.id, group)
    const [oldest] = groups.keys()
    if (groups.size > maxLoadedGroups && oldest !== undefined) groups.delete(oldest)
  }
  return {
    turn: turns.run,
    async load(id) {
      const known = groups.get(id)
      if (known !== undefined && sameRevision(known.revision, await currentRevision(store, id)))
        return known
      groups.delete(id)
      const group = await readGroupSteadily(store, self, id)
      if (group !== undefined) keep(group)
      return group
    },
    keep,
    forget: (id) => groups.delete(id),
  }
}
