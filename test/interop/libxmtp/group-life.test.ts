import { members, propose } from '@xmtp-ts/mls'
import {
  QueryWelcomeMessagesResponse,
  SendWelcomeMessagesRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { attributeNames } from '@xmtp-ts/protocol/group'
import type { Transport } from '@xmtp-ts/client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  addInboxes,
  epoch,
  groupOf,
  keyOf,
  person as personAt,
  rename,
  reopen,
  say,
  sync,
  texts,
  type Person,
} from '../../../packages/client/test/person.ts'
import { systemEnvironment } from '../../../packages/client/src/environment.ts'
import { grpcWebTransport } from '../../../packages/client/src/transport/grpc-web.ts'
import { changeAttribute } from '../../../packages/client/src/v3/conversation/plans.ts'
import { readView } from '../../../packages/client/src/v3/conversation/view.ts'
import type { Client, ClientProcess } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { agree, meeting, seenBy, sides } from './sides.ts'
import { describeUnless } from './describe-unless.ts'

describeUnless(native.problem)('welcomes, with libxmtp', () => {
  let node: LocalNode
  let process: ClientProcess
  let number = 0
  beforeAll(async () => {
    ;[node, process] = await Promise.all([startNode(), native.start()])
  }, 60_000)
  afterAll(async () => {
    await process.kill()
    await node[Symbol.asyncDispose]()
  })

  /** One of ours who keeps what welcomes looked like on the wire, each as its kind and how it is sealed. */
  async function person() {
    const sent: string[] = []
    const received: string[] = []
    const inner = grpcWebTransport({ url: node.url })
    const seen = ({
      $case,
      value,
    }: {
      readonly $case: string
      readonly value: { readonly wrapperAlgorithm: number }
    }) => `${$case} ${value.wrapperAlgorithm}`
    const transport: Transport = {
      async unary(path, request, options) {
        if (path.endsWith('/SendWelcomeMessages'))
          for (const { version } of SendWelcomeMessagesRequest.decode(request).messages)
            sent.push(seen(version!))
        const answer = await inner.unary(path, request, options)
        if (path.endsWith('/QueryWelcomeMessages'))
          for (const { version } of QueryWelcomeMessagesResponse.decode(answer).messages)
            received.push(seen(version!))
        return answer
      },
      serverStream: (path, request, options) => inner.serverStream(path, request, options),
    }
    number += 1
    return { ...(await personAt(transport, keyOf(number))), sent, received }
  }

  const newClients = (count: number): Promise<Client[]> =>
    Promise.all(Array.from({ length: count }, () => process.newClient({ apiUrl: node.url })))
  const authenticator = async (client: Client, id: string) =>
    (await (await client.conversation(id)).debugInfo()).commits.at(-1)?.authenticator
  const ours = async (one: Person, id: string) => (await epoch(one, id)).slice(0, 6)

  it('ours are sealed with X-Wing, and from three on by a pointer to one', async () => {
    const ann = await person()
    const clients = await newClients(3)
    const small = await groupOf(ann, [])
    await addInboxes(ann, small, [clients[0]!.inboxId, clients[1]!.inboxId])
    expect(ann.sent.splice(0)).toEqual(['v1 2', 'v1 2'])
    const id = await groupOf(ann, [])
    await addInboxes(
      ann,
      id,
      clients.map(({ inboxId }) => inboxId),
    )
    expect(ann.sent).toEqual(['v1 3', ...Array.from({ length: 3 }, () => 'welcomePointer 2')])
    await say(ann, id, 'hello')
    for (const client of clients) {
      await client.syncAll()
      expect(await (await client.conversation(id)).texts()).toEqual(['hello'])
      expect(await authenticator(client, id)).toBe(await ours(ann, id))
    }
    await (await clients[1]!.conversation(small)).send('here too')
    await sync(ann)
    expect(await texts(ann, small)).toEqual(['here too'])
  }, 60_000)

  it('theirs reach us sealed with X-Wing, and from three on by a pointer', async () => {
    const people = [await person(), await person(), await person()]
    const [bo] = (await newClients(1)) as [Client]
    const inboxIds = people.map(({ core }) => core.self.inboxId)
    const small = await bo.newGroup(inboxIds.slice(0, 1))
    const group = await bo.newGroup(inboxIds)
    await group.send('hello')
    for (const one of people) {
      await sync(one)
      expect(await texts(one, group.id)).toEqual(['hello'])
      expect(await ours(one, group.id)).toBe(await authenticator(bo, group.id))
      expect(one.refusals).toEqual([])
    }
    expect(people[0]!.received).toEqual(['v1 2', 'welcomePointer 2', 'v1 3'])
    expect(await ours(people[0]!, small.id)).toBe(await authenticator(bo, small.id))
  }, 60_000)

  it('a group that asks for a later version pauses both', async () => {
    const [ann, ben] = [await reopen(await person(), { protocolVersion: '99.0.0' }), await person()]
    const [bo] = (await newClients(1)) as [Client]
    const id = await groupOf(ann, [ben])
    await addInboxes(ann, id, [bo.inboxId])
    await bo.syncAll()
    await sync(ben)
    await say(ann, id, 'before')
    await changeAttribute(ann.core, id, [attributeNames.minimumVersion, '98.0.0'])
    await say(ann, id, 'after')
    const seen = await bo.conversation(id)
    await seen.sync()
    await sync(ben)
    expect(await seen.pausedForVersion()).toBe('98.0.0')
    expect((await readView(ben.core, id))?.row.pausedForVersion).toBe('98.0.0')
    expect(await seen.texts()).toEqual(['before'])
    expect(await texts(ben, id)).toEqual(['before'])
    await expect(seen.send('no')).rejects.toThrow()
    await expect(say(ben, id, 'no')).rejects.toMatchObject({ code: 'client.conversation.paused' })
    await addInboxes(
      ann,
      id,
      (await newClients(1)).map(({ inboxId }) => inboxId),
    )
    await seen.sync()
    expect(await seen.texts()).toEqual(['before'])
  }, 60_000)

  it('a proposal outside of a commit changes nothing for either', async () => {
    const [ann, ben] = [await person(), await person()]
    const [bo] = (await newClients(1)) as [Client]
    const id = await groupOf(ann, [ben])
    await addInboxes(ann, id, [bo.inboxId])
    await bo.syncAll()
    await sync(ben)
    const state = (await ben.core.groups.turn(id, () => ben.core.groups.load(id)))!.mls
    const removed = members(state).find(
      ({ leafIndex, leaf }) =>
        leafIndex > 0 && leaf.signatureKey.join() !== ben.core.self.installationId.join(),
    )!.leafIndex
    const { random } = systemEnvironment
    const { message } = await propose(state, { kind: 'remove', removed }, { random })
    await ben.core.mls.sendGroupMessages([
      { data: message, senderHmac: new Uint8Array(), shouldPush: false },
    ])
    const seen = await bo.conversation(id)
    await seen.sync()
    await sync(ann)
    expect(ann.refusals.map(({ error }) => error.code)).toEqual(['client.group.loneProposal'])
    await say(ann, id, 'goes on')
    await rename(ann, id, 'B')
    await seen.send('for all')
    await sync(ann)
    expect((await seen.texts()).slice(-2)).toEqual(['goes on', 'for all'])
    expect(await ours(ann, id)).toBe(await authenticator(bo, id))
    expect(await seen.debugInfo()).toMatchObject({ maybeForked: false })
  }, 60_000)
})

describeUnless(native.problem).each(sides)('leaving: $name', ({ one, other }) => {
  const { open } = meeting()

  it('the super admin of the one lets the other go within seconds, and comes to decide anew', async () => {
    const [alix, bo, caro] = await Promise.all([open(one), open(other), open(one)])
    await using stream = await alix.streamMessages()
    const group = await alix.newGroup([bo.inboxId, caro.inboxId])
    const [atBo, atCaro] = [await seenBy(bo, group), await seenBy(caro, group)]
    await atBo.setConsent('allowed')
    await expect(group.leave()).rejects.toThrow()
    await atBo.leave()
    expect(await atBo.isPendingRemoval()).toBe(true)
    await expect
      .poll(
        async () => {
          await group.sync()
          return (await group.members()).map(({ inboxId }) => inboxId)
        },
        { timeout: 10_000 },
      )
      .not.toContain(bo.inboxId)
    await Promise.all([atBo.sync(), atCaro.sync()])
    expect(await atBo.isActive()).toBe(false)
    await agree(group, atCaro)
    const [left] = (await atCaro.messages())
      .filter(({ kind }) => kind === 'membershipChange')
      .slice(-1)
    expect(left?.content).toMatchObject({
      leftInboxes: [{ inboxId: bo.inboxId }],
      removedInboxes: [],
    })
    await group.addMembers([bo.inboxId])
    const again = await seenBy(bo, group)
    expect(await again.isActive()).toBe(true)
    expect(await again.isPendingRemoval()).toBe(false)
    expect(await again.consent()).toBe('unknown')
    await again.send('back')
    await group.sync()
    expect((await group.texts()).at(-1)).toBe('back')
    expect(stream).toBeDefined()
  }, 60_000)
})
