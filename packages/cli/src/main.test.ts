import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addresses, walletKey, world } from '../test/world.ts'
import { exitCodes } from './exit-codes.ts'
import { createProgram } from './main.ts'

const { as, folder, run, start, url } = world()
const [one] = addresses

describe('the wallet key', () => {
  it('is made once, for its owner only, and never printed', async () => {
    const file = join(folder(), 'made.key')
    const created = await run(['identity', 'create', '--key-file', file, '--env', url()])
    expect(created.exitCode).toBe(0)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const key = (await readFile(file, 'utf8')).trim()
    expect(key).toMatch(/^[0-9a-f]{64}$/)
    expect(created.out + created.err).not.toContain(key)
    await run(['identity', 'create', '--key-file', file, '--env', url()])
    expect((await readFile(file, 'utf8')).trim()).toBe(key)
  })

  it('is one, when two command lines make it at once', async () => {
    const file = join(folder(), 'raced.key')
    const argv = ['identity', 'create', '--key-file', file, '--env', url(), '--json']
    const [a, b] = await Promise.all([run(argv), run(argv)])
    const [first, second] = [JSON.parse(a.out), JSON.parse(b.out)]
    expect(second).toMatchObject({
      address: first.address,
      inboxId: first.inboxId,
      installationId: first.installationId,
    })
    expect([first.isNewKey, second.isNewKey].toSorted()).toEqual([false, true])
  })

  it('that others may read is refused', async () => {
    const file = join(folder(), 'open.key')
    await writeFile(file, walletKey(3))
    await chmod(file, 0o640)
    const { exitCode, err } = await run(['conversations', '--key-file', file, '--env', url()])
    expect(exitCode).toBe(3)
    expect(err).toMatch(/^xmtp-ts: Others may read .*\n$/)
  })

  it.each([
    ['missing', {}, /There is no .*wallet\.key/],
    ['malformed', { XMTP_WALLET_KEY: 'secret-in-the-wrong-place' }, /holds no wallet key/],
  ])('that is %s is one sentence', async (_what, env, words) => {
    const { exitCode, err } = await run(['conversations', '--env', url()], env)
    expect(exitCode).toBe(3)
    expect(err).toMatch(words)
    expect(err).not.toContain('secret')
    expect(err.trim()).not.toContain('\n')
  })
})

describe('what goes wrong', () => {
  const unreachable = ['--env', 'http://127.0.0.1:9']
  it.each([
    [2, 'cli.usage', ['sendd']],
    [2, 'cli.usage', ['group']],
    [2, 'cli.usage', ['group', 'renam', 'a', 'b']],
    [2, 'cli.usage', ['history']],
    [2, 'cli.usage', ['history', 'a', '--limit', '0']],
    [2, 'cli.usage', ['conversations', '--env', 'ftp://node']],
    [2, 'cli.usage', ['conversations', '--db', 'x', '--ephemeral']],
    [2, 'cli.usage', ['send', one, ...unreachable]],
    [2, 'cli.usage', ['group', 'create', one, '--preset', 'some']],
    [2, 'cli.usage', ['group', 'create', one, '--disappearing', 'soon']],
    [2, 'cli.usage', ['group', 'disappearing', 'a', '99999w']],
    [2, 'cli.usage', ['stream', '--durable', 'x'.repeat(101), ...unreachable]],
    [2, 'cli.usage', ['stream', '--durable', 'x', '--ephemeral', ...unreachable]],
    [2, 'cli.usage', ['group', 'permissions', 'a', '--set', 'add-admin=allow']],
    [2, 'cli.file.unreadable', ['send', one, '--file', '/nowhere/at/all']],
    [2, 'address.malformed', ['dm', '0x12', 'hi', ...unreachable]],
    [2, 'address.malformed', ['dm', 'nonsense', 'hi', ...unreachable]],
    [2, 'address.malformed', ['send', one.replace('E', 'e'), 'hi', ...unreachable]],
    [2, 'address.malformed', ['group', 'create', 'nonsense', ...unreachable]],
    [2, 'address.malformed', ['can-message', 'nonsense', ...unreachable]],
    [2, 'address.malformed', ['inbox', 'nonsense', ...unreachable]],
    [2, 'client.env.gone', ['conversations', '--env', 'production']],
    [3, 'cli.key.missing', ['identity', 'show', '--key-file', '/nowhere/at/all']],
    [4, 'client.network.unreachable', ['can-message', one, ...unreachable]],
    [5, 'client.peer.self', ['dm', one, 'hi']],
    [5, 'client.inbox.unknown', ['inbox', addresses[3]]],
    [5, 'client.inbox.unknown', ['send', addresses[3], 'hi']],
    [7, 'node.config.malformed', ['node', '--listen', 'nowhere']],
    [7, 'node.config.malformed', ['node', '--config', '/nowhere/at/all.json']],
    [8, 'cli.conversation.unknown', ['history', 'nothing']],
    [8, 'cli.installation.unknown', ['installations', 'revoke', 'nothing']],
  ] as const)('ends with %i and %s: %j', async (expected, code, argv) => {
    const network = argv.includes('--env' as never) || argv[0] === 'node' ? [] : ['--env', url()]
    const { exitCode, out, err } = await run([...argv, ...network, '--json'], as(1))
    expect({ exitCode, out }).toEqual({ exitCode: expected, out: '' })
    expect(JSON.parse(err.trimEnd().split('\n').at(-1)!)).toMatchObject({ error: { code } })
  })

  it('is silent when Ctrl-C did it, but for the exit code', async () => {
    const [verb, stream] = [['sync'], ['stream']].map((argv) =>
      start([...argv, ...unreachable, '--json'], as(1)),
    )
    verb!.interrupt()
    stream!.interrupt()
    expect([await verb!.finished, await stream!.finished]).toEqual([130, 0])
    expect([verb!.out(), verb!.err(), stream!.out(), stream!.err()]).toEqual(['', '', '', ''])
  })

  it('is one sentence for people', async () => {
    const { err } = await run(['node', '--listen', url().replace('http://', ''), '--memory'])
    expect(err).toMatch(/^xmtp-ts: .* is in use\. .*\n$/)
  })

  it('names what is nearly the same', async () => {
    expect((await run(['group', 'renam', 'a', 'b'])).err).toContain('Did you mean rename?')
    expect((await run(['history', 'a', '--limt', '3'])).err).toContain('Did you mean --limit?')
  })
})

describe('help', () => {
  it('has a version, the one of the package', async () => {
    const path = new URL('../package.json', import.meta.url)
    const { version } = JSON.parse(await readFile(path, 'utf8'))
    expect(await run(['--version'])).toEqual({ exitCode: 0, out: `${version}\n`, err: '' })
  })

  it('names every exit code, as the page about the command line does', async () => {
    const { exitCode, out } = await run(['--help'])
    expect(exitCode).toBe(0)
    const page = await readFile(new URL('../../../docs/cli.md', import.meta.url), 'utf8')
    for (const [code, meaning] of Object.entries(exitCodes)) {
      expect(out).toContain(`${code}  ${meaning}`)
      expect(page).toContain(meaning)
    }
  })

  it('stands for a command that is missing', async () => {
    const { exitCode, out, err } = await run(['group'])
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' })
    expect(err).toContain('rename <group> <name>')
  })

  it('of every verb and group has examples, and explains every value', async () => {
    const io = {
      stdout: { write: () => undefined },
      stderr: { write: () => undefined },
      stdin: async function* () {},
      env: {},
      signal: new AbortController().signal,
    }
    const paths = verbsOf(createProgram(io, { exitCode: 0, help: '', usage: '' }))
    expect(paths.length).toBeGreaterThan(35)
    for (const { path, isVerb, values } of paths) {
      const { out } = await run([...path, '--help'])
      expect(out).toContain('Examples:\n  $ xmtp-ts ')
      expect(out).toContain(`$ xmtp-ts ${path.join(' ')}`)
      if (isVerb) expect(out).toContain('--json')
      expect(values).not.toContain('')
    }
  })
})

type Described = { path: string[]; isVerb: boolean; values: string[] }

function verbsOf(command: Command, path: string[] = []): Described[] {
  return command.commands.flatMap((one) => {
    const here = [...path, one.name()]
    const values = one.registeredArguments.map(({ description }) => description)
    return [{ path: here, isVerb: one.commands.length === 0, values }, ...verbsOf(one, here)]
  })
}

describe('xmtp-ts node', () => {
  it('says where it listens, serves, and stops cleanly', async () => {
    const data = join(folder(), 'store')
    const argv = ['node', '--listen', '127.0.0.1:0', '--data', data, '--json']
    const started = start(argv)
    const [line] = await started.lines(1)
    const ready = JSON.parse(line!)
    expect(ready).toMatchObject({ event: 'ready', store: { kind: 'sqlite' } })
    const { exitCode } = await run(['can-message', one, '--env', ready.listen[0]])
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
    const file = join(folder(), 'node.json')
    await writeFile(file, JSON.stringify({ listen: ['127.0.0.1:1'], memory: true }))
    const started = start(['node', '--config', file, '--listen', '127.0.0.1:0', '--json'])
    const [line] = await started.lines(1)
    expect(JSON.parse(line!)).toMatchObject({ store: { kind: 'memory' } })
    started.interrupt()
    expect(await started.finished).toBe(0)
  })
})
