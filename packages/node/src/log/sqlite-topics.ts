import { maxCachedTopics } from '../limits.ts'
import { rowOf, type Database } from './sqlite-driver.ts'

/** The numbers that stand for topics in the tables of a store. */
export type TopicNumbers = {
  find(name: string): number | undefined
  /** Inside a transaction only. */
  findOrAdd(name: string): number
  /** Forgets what it remembers: names were removed, or a transaction that added some was rolled back. */
  clear(): void
}

export function openTopicNumbers(database: Database): TopicNumbers {
  const select = database.prepare('SELECT id FROM topic WHERE name = ?')
  const insert = database.prepare('INSERT INTO topic (name) VALUES (?)')
  const known = new Map<string, number>()
  const remember = (name: string, id: number): number => {
    if (known.size >= maxCachedTopics) known.clear()
    known.set(name, id)
    return id
  }
  const find = (name: string): number | undefined => {
    const there = known.get(name)
    if (there !== undefined) return there
    const row = select.get(Buffer.from(name))
    return row === undefined ? undefined : remember(name, rowOf<{ id: number }>(row).id)
  }
  return {
    find,
    findOrAdd: (name) =>
      find(name) ?? remember(name, Number(insert.run(Buffer.from(name)).lastInsertRowid)),
    clear: () => known.clear(),
  }
}
