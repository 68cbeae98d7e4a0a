import {
  applyBatch,
  checkBatch,
  checkRange,
  storeClosed,
  type OpenRecords,
} from './record-batch.ts'
import type { RecordBatch, RecordRange, RecordStore, StoredRecord } from './record-store.ts'

/** Records that live as long as somebody holds this: what a file is to other stores. */
export class RecordMemory implements OpenRecords {
  /** In order. */
  readonly #keys: string[] = []
  readonly #values = new Map<string, Uint8Array>()

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)
  }

  put(key: string, value: Uint8Array): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#place(key), 0, key)
    // Not `slice`, which does not copy a Buffer.
    this.#values.set(key, new Uint8Array(value))
  }

  remove(key: string): void {
    if (this.#values.delete(key)) this.#keys.splice(this.#place(key), 1)
  }

  last({ from, to }: Pick<RecordRange, 'from' | 'to'>): string | undefined {
    const key = this.#keys[this.#place(to) - 1]
    return key !== undefined && key >= from ? key : undefined
  }

  /** In order. */
  keys({ from, to }: Pick<RecordRange, 'from' | 'to'>): readonly string[] {
    return this.#keys.slice(this.#place(from), this.#place(to))
  }

  /** How many keys are before `key`. */
  #place(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#keys[middle] ?? '') < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A store in memory. Stores of the same `memory` are like processes that share a file. */
export function openMemoryRecords(memory: RecordMemory = new RecordMemory()): RecordStore {
  return new MemoryRecords(memory)
}

class MemoryRecords implements RecordStore {
  readonly #memory: RecordMemory
  #isClosed = false

  constructor(memory: RecordMemory) {
    this.#memory = memory
  }

  async get(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#requireOpen()
    return keys.map((key) => this.#memory.get(key)?.slice())
  }

  async scan(range: RecordRange): Promise<readonly StoredRecord[]> {
    const { order, limit, ...bounds } = checkRange(range)
    this.#requireOpen()
    const keys = this.#memory.keys(bounds)
    const wanted = order === 'ascending' ? keys.slice(0, limit) : keys.slice(-limit).toReversed()
    return wanted.map((key) => ({ key, value: this.#memory.get(key)?.slice() ?? new Uint8Array() }))
  }

  async write(batch: RecordBatch): Promise<readonly string[] | undefined> {
    checkBatch(batch)
    this.#requireOpen()
    const before = new Map<string, Uint8Array | undefined>()
    const note = (key: string) => {
      if (!before.has(key)) before.set(key, this.#memory.get(key))
    }
    try {
      return applyBatch(
        {
          get: (key) => this.#memory.get(key),
          put: (key, value) => {
            note(key)
            this.#memory.put(key, value)
          },
          remove: (key) => {
            note(key)
            this.#memory.remove(key)
          },
          last: (range) => this.#memory.last(range),
        },
        batch,
      )
    } catch (error) {
      for (const [key, value] of before)
        if (value === undefined) this.#memory.remove(key)
        else this.#memory.put(key, value)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
  }

  #requireOpen(): void {
    if (this.#isClosed) throw storeClosed()
  }
}
