import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, grpcWebTransport, type Group } from '@xmtp-ts/client'
import { afterAll, describe, expect, it } from 'vitest'
import { isBuilt, startProcess, type TestProcess } from '../support/process.ts'
import { texts, walletKey, world } from './world.ts'

const { open, node, keep } = world()
const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-crash-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** `XMTP_TS_CRASH=full`: as often as it was run for the figures of the docs; less of the same unless given. */
const isFull = process.env['XMTP_TS_CRASH'] === 'full'
const kills = isFull ? 25 : 3

let stores = 0

/** Processes begin slowly on a machine that is busy. */
async function untilSlow(isSo: () => boolean): Promise<void> {
  const end = Date.now() + 120_000
  while (!isSo()) {
    if (Date.now() > end) throw new Error('It did not come to be.')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A member in a process of its own, an honest peer, and somebody who is added and removed. */
async function scene() {
  const url = node().listen[0]!
  const store = join(folder, `${(stores += 1)}.db`)
  const [ann, third] = [await open(1), await open(3)]
  const start = (name: string, seed: number) =>
    startProcess('member-process.mjs', name, walletKey(2), store, url, third.inboxId, String(seed))
  const first = start('first', 1)
  const [, inboxId] = (await first.next()).split(' ')
  const groups = [
    await ann.conversations.createGroup([inboxId!]),
    await ann.conversations.createGroup([inboxId!]),
  ]
  // The others may do what is done here, too.
  for (const group of groups) await group.addSuperAdmin(inboxId!)
  return { ann, third, start, first, groups, store, url }
}

type Scene = Awaited<ReturnType<typeof scene>>

/** What was said to be sent, and what was begun, by all runs. */
function account(runs: readonly TestProcess[]) {
  const lines = runs.flatMap((run) => run.lines)
  const sent = new Map<string, string>()
  const failed = new Set<string>()
  for (const line of lines) {
    const match = /^sent ([0-9a-f]+) (.*)$/.exec(line)
    if (match !== null) sent.set(match[2]!, match[1]!)
    const failure = /^failed (\S+ \d+) (.*)$/.exec(line)
    if (failure !== null) failed.add(failure[2]!)
  }
  return {
    sent,
    failed,
    began: new Set(lines.filter((line) => line.startsWith('do ')).map((line) => line.slice(3))),
  }
}

/** Opens the store that was killed over: it can go on, and has what everybody has. */
async function expectWhole({ ann, groups, store, url }: Scene, runs: readonly TestProcess[]) {
  const ben: Client = keep(
    await Client.create(walletKey(2), { dbPath: store, transport: grpcWebTransport({ url }) }),
  )
  await ben.conversations.syncAll()
  const { sent, failed, began } = account(runs)
  // What several do at once may be lost to each other; nothing else may have failed.
  expect(
    [...failed].filter((code) => !['client.group.lostRaces', 'client.store.busy'].includes(code)),
  ).toEqual([])
  for (const group of groups) {
    await group.sync()
    const atBen = (await ben.conversations.getConversationById(group.id)) as Group
    await atBen.sync()
    await atBen.sendText('still here')
    await group.sync()
    await atBen.sync()
    const [theirs, ours] = [await group.messages(), await atBen.messages()]
    expect((await atBen.debugInfo()).epoch).toBe((await group.debugInfo()).epoch)
    expect((await atBen.debugInfo()).maybeForked).toBe(false)
    expect(atBen.name).toBe(group.name)
    expect(texts(ours)).toEqual(texts(theirs))
    expect(ours.map(({ id }) => id)).toHaveLength(new Set(ours.map(({ id }) => id)).size)
    // All of it published; each once, though it may have been sent by a process that did not live to hear of it.
    expect(ours.filter(({ deliveryStatus }) => deliveryStatus !== 1)).toEqual([])
    const said = texts(theirs).filter((text) => text !== 'still here')
    expect(new Set(said).size).toBe(said.length)
    for (const [what, id] of sent) if (id === group.id) expect(said).toContain(what)
    for (const text of said) if (!String(text).startsWith('ann')) expect(began).toContain(text)
  }
  await ben.close()
  expect(ann.isRegistered).toBe(true)
}

describe.skipIf(!isBuilt)('a client that is killed', () => {
  it(
    `${kills} times while it sends, commits and joins goes on each time with what everybody has`,
    { timeout: 600_000 },
    async () => {
      const all = await scene()
      const runs = [all.first]
      for (let kill = 0; kill < kills; kill += 1) {
        const run = runs.at(-1)!
        // After so many lines, and a part of a step: each time in the middle of something else.
        await untilSlow(() => run.lines.length > 4 + ((kill * 7) % 13))
        await new Promise((resolve) => setTimeout(resolve, (kill * 3) % 17))
        await run.kill()
        if (kill % 3 === 2) await expectWhole(all, runs)
        // Meanwhile somebody else changes the group and welcomes to another one are on their way.
        await all.groups[kill % 2]!.sendText(`ann ${kill}`).then(() => undefined)
        runs.push(all.start(`run${kill}`, kill + 2))
      }
      await untilSlow(() => runs.at(-1)!.lines.length > 4)
      await runs.at(-1)!.kill()
      await expectWhole(all, runs)
    },
  )

  it(
    'beside another process on the same store that is killed as well',
    { timeout: 600_000 },
    async () => {
      const all = await scene()
      const runs = [all.first, all.start('second', 77)]
      const alive = [...runs]
      for (let kill = 0; kill < kills; kill += 1) {
        await untilSlow(() => alive.every(({ lines }) => lines.length > 6))
        const which = kill % 2
        await alive[which]!.kill()
        const next = all.start(`next${kill}`, kill + 200)
        alive[which] = next
        runs.push(next)
      }
      await untilSlow(() => alive.every(({ lines }) => lines.length > 6))
      await Promise.all(alive.map((run) => run.kill()))
      await expectWhole(all, runs)
    },
  )
})
