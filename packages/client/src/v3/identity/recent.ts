/** A map that forgets what was not asked for the longest. */
export type Recent<V> = {
  readonly get: (key: string) => V | undefined
  readonly set: (key: string, value: V) => void
  readonly remove: (key: string) => void
}

/** @param limit entries at most */
export function createRecent<V>(limit: number): Recent<V> {
  const entries = new Map<string, V>()
  const set = (key: string, value: V) => {
    entries.delete(key)
    entries.set(key, value)
    const oldest = entries.keys().next().value
    if (entries.size > limit && oldest !== undefined) entries.delete(oldest)
  }
  return {
    get(key) {
      const value = entries.get(key)
      if (value !== undefined) set(key, value)
      return value
    },
    set,
    remove: (key) => void entries.delete(key),
  }
}
