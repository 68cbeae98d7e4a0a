import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A node of ours in a process of its own. */
export type BenchNode = AsyncDisposable & {
  readonly url: string
  /** CPU time that the process has used so far, in microseconds. */
  cpuMicros(): Promise<number>
  /** Resident memory now, in bytes. */
  residentBytes(): Promise<number>
}

const cli = fileURLToPath(new URL('../../packages/cli/bin/xmtp-ts.js', import.meta.url))

/** @param store `memory`, or a SQLite file in a new folder that goes with the node */
export async function startNode(store: 'memory' | 'sqlite'): Promise<BenchNode> {
  const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-bench-'))
  const where = store === 'memory' ? ['--memory'] : ['--data', folder]
  const child = spawn(
    process.execPath,
    [cli, 'node', '--json', '--listen', '127.0.0.1:0', ...where],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The node ended with ${code}.`)))
    createInterface({ input: child.stdout }).once('line', (line) => {
      const { listen } = JSON.parse(line) as { listen: string[] }
      resolve(listen[0] ?? '')
    })
  })
  const metric = async (name: string) => {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
  }
  return {
    url,
    cpuMicros: async () => (await metric('process_cpu_seconds_total')) * 1e6,
    residentBytes: () => metric('process_resident_memory_bytes'),
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGINT')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The value below which `part` (0 to 1) of the sorted values lie. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

export function printMachine(): void {
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}\n`)
}

/** Prints rows under their headings, numbers to the right. */
export function printTable(rows: readonly Readonly<Record<string, string | number>>[]): void {
  const names = Object.keys(rows[0] ?? {})
  const text = (value: string | number | undefined) =>
    typeof value === 'number'
      ? value.toLocaleString('en', { maximumSignificantDigits: 4 })
      : (value ?? '')
  const widths = names.map((name) =>
    Math.max(name.length, ...rows.map((row) => text(row[name]).length)),
  )
  const line = (cells: readonly string[], numeric: readonly boolean[]) =>
    cells
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
  const numeric = names.map((name) => typeof rows[0]?.[name] === 'number')
  console.log(line(names, numeric))
  for (const row of rows)
    console.log(
      line(
        names.map((name) => text(row[name])),
        numeric,
      ),
    )
  console.log()
}

/** Does something with each item, at most `width` at once. @returns the results in the order of the items */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  step: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<number, R>()
  const queue = items.entries()
  const work = async () => {
    for (const [index, item] of queue) results.set(index, await step(item, index))
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work))
  return [...results].toSorted(([a], [b]) => a - b).map(([, result]) => result)
}
