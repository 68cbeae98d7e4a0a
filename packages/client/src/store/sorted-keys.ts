/** Keys in a run: adding to one moves half of that many in the mean. */
const maxRunKeys = 512

/**
 * Keys in order, in runs of a few hundred: adding and removing costs the length of a run, and not that of all keys, which
 * with ids that come in no order makes minutes of a store of 100,000 messages.
 */
export class SortedKeys {
  /** In order, none of them empty; keys of one come before those of the next. */
  readonly #runs: string[][] = []

  /** @param key must not be there */
  add(key: string): void {
    const at = Math.max(0, this.#runAt(key))
    const run = this.#runs[at]
    if (run === undefined) {
      this.#runs.push([key])
      return
    }
    run.splice(placeIn(run, key), 0, key)
    if (run.length > maxRunKeys) this.#runs.splice(at + 1, 0, run.splice(run.length >>> 1))
  }

  /** @param key must be there */
  remove(key: string): void {
    const at = this.#runAt(key)
    const run = this.#runs[at]
    if (run === undefined) return
    run.splice(placeIn(run, key), 1)
    if (run.length === 0) this.#runs.splice(at, 1)
  }

  /** The last key before `to`, if it is not before `from`. */
  last(from: string, to: string): string | undefined {
    for (const key of this.descending(from, to)) return key
    return undefined
  }

  /** From `from`, inclusive, to `to`, exclusive. */
  *ascending(from: string, to: string): Generator<string, void> {
    let at = Math.max(0, this.#runAt(from))
    for (let run = this.#runs[at]; run !== undefined; run = this.#runs[(at += 1)]) {
      for (let place = placeIn(run, from); place < run.length; place += 1) {
        const key = run[place] ?? ''
        if (key >= to) return
        yield key
      }
    }
  }

  /** The same from the end. */
  *descending(from: string, to: string): Generator<string, void> {
    let at = this.#runAt(to)
    for (let run = this.#runs[at]; run !== undefined; run = this.#runs[(at -= 1)]) {
      for (let place = placeIn(run, to) - 1; place >= 0; place -= 1) {
        const key = run[place] ?? ''
        if (key < from) return
        yield key
      }
    }
  }

  /** The last run that begins at or before `key`; -1 if all begin behind it. */
  #runAt(key: string): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#runs[middle]?.[0] ?? '') <= key) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** How many keys of a run are before `key`. */
function placeIn(run: readonly string[], key: string): number {
  let low = 0
  let high = run.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((run[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
