import { bytesToHex } from '@xmtp-ts/protocol'

export function* inChunks<T>(all: readonly T[], size: number): Generator<readonly T[], void> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size)
}

/**
 * Asks for each of some ids once, in calls of `size` one after the other.
 * @returns the answers, one per id, also where an id comes twice
 */
export async function askEach<T>(
  ids: readonly Uint8Array[],
  size: number,
  ask: (ids: Uint8Array[]) => Promise<readonly T[]>,
): Promise<readonly (T | undefined)[]> {
  const keys = ids.map(bytesToHex)
  const distinct = new Map(keys.map((key, index) => [key, ids[index]]))
  const answers = new Map<string, T>()
  for (const chunk of inChunks([...distinct], size)) {
    const answered = await ask(chunk.flatMap(([, id]) => (id === undefined ? [] : [id])))
    for (const [index, answer] of answered.entries()) {
      const key = chunk[index]?.[0]
      if (key !== undefined) answers.set(key, answer)
    }
  }
  return keys.map((key) => answers.get(key))
}

/** Runs a step for each item, at most `width` at once. @returns the results in the order of the items */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  step: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<number, R>()
  const queue = items.entries()
  const work = async () => {
    for (const [index, item] of queue) results.set(index, await step(item))
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work))
  return [...results].toSorted(([a], [b]) => a - b).map(([, result]) => result)
}
