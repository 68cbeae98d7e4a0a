import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest'
import { browser } from './browser.ts'
import type { Client, ClientKind, ClientProcess, Message } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { describeUnless } from './describe-unless.ts'

const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-failures-'))
afterAll(() => rmSync(folder, { recursive: true }))
let node: LocalNode
const processes: ClientProcess[] = []
let count = 0
beforeEach(async () => {
  node = await startNode(join(folder, `${(count += 1)}.db`))
})
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()))
  await node[Symbol.asyncDispose]()
})

async function start(kind: ClientKind): Promise<ClientProcess> {
  const process = await kind.start()
  processes.push(process)
  return process
}

const contents = (messages: readonly Message[]) => messages.map(({ content }) => content)

describeUnless(browser.problem).each([
  { name: 'node-sdk', kind: native },
  { name: 'browser-sdk', kind: browser },
])('$name', ({ kind }) => {
  it('goes on when the node restarts in the middle, its streams too', async () => {
    const process = await start(kind)
    const [alix, bo] = (await Promise.all(
      [1, 2].map(() => process.newClient({ apiUrl: node.url })),
    )) as [Client, Client]
    const group = await alix.newGroup([bo.inboxId])
    const stream = await bo.streamMessages({ retryDelay: 100 })
    await group.send('before')
    await stream.until((messages) => contents(messages).includes('before'))
    await node.restart()
    // What comes while a stream is broken is in the database, and not in the stream: so the SDKs are.
    await group.send('between')
    await expect.poll(() => stream.events, { timeout: 20_000 }).toContain('onRestart')
    await group.send('after')
    await stream.until((messages) => contents(messages).includes('after'))
    await bo.syncAll()
    const seen = await bo.conversation(group.id)
    expect(await seen.texts()).toEqual(['before', 'between', 'after'])
    expect(await group.debugInfo()).toMatchObject({ maybeForked: false })
  }, 60_000)
})

describeUnless(native.problem)('a native client', () => {
  it('that dies while it sends and commits comes back to the same group', async () => {
    const [first, others] = await Promise.all([start(native), start(native)])
    const dbPath = join(folder, 'killed.db3')
    const alix = await first.newClient({ apiUrl: node.url, dbPath })
    const bo = await others.newClient({ apiUrl: node.url })
    const group = await alix.newGroup([bo.inboxId])
    const sent: string[] = []
    const work = (async () => {
      for (let index = 0; ; index += 1) {
        await group.send(`text ${index}`)
        sent.push(`text ${index}`)
        if (index % 5 === 4) await group.updateName(`name ${index}`)
      }
    })()
    await expect.poll(() => sent.length, { timeout: 20_000 }).toBeGreaterThan(30)
    await first.kill()
    await expect(work).rejects.toThrow('gone')

    const again = await (
      await start(native)
    ).newClient({ apiUrl: node.url, dbPath, privateKey: alix.privateKey })
    expect(again.installationId).toBe(alix.installationId)
    await again.syncAll()
    const back = await again.conversation(group.id)
    await back.send('back')
    await bo.syncAll()
    const seen = await bo.conversation(group.id)
    const texts = await seen.texts()
    expect(texts.slice(0, sent.length)).toEqual(sent)
    expect(texts.at(-1)).toBe('back')
    expect(new Set(texts).size).toBe(texts.length)
    await back.sync()
    const [left, right] = await Promise.all([back.debugInfo(), seen.debugInfo()])
    expect(left.epoch).toBe(right.epoch)
    expect([left.maybeForked, right.maybeForked]).toEqual([false, false])
  }, 60_000)

  it('publishes its commit log when it starts, and another compares it with its own', async () => {
    const paths = { alix: join(folder, 'log-alix.db3'), bo: join(folder, 'log-bo.db3') }
    const first = await start(native)
    const alix = await first.newClient({ apiUrl: node.url, dbPath: paths.alix })
    const bo = await first.newClient({ apiUrl: node.url, dbPath: paths.bo })
    const group = await alix.newGroup([bo.inboxId])
    await group.updateName('second epoch')
    await bo.syncAll()
    // Logs of groups that nobody allowed are not read.
    await (await bo.conversation(group.id)).setConsent('allowed')
    await first.kill()

    /** The worker of the log runs when a client starts, and then after minutes. */
    const reopened = async (client: Client, dbPath: string) => {
      const process = await start(native)
      const { privateKey } = client
      const again = await process.newClient({ apiUrl: node.url, dbPath, privateKey })
      const seen = await again.conversation(group.id)
      return { seen, [Symbol.asyncDispose]: () => process.kill() }
    }
    const compared = async (client: Client, dbPath: string) => {
      await using here = await reopened(client, dbPath)
      await setTimeout(500)
      return await here.seen.debugInfo()
    }
    await compared(alix, paths.alix)
    await expect
      .poll(() => compared(bo, paths.bo), { timeout: 20_000 })
      .toMatchObject({ isCommitLogForked: false, epoch: 2n })
    expect((await compared(bo, paths.bo)).remoteCommitLog.match(/Success/g)).toHaveLength(2)
  }, 60_000)
})
