import { afterAll, beforeAll, expect, it } from 'vitest'
import { browser } from './browser.ts'
import type { Client, ClientKind, ClientProcess, Message } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { ours } from './ours.ts'
import { describeUnless } from './describe-unless.ts'

const pairs: readonly (readonly [ClientKind, ClientKind])[] = [
  [native, native],
  [native, browser],
  [browser, native],
  [ours, browser],
  [browser, ours],
]
const problem = native.problem ?? browser.problem
const count = 130
const numbered = (name: string) => Array.from({ length: count }, (_, index) => `${name} ${index}`)
const textsIn = (messages: readonly Message[]) =>
  messages.map(({ content }) => content).filter((content) => typeof content === 'string')

describeUnless(problem).each(pairs.map(([a, b]) => ({ name: `${a.sdk} with ${b.sdk}`, a, b })))(
  '$name, on one node',
  ({ a, b }) => {
    let node: LocalNode
    let processes: readonly ClientProcess[]
    let alix: Client
    let bo: Client
    beforeAll(async () => {
      node = await startNode()
      processes = await Promise.all([a.start(), b.start()])
      ;[alix, bo] = (await Promise.all(
        processes.map((process) => process.newClient({ apiUrl: node.url })),
      )) as [Client, Client]
    }, 60_000)
    afterAll(async () => {
      await Promise.all(processes.map((process) => process.kill()))
      await node[Symbol.asyncDispose]()
    })

    it('a DM of more than a page, in both directions, with the answers read back', async () => {
      const dm = await alix.newDm(bo.inboxId)
      for (const text of numbered('alix')) await dm.send(text)
      await bo.sync()
      const seen = await bo.dmWith(alix.inboxId)
      expect(seen.id).toBe(dm.id)
      await seen.sync()
      expect(await seen.texts()).toEqual(numbered('alix'))
      for (const text of numbered('bo')) await seen.send(text)
      await dm.sync()
      expect(await dm.texts()).toEqual([...numbered('alix'), ...numbered('bo')])
      // The transcript's ids are each client's own.
      const sent = async (of: typeof dm) =>
        (await of.messages())
          .filter(({ kind }) => kind === 'application')
          .map(({ id, senderInboxId, sentAtNs }) => ({ id, senderInboxId, sentAtNs }))
      expect(await sent(seen)).toEqual(await sent(dm))
      expect(new Set((await sent(dm)).map(({ id }) => id)).size).toBe(2 * count)
    }, 60_000)

    it('two that write to each other first end in one DM', async () => {
      const [caro, davon] = await Promise.all(
        processes.map((process) => process.newClient({ apiUrl: node.url })),
      )
      const [one, other] = await Promise.all([
        caro!.newDm(davon!.inboxId),
        davon!.newDm(caro!.inboxId),
      ])
      await one.send('from caro')
      await other.send('from davon')
      await Promise.all([caro!.syncAll(), davon!.syncAll()])
      const both = await Promise.all([caro!.dmWith(davon!.inboxId), davon!.dmWith(caro!.inboxId)])
      for (const dm of both) {
        await dm.sync()
        expect(new Set(await dm.texts())).toEqual(new Set(['from caro', 'from davon']))
      }
      expect(await caro!.list()).toHaveLength(1)
    })

    it('a group whose settings and people change from both sides', async () => {
      const group = await alix.newGroup([bo.inboxId], { groupName: 'first' })
      await group.send('to all')
      await bo.syncAll()
      const seen = await bo.conversation(group.id)
      expect(await seen.texts()).toEqual(['to all'])
      expect(await seen.metadata()).toMatchObject({ name: 'first' })
      await seen.updateDescription('described by bo')
      await group.sync()
      await group.updateName('second')
      await seen.sync()
      for (const it of [group, seen])
        expect(await it.metadata()).toMatchObject({
          name: 'second',
          description: 'described by bo',
        })

      const caro = await processes[1]!.newClient({ apiUrl: node.url })
      await seen.addMembers([caro.inboxId])
      await group.sync()
      expect((await group.members()).map(({ inboxId }) => inboxId).toSorted()).toEqual(
        [alix.inboxId, bo.inboxId, caro.inboxId].toSorted(),
      )
      await caro.syncAll()
      await (await caro.conversation(group.id)).send('caro is in')
      await group.sync()
      expect(await group.texts()).toEqual(['to all', 'caro is in'])
      await group.removeMembers([caro.inboxId])
      await caro.syncAll()
      expect(await (await caro.conversation(group.id)).isActive()).toBe(false)
      await expect((await caro.conversation(group.id)).send('still?')).rejects.toThrow()
      await seen.sync()
      const [left, right] = await Promise.all([group.debugInfo(), seen.debugInfo()])
      expect(left.epoch).toBe(right.epoch)
      expect(left.commits.at(-1)?.authenticator).toBe(right.commits.at(-1)?.authenticator)
      expect([left.maybeForked, right.maybeForked]).toEqual([false, false])
    }, 60_000)

    it('streams from before the first conversation on, each message once and in order', async () => {
      const [caro, davon] = await Promise.all(
        processes.map((process) => process.newClient({ apiUrl: node.url })),
      )
      const [toCaro, toDavon] = await Promise.all([caro!.streamMessages(), davon!.streamMessages()])
      const conversations = await davon!.streamConversations()
      const group = await caro!.newGroup([davon!.inboxId])
      await conversations.until((values) => values.length === 1)
      expect(conversations.values[0]!.id).toBe(group.id)
      await group.send('one')
      await toDavon.until((messages) => textsIn(messages).includes('one'))
      const seen = await davon!.conversation(group.id)
      await seen.send('two')
      await toCaro.until((messages) => textsIn(messages).includes('two'))
      for (const text of numbered('live').slice(0, 20)) await group.send(text)
      for (const text of numbered('back').slice(0, 20)) await seen.send(text)
      await toDavon.until((messages) => textsIn(messages).includes('live 19'))
      await toCaro.until((messages) => textsIn(messages).includes('back 19'))
      const of = (messages: readonly Message[], name: string) =>
        textsIn(messages).filter((text) => text.startsWith(name))
      expect(of(toDavon.values, 'live')).toEqual(numbered('live').slice(0, 20))
      expect(of(toCaro.values, 'back')).toEqual(numbered('back').slice(0, 20))
      for (const stream of [toCaro, toDavon, conversations]) {
        expect(stream.events).toEqual([])
        await stream.end()
      }
    }, 60_000)

    it('an inbox of one has its second installation in the other, and both read and write', async () => {
      const caro = await processes[0]!.newClient({ apiUrl: node.url })
      const again = await processes[1]!.newClient({
        apiUrl: node.url,
        privateKey: caro.privateKey,
      })
      expect(again.inboxId).toBe(caro.inboxId)
      const group = await alix.newGroup([caro.inboxId])
      await group.send('to both installations')
      for (const client of [caro, again]) {
        await client.syncAll()
        const seen = await client.conversation(group.id)
        expect(await seen.texts()).toContain('to both installations')
        await seen.send(`from ${client.installationId}`)
      }
      await group.sync()
      expect(await group.texts()).toEqual([
        'to both installations',
        `from ${caro.installationId}`,
        `from ${again.installationId}`,
      ])
      const [member] = (await group.members()).filter(({ inboxId }) => inboxId === caro.inboxId)
      expect(member?.installationIds).toHaveLength(2)
    }, 60_000)
  },
)
