import { randomBytes } from '#platform'

/**
 * Where public keys may be in a tree: hints, shared by all versions of one tree. A hint that no longer holds does no
 * harm, because whoever follows it looks at the tree; what must not happen is a key without its hint.
 *
 * An open hash table of pairs (fingerprint, place): a Map of the same costs three times the memory.
 */
export type KeyIndex = { slots: Int32Array | undefined; used: number }

/** An index that will be filled when it is first asked. */
export function newKeyIndex(): KeyIndex {
  return { slots: undefined, used: 0 }
}

/** Makes an index ready for about `keys` keys, empty. */
export function clearIndex(index: KeyIndex, keys: number): void {
  index.slots = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(keys, 8) * 2)) * 2)
  index.used = 0
}

let seed = 0

// Keys are chosen by others. Without a secret in it, they could be chosen to collide and make every look-up a walk.
function secretSeed(): number {
  for (const byte of randomBytes(4)) seed = (seed << 8) | byte
  return (seed |= 1)
}

function fingerprint(key: Uint8Array): number {
  let print = seed === 0 ? secretSeed() : seed
  for (const byte of key) print = Math.imul(print ^ byte, 0x01000193) ^ (print >>> 15)
  // Zero marks an empty slot.
  return print | 1
}

/** Adds a hint to an index that has been filled; before that there is nothing to keep current. */
export function addHint(index: KeyIndex, key: Uint8Array, place: number): void {
  if (index.slots === undefined) return
  if (index.used * 3 > index.slots.length) grow(index, index.slots)
  insert(index, fingerprint(key), place)
}

function insert(index: KeyIndex, print: number, place: number): void {
  const { slots } = index
  if (slots === undefined) return
  const mask = slots.length / 2 - 1
  let at = (print >>> 1) & mask
  while (slots[at * 2] !== 0) {
    if (slots[at * 2] === print && slots[at * 2 + 1] === place) return
    at = (at + 1) & mask
  }
  slots[at * 2] = print
  slots[at * 2 + 1] = place
  index.used++
}

function grow(index: KeyIndex, slots: Int32Array): void {
  index.slots = new Int32Array(slots.length * 2)
  index.used = 0
  for (let at = 0; at < slots.length; at += 2)
    if (slots[at] !== 0) insert(index, slots[at] ?? 0, slots[at + 1] ?? 0)
}

/** The places that may hold a key. */
export function hintsFor(index: KeyIndex, key: Uint8Array): readonly number[] {
  const { slots } = index
  if (slots === undefined) return []
  const print = fingerprint(key)
  const mask = slots.length / 2 - 1
  const places: number[] = []
  for (let at = (print >>> 1) & mask; slots[at * 2] !== 0; at = (at + 1) & mask)
    if (slots[at * 2] === print) places.push(slots[at * 2 + 1] ?? 0)
  return places
}
