import { createNode, openSqliteStore, type Node } from '@xmtp-ts/node'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const program = fileURLToPath(new URL('libxmtp-client.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-libxmtp-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The Node that loads the native binding: in a prepared folder one with a newer C library, else this one. */
const prepared = process.env['XMTP_REAL_CLIENTS']
const executable = prepared === undefined ? process.execPath : join(prepared, 'node-glibc')
const problem = whyNot()

describe.skipIf(problem !== undefined)('unmodified libxmtp clients', () => {
  it('register, add an installation and a wallet, revoke, and are found', async () => {
    const { values } = await run('identity')
    expect(values).toEqual({
      registered: true,
      'same inbox': true,
      'after adding': [2, 2],
      'found by second wallet': true,
      'after revoking': 1,
      'can message': [true, false],
      done: true,
    })
  }, 60_000)

  it('talk in a DM of more than a page and in a group, with its metadata, admins and removals', async () => {
    const { values } = await run('conversations')
    expect(values).toEqual({
      '130 messages': [130, 'text 0', 'text 129'],
      answer: 'answer',
      'group text': [['to all'], ['to all']],
      metadata: ['second name', 2],
      removed: false,
      members: 2,
      done: true,
    })
  }, 60_000)

  it('stream from before their first conversation on, each message once and in order', async () => {
    const { values } = await run('streams')
    expect(values['live']).toEqual(Array.from({ length: 20 }, (_, index) => `live ${index}`))
  }, 60_000)

  it('commit at the same time to one group, and end in the same one', async () => {
    const { values } = await run('race')
    expect(values).toEqual({
      members: [4, 4],
      'both read': [['after the race'], ['after the race']],
      done: true,
    })
  }, 60_000)

  it('go on when the node restarts in the middle', async () => {
    const { values } = await run('restart')
    expect(values['all there']).toEqual(['before', 'after'])
  }, 60_000)
})

// By name in the report, so that nobody takes the silence for success.
if (problem !== undefined) it.skip(`libxmtp does not run here: ${problem}`, () => {})

/** Runs a scenario against a node with a store on disk, restarting the node where the scenario asks for it. */
async function run(scenario: string): Promise<{ readonly values: Record<string, unknown> }> {
  const path = join(folder, `${scenario}.db`)
  let node = await openNode(path, 0)
  const url = node.listen[0]!
  const databases = mkdtempSync(join(folder, 'clients-'))
  const client = spawn(executable, [program, scenario, url, databases], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const complaints: Buffer[] = []
  client.stderr.on('data', (chunk: Buffer) => complaints.push(chunk))
  const values: Record<string, unknown> = {}
  try {
    for await (const line of createInterface({ input: client.stdout })) {
      if (!line.startsWith('{"step"')) continue
      const { step, value } = JSON.parse(line) as { step: string; value: unknown }
      values[step] = value
      if (step !== 'restart') continue
      await node[Symbol.asyncDispose]()
      node = await openNode(path, Number(new URL(url).port))
      client.stdin.write('\n')
    }
    if (values['done'] !== true) throw new Error(Buffer.concat(complaints).toString())
    return { values }
  } finally {
    client.kill()
    await node[Symbol.asyncDispose]()
  }
}

async function openNode(path: string, port: number): Promise<Node> {
  const stores = await openSqliteStore(path)
  return createNode({ ...stores, listen: [{ host: '127.0.0.1', port }] })
}

/** Why libxmtp cannot run on this machine, and what to do about it. */
function whyNot(): string | undefined {
  if (prepared !== undefined && !existsSync(executable))
    return `XMTP_REAL_CLIENTS names ${prepared}, which has no node-glibc`
  const path =
    prepared === undefined
      ? '@xmtp/node-sdk'
      : join(prepared, 'node_modules/@xmtp/node-sdk/dist/index.js')
  const trial = spawnSync(executable, ['-e', `import(${JSON.stringify(path)})`], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    encoding: 'utf8',
  })
  if (trial.status === 0) return undefined
  const reason = /(?:Error|error): (.*)/.exec(trial.stderr)?.[1] ?? 'unknown reason'
  return `${reason.slice(0, 160)}. Install @xmtp/node-sdk 6.0.0 beside a C library of 2.38 or newer, and name that folder in XMTP_REAL_CLIENTS.`
}
