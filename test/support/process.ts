import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Processes of tests run what is built: without it they are skipped, by name. */
export const isBuilt = ['client', 'node'].every((name) =>
  existsSync(join(import.meta.dirname, `../../packages/${name}/dist/index.js`)),
)

export type TestProcess = {
  /** Lines that it has written. */
  readonly lines: readonly string[]
  /** The next line that it writes, or that it has written and nobody has taken. */
  readonly next: () => Promise<string>
  readonly write: (line: string) => void
  /** SIGKILL: nothing is written, flushed or closed any more. */
  readonly kill: () => Promise<void>
  readonly ended: Promise<unknown>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a script beside this file. */
export function startProcess(script: string, ...args: readonly string[]): TestProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  running.add(child)
  child.stdin.on('error', () => undefined)
  const lines: string[] = []
  const waiting: ((line: string) => void)[] = []
  let taken = 0
  const reader = createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    waiting.shift()?.(lines[taken++]!)
  })
  const ended = Promise.all([once(child, 'exit'), once(reader, 'close')]).then(() =>
    running.delete(child),
  )
  return {
    lines,
    next: () =>
      taken < lines.length
        ? Promise.resolve(lines[taken++]!)
        : new Promise((resolve) => waiting.push(resolve)),
    write: (line) => void child.stdin.write(`${line}\n`),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    ended,
  }
}
