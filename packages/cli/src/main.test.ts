import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNode, openMemoryLog, type Node } from '@xmtp-ts/node'
import { exitCodes } from './exit-codes.ts'
import { main } from './main.ts'

const walletKey = (number: number) => number.toString(16).padStart(64, '0')

/** Of the wallet keys 1 and 2. */
const addresses = [
  '0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf',
  '0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF',
] as const

let node: Node
let url: string
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-cli-'))
  node = await createNode({ log: openMemoryLog(), listen: [{ host: '127.0.0.1', port: 0 }] })
  url = node.listen[0]!
})

afterAll(async () => {
  await node[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

type Run = {
  readonly finished: Promise<number>
  readonly out: () => string
  readonly err: () => string
  readonly interrupt: () => void
  /** Resolves when something was written that makes `reached` true. */
  readonly until: (reached: () => boolean) => Promise<void>
  /** Resolves with the lines of stdout once there are `count`. */
  readonly lines: (count: number) => Promise<readonly string[]>
}

/** Starts a command line whose settings live in this test's folder. */
function start(argv: readonly string[], env: Record<string, string> = {}): Run {
  const controller = new AbortController()
  const written = { out: '', err: '' }
  let wake: (() => void) | undefined
  const until = async (reached: () => boolean) => {
    while (!reached())
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
  const finished = main(argv, {
    stdout: {
      write: (text) => {
        written.out += text
        wake?.()
      },
    },
    stderr: {
      write: (text) => {
        written.err += text
        wake?.()
      },
    },
    env: { HOME: folder, ...env },
    signal: controller.signal,
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

async function run(argv: readonly string[], env: Record<string, string> = {}) {
  const started = start(argv, env)
  const exitCode = await started.finished
  return { exitCode, out: started.out(), err: started.err() }
}

const as = (number: number) => ({ XMTP_WALLET_KEY: walletKey(number) })

/** Runs a verb with `--json` for one of the accounts; the lines it printed. */
async function runJson(number: number, ...argv: readonly string[]) {
  const { exitCode, out, err } = await run([...argv, '--env', url, '--json'], as(number))
  const objects = (text: string): Record<string, unknown>[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  return { exitCode, lines: objects(out), errors: objects(err) }
}

describe('xmtp-ts', () => {
  it('registers, writes, lists and reads', async () => {
    const [one, two] = addresses
    const created = await runJson(1, 'identity', 'create')
    expect(created).toMatchObject({
      exitCode: 0,
      lines: [{ address: one, keyFile: null, isNewKey: false, isNewAccount: true }],
    })
    expect((await runJson(1, 'identity', 'create')).lines).toMatchObject([{ isNewAccount: false }])
    expect((await runJson(2, 'identity', 'show')).lines).toMatchObject([
      { address: two, registered: false, identityKey: null },
    ])
    await runJson(2, 'identity', 'create')

    const sent = await runJson(1, 'send', two, 'hello')
    expect(sent.lines).toMatchObject([{ peer: two, sender: one, text: 'hello' }])
    const read = await runJson(2, 'messages', one)
    expect(read.lines).toEqual([{ ...sent.lines[0], peer: one }])
    expect((await runJson(2, 'conversations')).lines).toMatchObject([
      {
        peer: one,
        topic: sent.lines[0]?.['conversation'],
        consent: 'unknown',
        conversationId: null,
      },
    ])
    expect((await runJson(1, 'conversations')).lines).toMatchObject([{ consent: 'allowed' }])
  })

  it('prints the newest messages, the oldest of them first', async () => {
    const [one, two] = addresses
    for (const text of ['a', 'b', 'c']) await runJson(1, 'send', two, text)
    const { lines } = await runJson(2, 'messages', one, '--limit', '2')
    expect(lines.map(({ text }) => text)).toEqual(['b', 'c'])
  })

  it('keeps conversations with ids apart', async () => {
    const [one, two] = addresses
    await runJson(1, 'send', two, 'apart', '--conversation', 'example.org/cli')
    const { lines } = await runJson(2, 'messages', one, '--conversation', 'example.org/cli')
    expect(lines.map(({ text }) => text)).toEqual(['apart'])
  })

  it('streams until it is interrupted, and then ends with 0', async () => {
    const [one, two] = addresses
    const stream = start(['stream', '--env', url], as(2))
    await stream.until(() => stream.err().includes('Ctrl-C'))
    await runJson(1, 'send', two, 'live\u001b[2J\nsecond line')
    const [first] = await stream.lines(1)
    expect(first).toContain(`${one}  live\\u001b[2J`)
    stream.interrupt()
    expect(await stream.finished).toBe(0)
    expect(stream.out()).toContain('\n    second line\n')
  })

  it('tells who can be written to, by its exit code too', async () => {
    const nobody = '0x0000000000000000000000000000000000000001'
    expect(await run(['can-message', addresses[0], '--env', url])).toMatchObject({
      exitCode: 0,
      out: `${addresses[0]}  yes\n`,
    })
    expect(await run(['can-message', nobody, '--env', url])).toMatchObject({ exitCode: 5 })
  })
})

describe('the wallet key', () => {
  it('is made once, for its owner only, and never printed', async () => {
    const file = join(folder, 'made.key')
    const created = await run(['identity', 'create', '--key-file', file, '--env', url])
    expect(created.exitCode).toBe(0)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const key = (await readFile(file, 'utf8')).trim()
    expect(key).toMatch(/^[0-9a-f]{64}$/)
    expect(created.out + created.err).not.toContain(key)
    await run(['identity', 'create', '--key-file', file, '--env', url])
    expect((await readFile(file, 'utf8')).trim()).toBe(key)
  })

  it('that others may read is refused', async () => {
    const file = join(folder, 'open.key')
    await writeFile(file, walletKey(3))
    await chmod(file, 0o640)
    const { exitCode, err } = await run(['conversations', '--key-file', file, '--env', url])
    expect(exitCode).toBe(3)
    expect(err).toMatch(/^xmtp-ts: Others may read .*\n$/)
  })

  it.each([
    ['missing', {}, /There is no .*wallet\.key/],
    ['malformed', { XMTP_WALLET_KEY: 'secret-in-the-wrong-place' }, /holds no wallet key/],
  ])('that is %s is one sentence', async (_what, env, sentence) => {
    const { exitCode, err } = await run(['conversations', '--env', url], env)
    expect(exitCode).toBe(3)
    expect(err).toMatch(sentence)
    expect(err).not.toContain('secret')
    expect(err.trim()).not.toContain('\n')
  })
})

describe('what goes wrong', () => {
  it.each([
    [2, 'cli.usage', ['sendd']],
    [2, 'cli.usage', ['send', addresses[0]]],
    [2, 'cli.usage', ['messages', addresses[0], '--limit', '0']],
    [2, 'cli.usage', ['conversations', '--env', 'ftp://node']],
    [2, 'address.malformed', ['send', '0x12', 'hi']],
    [2, 'address.malformed', ['send', 'nonsense', 'hi', '--env', 'http://127.0.0.1:9']],
    [2, 'address.malformed', ['messages', 'nonsense', '--env', 'http://127.0.0.1:9']],
    [2, 'address.malformed', ['can-message', 'nonsense', '--env', 'http://127.0.0.1:9']],
    [2, 'client.env.gone', ['conversations', '--env', 'production']],
    [4, 'client.network.unreachable', ['can-message', addresses[0], '--env', 'http://127.0.0.1:9']],
    [5, 'client.peer.self', ['send', addresses[0], 'hi']],
    [7, 'node.config.malformed', ['node', '--listen', 'nowhere']],
    [7, 'node.config.malformed', ['node', '--config', '/nowhere/at/all.json']],
  ] as const)('ends with %i and %s: %j', async (expected, code, argv) => {
    const network = argv.includes('--env' as never) || argv[0] === 'node' ? [] : ['--env', url]
    const { exitCode, out, err } = await run([...argv, ...network, '--json'], as(1))
    expect({ exitCode, out }).toEqual({ exitCode: expected, out: '' })
    expect(JSON.parse(err)).toMatchObject({ error: { code } })
  })

  it('is one sentence for people', async () => {
    const { err } = await run(['node', '--listen', url.replace('http://', ''), '--memory'])
    expect(err).toMatch(/^xmtp-ts: .* is in use\. .*\n$/)
  })
})

describe('help', () => {
  it('has a version, the one of the package', async () => {
    const path = new URL('../package.json', import.meta.url)
    const { version } = JSON.parse(await readFile(path, 'utf8'))
    expect(await run(['--version'])).toEqual({ exitCode: 0, out: `${version}\n`, err: '' })
  })

  it('names every exit code', async () => {
    const { exitCode, out } = await run(['--help'])
    expect(exitCode).toBe(0)
    for (const [code, meaning] of Object.entries(exitCodes))
      expect(out).toContain(`${code}  ${meaning}`)
  })

  it.each([
    ['node'],
    ['identity', 'create'],
    ['identity', 'show'],
    ['send'],
    ['conversations'],
    ['messages'],
    ['stream'],
    ['can-message'],
  ])('of %s %s has examples', async (...verb) => {
    const { out } = await run([...verb, '--help'])
    expect(out).toContain('Examples:\n  $ xmtp-ts ')
    expect(out).toContain('--json')
  })
})

describe('xmtp-ts node', () => {
  it('says where it listens, serves, and stops cleanly', async () => {
    const data = join(folder, 'store')
    const argv = ['node', '--listen', '127.0.0.1:0', '--data', data, '--json']
    const started = start(argv)
    const [line] = await started.lines(1)
    const ready = JSON.parse(line!)
    expect(ready).toMatchObject({ event: 'ready', store: { kind: 'sqlite' } })
    const { exitCode } = await run(['can-message', addresses[0], '--env', ready.listen[0]])
    expect(exitCode).toBe(5)
    started.interrupt()
    expect(await started.finished).toBe(0)
  })

  it('says in plain words what to do next', async () => {
    const started = start(['node', '--listen', '127.0.0.1:0', '--memory'])
    await started.lines(11)
    expect(started.out()).toMatch(/npx xmtp-ts identity create --env http:\/\/127\.0\.0\.1:\d+\n/)
    started.interrupt()
    expect(await started.finished).toBe(0)
  })

  it('takes settings from a file, flags before them', async () => {
    const file = join(folder, 'node.json')
    await writeFile(file, JSON.stringify({ listen: ['127.0.0.1:1'], memory: true }))
    const started = start(['node', '--config', file, '--listen', '127.0.0.1:0', '--json'])
    const [line] = await started.lines(1)
    expect(JSON.parse(line!)).toMatchObject({ store: { kind: 'memory' } })
    started.interrupt()
    expect(await started.finished).toBe(0)
  })
})
