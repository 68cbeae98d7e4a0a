import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client, ClientProcess, Message } from './driver.ts'
import { nativeNext } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { describeUnless } from './describe-unless.ts'

const contents = (messages: readonly Message[]) => messages.map(({ content }) => content)

describeUnless(nativeNext.problem)('libxmtp 1.11 on one stream (XIP-83)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'xmtp-ts-one-stream-'))
  let node: LocalNode
  let clients: ClientProcess
  let alix: Client
  let bo: Client
  beforeAll(async () => {
    node = await startNode(join(folder, 'node.db'), { streamKeepaliveMs: 2_000 })
    clients = await nativeNext.start()
    ;[alix, bo] = (await Promise.all(
      [1, 2].map(() => clients.newClient({ apiUrl: node.url })),
    )) as [Client, Client]
  })
  afterAll(async () => {
    await clients.kill()
    await node[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  /** A metric of a method of MlsApi, in the names of gRPC. */
  async function metric(name: string, method: string): Promise<number> {
    const text = await (await fetch(`${node.url}/metrics`)).text()
    const label = `grpc_service="xmtp.mls.api.v1.MlsApi",grpc_method="${method}"`
    const line = text
      .split('\n')
      .find((each) => each.startsWith(`grpc_server_${name}{`) && each.includes(label))
    return Number(line?.split(' ').at(-1))
  }

  it('hears of new groups, and of what is in them, once and in order', async () => {
    const before = await alix.newGroup([bo.inboxId])
    const stream = await bo.streamMessages()
    await before.send('first')
    // More than a page, in a group that came while the stream was open.
    const after = await alix.newGroup([bo.inboxId])
    const texts = Array.from({ length: 130 }, (_, index) => `text ${index}`)
    for (const text of texts) await after.send(text)
    const dm = await alix.newDm(bo.inboxId)
    await dm.send('last')
    await stream.until((messages) => contents(messages).includes('last'), 60_000)
    const ofGroup = stream.values.filter(({ conversationId }) => conversationId === after.id)
    expect(contents(ofGroup).filter((content) => typeof content === 'string')).toEqual(texts)
    await stream.end()
    // On the stream that this is about, and on no other.
    expect(await metric('started_total', 'Subscribe')).toBeGreaterThan(0)
    expect(await metric('started_total', 'SubscribeGroupMessages')).toBe(0)
    expect(await metric('started_total', 'SubscribeWelcomeMessages')).toBe(0)
  }, 120_000)

  it('answers when it is asked whether it is still there, and goes on', async () => {
    const group = await alix.newGroup([bo.inboxId])
    const stream = await bo.streamMessages()
    const answered = await metric('msg_received_total', 'Subscribe')
    await expect
      .poll(() => metric('msg_received_total', 'Subscribe'), { timeout: 20_000 })
      .toBeGreaterThan(answered + 2)
    await group.send('after silence')
    await stream.until((messages) => contents(messages).includes('after silence'), 40_000)
    expect(stream.events).toEqual([])
    await stream.end()
  }, 120_000)

  it('comes back after a restart of the node, and misses nothing', async () => {
    const group = await alix.newGroup([bo.inboxId])
    const stream = await bo.streamMessages()
    await group.send('before')
    await stream.until((messages) => contents(messages).includes('before'), 40_000)
    await node.restart()
    await group.send('between')
    await stream.until((messages) => contents(messages).includes('between'), 40_000)
    await group.send('after')
    await stream.until((messages) => contents(messages).includes('after'), 40_000)
    const texts = contents(stream.values).filter((content) => typeof content === 'string')
    expect(texts).toEqual(['before', 'between', 'after'])
    expect(await metric('started_total', 'SubscribeGroupMessages')).toBe(0)
    await stream.end()
  }, 120_000)
})
