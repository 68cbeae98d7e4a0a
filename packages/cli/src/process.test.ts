import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

const program = fileURLToPath(new URL('../bin/xmtp-ts.js', import.meta.url))
const isBuilt = existsSync(new URL('../dist/process.js', import.meta.url))

let folder: string
const running = new Set<ChildProcess>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-process-'))
})

afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})

afterAll(async () => {
  await rm(folder, { recursive: true })
})

/** Starts the program as a shell would. */
function start(...argv: readonly string[]) {
  return startAs({}, ...argv)
}

function startAs(env: Record<string, string>, ...argv: readonly string[]) {
  const child = spawn(process.execPath, [program, ...argv], {
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
    cwd: folder,
  })
  running.add(child)
  const written = { out: '', err: '' }
  let wake = () => {}
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written.out += text
    wake()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written.err += text
    wake()
  })
  const ended = new Promise<{ exitCode: number | null; out: string; err: string }>((resolve) => {
    child.on('close', (exitCode) => {
      running.delete(child)
      resolve({ exitCode, ...written })
      wake()
    })
  })
  const until = async (isSo: (soFar: { out: string; err: string }) => boolean) => {
    while (!isSo(written) && running.has(child))
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
  const firstLine = async () => {
    await until(({ out }) => out.includes('\n'))
    return written.out.split('\n')[0] ?? ''
  }
  return { child, ended, firstLine, until, written }
}

const memoryNode = ['node', '--listen', '127.0.0.1:0', '--memory', '--json']

// The tests run from sources; the program as it is installed needs a build, which `npm test` makes first.
describe.skipIf(!isBuilt)('the built program', () => {
  it('prints its version and ends', async () => {
    const { exitCode, out, err } = await start('--version').ended
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it('checks its arguments before it looks for a node', async () => {
    expect(await start('dm', 'nonsense', 'hi').ended).toMatchObject({ exitCode: 2, out: '' })
  })

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'runs a node until %s, and ends with 0',
    async (signal) => {
      const node = start(...memoryNode)
      const ready = JSON.parse(await node.firstLine())
      expect(ready).toMatchObject({ event: 'ready', store: { kind: 'memory' } })
      expect(ready.listen[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect((await fetch(`${ready.listen[0]}/healthz`)).ok).toBe(true)
      const again = await start('node', '--memory', '--listen', ready.listen[0].slice(7)).ended
      expect(again).toMatchObject({ exitCode: 7, out: '' })
      expect(again.err).toMatch(/^xmtp-ts: .* is in use\..*\n$/)
      node.child.kill(signal)
      expect(await node.ended).toMatchObject({ exitCode: 0, err: '' })
    },
  )

  it('says in one sentence that the folder of the store cannot be written', async () => {
    const data = join(folder, 'file')
    await writeFile(data, 'no folder')
    const argv = ['node', '--listen', '127.0.0.1:0', '--data', join(data, 'store')]
    const { exitCode, out, err } = await start(...argv).ended
    expect({ exitCode, out }).toEqual({ exitCode: 7, out: '' })
    expect(err).toMatch(/^xmtp-ts: [^\n]+\n$/)
  })

  it('leaves a store of a newer version alone', async () => {
    const [data, newer] = [join(folder, 'store'), join(folder, 'newer')]
    const first = start('node', '--listen', '127.0.0.1:0', '--data', data, '--json')
    await first.firstLine()
    first.child.kill('SIGINT')
    expect((await first.ended).exitCode).toBe(0)
    await cp(data, newer, { recursive: true })
    const [file] = (await readdir(newer)).filter((name) => /\.(db|sqlite\d?)$/.test(name))
    setStoreVersion(join(newer, file!), 9_999)
    const argv = ['node', '--listen', '127.0.0.1:0', '--data', newer, '--json']
    const { exitCode, out, err } = await start(...argv).ended
    expect({ exitCode, out }).toEqual({ exitCode: 7, out: '' })
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'node.store.newer' } })
  })

  it('ends quietly when the reader of its output has gone', async () => {
    const node = start(...memoryNode)
    node.child.stdout.destroy()
    const { exitCode, err } = await node.ended
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
  })
})

// Each of these starts half a dozen processes, which takes its time on a busy machine.
describe.skipIf(!isBuilt)('a stream of the built program', { timeout: 120_000 }, () => {
  /** A node, and two accounts of it. */
  async function opened() {
    const node = start(...memoryNode)
    const env = { XMTP_ENV: JSON.parse(await node.firstLine()).listen[0] }
    const ann = { ...env, XMTP_WALLET_KEY: '1'.repeat(64) }
    const ben = { ...env, XMTP_WALLET_KEY: '2'.repeat(64) }
    const made = await startAs(ben, 'identity', 'create', '--json').ended
    const { address } = JSON.parse(made.out)
    const say = async (text: string) => {
      const { exitCode } = await startAs(ann, 'send', address, text).ended
      expect(exitCode).toBe(0)
    }
    return { ben, say }
  }

  const texts = (out: string) =>
    out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .filter(({ kind }) => kind === 'message')
      .map(({ text }) => text)

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with 0 at %s', async (signal) => {
    const { ben, say } = await opened()
    const stream = startAs(ben, 'stream')
    await stream.until(({ err }) => err.includes('Ctrl-C'))
    await say('hello')
    await stream.until(({ out }) => out.includes('hello'))
    stream.child.kill(signal)
    expect(await stream.ended).toMatchObject({ exitCode: 0 })
  })

  it('of a name misses nothing when its reader goes away, or it is killed', async () => {
    const { ben, say } = await opened()
    const argv = ['stream', '--durable', 'bot', '--json'] as const
    const first = startAs(ben, ...argv)
    // Nothing tells programs that the stream stands, but what it brings.
    await until(async () => {
      await say('ready?')
      return /ready/.test(first.written.out)
    })
    first.child.stdout.destroy()
    await say('one')
    expect(await first.ended).toMatchObject({ exitCode: 0 })
    const second = startAs(ben, ...argv)
    await second.until(({ out }) => texts(out).includes('one'))
    second.child.kill('SIGKILL')
    await second.ended
    await say('two')
    const third = startAs(ben, ...argv)
    await third.until(({ out }) => texts(out).includes('two'))
    third.child.kill('SIGINT')
    const { exitCode, out } = await third.ended
    expect(exitCode).toBe(0)
    expect(
      texts(out)
        .slice(-2)
        .filter((text) => text !== 'one'),
    ).toEqual(['two'])
  })

  it('is one line of JSON when the node is not there', async () => {
    const env = { XMTP_ENV: 'http://127.0.0.1:9', XMTP_WALLET_KEY: '1'.repeat(64) }
    const { exitCode, out, err } = await startAs(env, 'stream', '--json').ended
    expect({ exitCode, out }).toEqual({ exitCode: 4, out: '' })
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'client.network.unreachable' } })
  })
})

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

/** Writes another version into a store, as a later release would. */
function setStoreVersion(path: string, version: number): void {
  const require = createRequire(new URL('../../node/package.json', import.meta.url))
  const { DatabaseSync } = require('@photostructure/sqlite') as {
    DatabaseSync: new (path: string) => { exec(sql: string): void; close(): void }
  }
  const database = new DatabaseSync(path)
  database.exec(`PRAGMA user_version = ${version}`)
  database.close()
}
