import {
  applyBatch,
  checkBatch,
  checkRange,
  storeClosed,
  type OpenRecords,
} from './record-batch.ts'
import { SortedKeys } from './sorted-keys.ts'
import type { RecordBatch, RecordRange, RecordStore, StoredRecord } from './record-store.ts'

/** Records that live as long as somebody holds this: what a file is to other stores. */
export class RecordMemory implements OpenRecords {
  readonly #keys = new SortedKeys()
  readonly #values = new Map<string, Uint8Array>()

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)
  }

  put(key: string, value: Uint8Array): void {
    if (!this.#values.has(key)) this.#keys.add(key)
    // Not `slice`, which does not copy a Buffer.
    this.#values.set(key, new Uint8Array(value))
  }

  remove(key: string): void {
    if (this.#values.delete(key)) this.#keys.remove(key)
  }

  last({ from, to }: Pick<RecordRange, 'from' | 'to'>): string | undefined {
    return this.#keys.last(from, to)
  }

  keys({ from, to, order, limit }: RecordRange): readonly string[] {
    const found: string[] = []
    for (const key of this.#keys[order](from, to)) {
      found.push(key)
      if (found.length === limit) break
    }
    return found
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
    const checked = checkRange(range)
    this.#requireOpen()
    const keys = this.#memory.keys(checked)
    return keys.map((key) => ({ key, value: this.#memory.get(key)?.slice() ?? new Uint8Array() }))
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
