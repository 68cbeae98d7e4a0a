import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { afterAll, beforeAll } from 'vitest'
import type { Output } from '../src/io.ts'
import { main } from '../src/main.ts'

export const walletKey = (number: number) => number.toString(16).padStart(64, '0')

/** Of the wallet keys 1 to 4. */
export const addresses = [
  '0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf',
  '0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF',
  '0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69',
  '0x1efF47bc3a10a45D4B230B5d10E37751FE6AA718',
] as const

export type Line = Record<string, any>

/** A command line that runs in this process. */
export type Run = {
  readonly finished: Promise<number>
  readonly out: () => string
  readonly err: () => string
  readonly interrupt: () => void
  /** Resolves when something was written that makes `reached` true; rejects when it ended without. */
  readonly until: (reached: () => boolean) => Promise<void>
  /** Resolves with the lines of stdout once there are `count`. */
  readonly lines: (count: number) => Promise<readonly string[]>
}

type Env = Record<string, string>

/** A node, and command lines whose settings and data live in a folder of this test. */
export function world() {
  let node: Node
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-cli-'))
    node = await createNode({
      log: openMemoryLog(),
      v3: openMemoryV3Store(),
      listen: [{ host: '127.0.0.1', port: 0 }],
    })
  })

  afterAll(async () => {
    await node[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  return commandLines({ url: () => node.listen[0]!, folder: () => folder })
}

/** Command lines whose settings and data live in a folder, for accounts of a node. */
export function commandLines({
  url,
  folder,
}: {
  readonly url: () => string
  readonly folder: () => string
}) {
  const as = (number: number): Env => ({ XMTP_WALLET_KEY: walletKey(number) })
  const start = (argv: readonly string[], env: Env = {}, output: Partial<Output> = {}) =>
    startIn({ HOME: folder(), ...env }, argv, output)
  const run = async (argv: readonly string[], env: Env = {}, output: Partial<Output> = {}) => {
    const started = start(argv, env, output)
    const exitCode = await started.finished
    return { exitCode, out: started.out(), err: started.err() }
  }

  return {
    url,
    folder,
    as,
    start,
    run,
    /** Runs a verb with `--json` for one of the accounts; the lines it printed. */
    async json(number: number, ...argv: readonly string[]) {
      const { exitCode, out, err } = await run([...argv, '--env', url(), '--json'], as(number))
      return { exitCode, lines: objects(out), told: objects(err) }
    },
    /** The same until it is interrupted. */
    startJson: (number: number, ...argv: readonly string[]) =>
      start([...argv, '--env', url(), '--json'], as(number)),
  }
}

export function objects(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

function startIn(env: Env, argv: readonly string[], output: Partial<Output>): Run {
  const controller = new AbortController()
  const written = { out: '', err: '' }
  let hasEnded = false
  let wake: (() => void) | undefined
  const until = async (reached: () => boolean) => {
    while (!reached()) {
      if (hasEnded) throw new Error(`It ended before: ${JSON.stringify(written)}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const into = (name: 'out' | 'err') => (text: string) => {
    written[name] += text
    wake?.()
  }
  const finished = main(argv, {
    stdout: { write: into('out'), ...output },
    stderr: { write: into('err') },
    stdin: async function* () {
      yield new TextEncoder().encode(env['STDIN'] ?? '')
    },
    env,
    signal: controller.signal,
  }).finally(() => {
    hasEnded = true
    wake?.()
  })
  return {
    finished,
    out: () => written.out,
    err: () => written.err,
    interrupt: () => controller.abort(),
    until,
    lines: async (count) => {
      await until(() => written.out.split('\n').length > count)
      return written.out.split('\n').slice(0, count)
    },
  }
}
