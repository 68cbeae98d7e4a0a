import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  add,
  epoch,
  groupOf,
  keyOf,
  person,
  remove,
  rename,
  say,
  sync,
  texts,
  type Person,
} from '../../../packages/client/test/person.ts'
import { grpcWebTransport } from '../../../packages/client/src/transport/grpc-web.ts'
import {
  createLocalGroup,
  firstAttributes,
  policiesFor,
} from '../../../packages/client/src/v3/group/create.ts'
import type { Client, ClientProcess } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'

describe.skipIf(native.problem !== undefined)('our client with libxmtp', () => {
  let node: LocalNode
  let process: ClientProcess
  let ann: Person
  let bo: Client
  let cy: Client

  beforeAll(async () => {
    node = await startNode()
    process = await native.start()
    ann = await person(grpcWebTransport({ url: node.url }), keyOf(1))
    bo = await process.newClient({ apiUrl: node.url })
    cy = await process.newClient({ apiUrl: node.url })
  }, 60_000)
  afterAll(async () => {
    await process.kill()
    await node[Symbol.asyncDispose]()
  })

  const authenticator = async (client: Client, id: string) => {
    const { commits } = await (await client.conversation(id)).debugInfo()
    return commits.at(-1)?.authenticator
  }
  const ours = async (id: string) => (await epoch(ann, id)).slice(0, 6)

  it('joins a group of libxmtp, reads, writes, follows its changes', async () => {
    const group = await bo.newGroup([ann.core.self.inboxId, cy.inboxId], { groupName: 'one' })
    await group.send('from bo')
    await sync(ann)
    expect(ann.refusals).toEqual([])
    expect(await texts(ann, group.id)).toEqual(['from bo'])
    const id = await say(ann, group.id, 'from ann')
    await group.sync()
    const seen = (await group.messages()).find(({ content }) => content === 'from ann')
    expect(seen?.id).toBe(id)
    expect(seen?.senderInboxId).toBe(ann.core.self.inboxId)
    await group.updateName('two')
    await group.removeMembers([cy.inboxId])
    await sync(ann)
    expect(ann.refusals).toEqual([])
    expect(await authenticator(bo, group.id)).toBe(await ours(group.id))
    await rename(ann, group.id, 'three')
    await add(ann, group.id, []).catch(() => undefined)
    await group.sync()
    expect((await group.metadata()).name).toBe('three')
    expect(await authenticator(bo, group.id)).toBe(await ours(group.id))
  }, 60_000)

  it('makes a group that libxmtp joins, changes and leaves again', async () => {
    const inboxes = [bo, cy].map(({ inboxId }) => ({ core: { self: { inboxId } } }) as Person)
    const [boInbox, cyInbox] = inboxes as [Person, Person]
    const id = await groupOf(ann, [boInbox])
    await say(ann, id, 'welcome')
    await bo.syncAll()
    const seen = await bo.conversation(id)
    expect(await seen.texts()).toEqual(['welcome'])
    await seen.send('thanks')
    await add(ann, id, [cyInbox])
    await cy.syncAll()
    const third = await cy.conversation(id)
    await third.send('me too')
    await sync(ann)
    expect(await texts(ann, id)).toEqual(['welcome', 'thanks', 'me too'])
    await Promise.all([rename(ann, id, 'R'), seen.updateDescription('D'), third.updateName('S')])
    await sync(ann)
    await bo.syncAll()
    await cy.syncAll()
    expect(await authenticator(bo, id)).toBe(await ours(id))
    expect(await authenticator(cy, id)).toBe(await ours(id))
    await remove(ann, id, [cyInbox])
    await cy.syncAll()
    expect(await third.isActive()).toBe(false)
    expect(ann.refusals).toEqual([])
  }, 60_000)

  it('the direct message that we make is the one that libxmtp finds', async () => {
    const peer = { core: { self: { inboxId: bo.inboxId } } } as Person
    const id = await createLocalGroup(ann.core, {
      type: 'dm',
      peerInboxId: peer.core.self.inboxId,
      attributes: firstAttributes({ type: 'dm' }),
      policies: policiesFor('dm'),
    })
    await add(ann, id, [peer])
    await say(ann, id, 'psst')
    await bo.syncAll()
    const dm = await bo.newDm(ann.core.self.inboxId)
    expect(dm.id).toBe(id)
    expect(await dm.texts()).toEqual(['psst'])
    await dm.send('yes')
    await sync(ann)
    expect(await texts(ann, id)).toEqual(['psst', 'yes'])
    expect(ann.refusals).toEqual([])
  }, 60_000)
})
