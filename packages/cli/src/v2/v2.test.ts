import { describe, expect, it } from 'vitest'
import { addresses, world } from '../../test/world.ts'

const { as, json, run, start, url } = world()
const [one, two] = addresses

describe('xmtp-ts v2', () => {
  it('registers, writes, lists and reads', async () => {
    const created = await json(1, 'v2', 'identity', 'create')
    expect(created).toMatchObject({
      exitCode: 0,
      lines: [{ address: one, keyFile: null, isNewKey: false, isNewAccount: true }],
    })
    expect((await json(1, 'v2', 'identity', 'create')).lines).toMatchObject([
      { isNewAccount: false },
    ])
    expect((await json(2, 'v2', 'identity', 'show')).lines).toMatchObject([
      { address: two, registered: false, identityKey: null },
    ])
    await json(2, 'v2', 'identity', 'create')

    const sent = await json(1, 'v2', 'send', two, 'hello')
    expect(sent.lines).toMatchObject([{ peer: two, sender: one, text: 'hello' }])
    const read = await json(2, 'v2', 'messages', one)
    expect(read.lines).toEqual([{ ...sent.lines[0], peer: one }])
    expect((await json(2, 'v2', 'conversations')).lines).toMatchObject([
      {
        peer: one,
        topic: sent.lines[0]?.['conversation'],
        consent: 'unknown',
        conversationId: null,
      },
    ])
    expect((await json(1, 'v2', 'conversations')).lines).toMatchObject([{ consent: 'allowed' }])
  })

  it('prints the newest messages, the oldest of them first', async () => {
    for (const text of ['a', 'b', 'c']) await json(1, 'v2', 'send', two, text)
    const { lines } = await json(2, 'v2', 'messages', one, '--limit', '2')
    expect(lines.map(({ text }) => text)).toEqual(['b', 'c'])
  })

  it('keeps conversations with ids apart', async () => {
    await json(1, 'v2', 'send', two, 'apart', '--conversation', 'example.org/cli')
    const { lines } = await json(2, 'v2', 'messages', one, '--conversation', 'example.org/cli')
    expect(lines.map(({ text }) => text)).toEqual(['apart'])
  })

  it('streams until it is interrupted, and then ends with 0', async () => {
    const stream = start(['v2', 'stream', '--env', url()], as(2))
    await stream.until(() => stream.err().includes('Ctrl-C'))
    await json(1, 'v2', 'send', two, 'live\u001b[2J\nsecond line')
    const [first] = await stream.lines(1)
    expect(first).toContain(`${one}  live\\u001b[2J`)
    stream.interrupt()
    expect(await stream.finished).toBe(0)
    expect(stream.out()).toContain('\n    second line\n')
  })

  it('tells who can be written to, by its exit code too', async () => {
    const nobody = '0x0000000000000000000000000000000000000001'
    expect(await run(['v2', 'can-message', one, '--env', url()])).toMatchObject({
      exitCode: 0,
      out: `${one}  yes\n`,
    })
    expect(await run(['v2', 'can-message', nobody, '--env', url()])).toMatchObject({ exitCode: 5 })
  })

  it.each([
    [2, 'cli.usage', ['send', one]],
    [2, 'cli.usage', ['messages', one, '--limit', '0']],
    [2, 'cli.usage', ['conversations', '--env', 'ftp://node']],
    [2, 'address.malformed', ['send', '0x12', 'hi']],
    [2, 'address.malformed', ['messages', 'nonsense', '--env', 'http://127.0.0.1:9']],
    [2, 'client.env.gone', ['conversations', '--env', 'production']],
    [4, 'client.network.unreachable', ['can-message', one, '--env', 'http://127.0.0.1:9']],
    [5, 'client.peer.self', ['send', one, 'hi']],
  ] as const)('ends with %i and %s: %j', async (expected, code, argv) => {
    const network = argv.includes('--env' as never) ? [] : ['--env', url()]
    const { exitCode, out, err } = await run(['v2', ...argv, ...network, '--json'], as(1))
    expect({ exitCode, out }).toEqual({ exitCode: expected, out: '' })
    expect(JSON.parse(err)).toMatchObject({ error: { code } })
  })
})
