import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Answer, Operations, Took } from './v3-client-host.ts'

/** `theirs` is `@xmtp/node-sdk` over libxmtp, as published. */
export const kinds = ['theirs', 'ours'] as const
export type Kind = (typeof kinds)[number]

/** A host in a process of its own. */
export type Host = {
  readonly do: <Name extends keyof Operations>(
    name: Name,
    ...[options]: Parameters<Operations[Name]>
  ) => Promise<Took<Awaited<ReturnType<Operations[Name]>>>>
  /** Lets it close what it has open. */
  readonly end: () => Promise<void>
}

const peers = fileURLToPath(new URL('../../peers/libxmtp/node_modules/', import.meta.url))
const program = fileURLToPath(new URL('v3-client-host.js', import.meta.url))

/** Why there is nothing to compare with. */
export function problemOfPeers(): string | undefined {
  return existsSync(`${peers}.ready.json`) ? undefined : 'Run `npm run real-clients` first.'
}

function commandOf(kind: Kind): readonly string[] {
  const node = [process.execPath, '--expose-gc', program]
  if (kind === 'ours') return [...node, import.meta.resolve('@xmtp-ts/client')]
  const { loader } = JSON.parse(readFileSync(`${peers}.ready.json`, 'utf8')) as {
    readonly loader: readonly string[]
  }
  return [...loader, ...node, `${peers}@xmtp/node-sdk/dist/index.js`]
}

export function startHost(kind: Kind): Host {
  const [command = '', ...args] = commandOf(kind)
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const waiting = new Map<number, { resolve(took: never): void; reject(error: Error): void }>()
  const fail = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  let last = 0
  child.once('exit', (code) => fail(new Error(`A process of ${kind} ended with ${code}.`)))
  createInterface({ input: child.stdout }).on('line', (line) => {
    // libxmtp itself prints to the standard output too.
    if (!line.startsWith('{"id":')) return
    const { id, took, error } = JSON.parse(line) as Answer
    const asker = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asker?.resolve(took as never)
    else asker?.reject(new Error(`${kind}: ${error}`))
  })
  return {
    do: (name, options) =>
      new Promise((resolve, reject) => {
        last += 1
        waiting.set(last, { resolve, reject })
        child.stdin.write(`${JSON.stringify({ id: last, name, options })}\n`)
      }),
    async end() {
      child.stdin.end()
      await ended
    },
  }
}
