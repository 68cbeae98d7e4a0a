/**
 * Where public keys may be in a tree: hints, shared by all versions of one tree. A hint that no longer holds does no
 * harm, because whoever follows it looks at the tree; what must not happen is a key without its hint.
 */
export type KeyIndex = { hints: Map<number, number | number[]> | undefined; count: number }

/** An index that will be filled when it is first asked. */
export function newKeyIndex(): KeyIndex {
  return { hints: undefined, count: 0 }
}

/** 30 bits, so that the number is not boxed. Keys are chosen by others: collisions cost time, not correctness. */
function fingerprint(key: Uint8Array): number {
  return (
    ((key[0] ?? 0) << 22) | ((key[1] ?? 0) << 14) | ((key[2] ?? 0) << 6) | ((key[3] ?? 0) >>> 2)
  )
}

/** Adds a hint to an index that has been filled; before that there is nothing to keep current. */
export function addHint(index: KeyIndex, key: Uint8Array, place: number): void {
  const { hints } = index
  if (hints === undefined) return
  const print = fingerprint(key)
  const known = hints.get(print)
  if (known === undefined) hints.set(print, place)
  else if (typeof known === 'number') {
    if (known === place) return
    hints.set(print, [known, place])
  } else if (known.includes(place)) return
  else known.push(place)
  index.count++
}

/** The places that may hold a key. */
export function hintsFor(index: KeyIndex, key: Uint8Array): readonly number[] {
  const known = index.hints?.get(fingerprint(key))
  return known === undefined ? [] : typeof known === 'number' ? [known] : known
}
