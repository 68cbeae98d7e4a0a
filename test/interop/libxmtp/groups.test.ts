import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client, ClientProcess, Conversation } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { describeUnless } from './describe-unless.ts'

describeUnless(native.problem)('groups of libxmtp', () => {
  let node: LocalNode
  let clients: ClientProcess
  beforeAll(async () => {
    ;[node, clients] = await Promise.all([startNode(), native.start()])
  })
  afterAll(async () => {
    await clients.kill()
    await node[Symbol.asyncDispose]()
  })

  const newClients = (count: number): Promise<Client[]> =>
    Promise.all(Array.from({ length: count }, () => clients.newClient({ apiUrl: node.url })))
  const seenBy = async (client: Client, { id }: Conversation) => {
    await client.syncAll()
    return client.conversation(id)
  }
  const agree = async (views: readonly Conversation[]) => {
    await Promise.all(views.map((view) => view.sync()))
    const infos = await Promise.all(views.map((view) => view.debugInfo()))
    expect(new Set(infos.map(({ epoch }) => epoch)).size).toBe(1)
    expect(new Set(infos.map(({ commits }) => commits.at(-1)?.authenticator)).size).toBe(1)
    expect(infos.some(({ maybeForked }) => maybeForked)).toBe(false)
  }

  it('begin with the settings that their creator gave', async () => {
    const [alix, bo] = (await newClients(2)) as [Client, Client]
    const group = await alix.newGroup([bo.inboxId], {
      groupName: 'name',
      groupDescription: 'description',
      groupImageUrlSquare: 'https://example.org/image',
      appData: '{"version":1}',
      permissions: 'adminOnly',
    })
    const seen = await seenBy(bo, group)
    expect(await seen.metadata()).toEqual({
      name: 'name',
      description: 'description',
      imageUrl: 'https://example.org/image',
      appData: '{"version":1}',
    })
    expect((await seen.permissions()).kind).toBe('adminOnly')
    expect(await seen.creatorInboxId()).toBe(alix.inboxId)
    expect(await seen.addedByInboxId()).toBe(alix.inboxId)
  })

  it('let admins do what members may not', async () => {
    const [alix, bo, caro] = (await newClients(3)) as [Client, Client, Client]
    const group = await alix.newGroup([bo.inboxId], { permissions: 'adminOnly' })
    const seen = await seenBy(bo, group)
    await expect(seen.updateName('mine')).rejects.toThrow()
    await expect(seen.addMembers([caro.inboxId])).rejects.toThrow()
    await expect(seen.addAdmin(bo.inboxId)).rejects.toThrow()

    await group.addAdmin(bo.inboxId)
    await seen.sync()
    expect([await seen.admins(), await seen.superAdmins()]).toEqual([[bo.inboxId], [alix.inboxId]])
    await seen.updateName('mine')
    await seen.addMembers([caro.inboxId])
    await expect(seen.removeSuperAdmin(alix.inboxId)).rejects.toThrow()
    await expect(seen.removeMembers([alix.inboxId])).rejects.toThrow()

    await group.sync()
    await group.removeAdmin(bo.inboxId)
    await seen.sync()
    await expect(seen.updateName('again')).rejects.toThrow()
    await group.addSuperAdmin(bo.inboxId)
    await seen.sync()
    await seen.removeSuperAdmin(alix.inboxId)
    await group.sync()
    expect(await group.superAdmins()).toEqual([bo.inboxId])
    await agree([group, seen, await seenBy(caro, group)])
  })

  it('follow a change of permissions', async () => {
    const [alix, bo] = (await newClients(2)) as [Client, Client]
    const group = await alix.newGroup([bo.inboxId])
    const seen = await seenBy(bo, group)
    await seen.updateName('by a member')
    await group.sync()
    await group.updatePermission('updateMetadata', 'superAdmin', 'name')
    await group.updatePermission('addMember', 'deny')
    await seen.sync()
    expect(await seen.permissions()).toMatchObject({
      kind: 'custom',
      policies: { updateGroupNamePolicy: 'superAdmin', addMemberPolicy: 'deny' },
    })
    await expect(seen.updateName('no longer')).rejects.toThrow()
    await group.updateName('still')
    await agree([group, seen])
    expect(await seen.metadata()).toMatchObject({ name: 'still' })
  })

  it('have messages that disappear', async () => {
    const [alix, bo] = (await newClients(2)) as [Client, Client]
    const group = await alix.newGroup([bo.inboxId])
    const seen = await seenBy(bo, group)
    await group.updateDisappearing(1n, 1_000_000_000n)
    await seen.sync()
    expect(await seen.disappearing()).toEqual({ fromNs: 1n, inNs: 1_000_000_000n })
    await group.send('gone soon')
    await seen.sync()
    await expect.poll(() => seen.texts(), { timeout: 10_000 }).toEqual([])
    await group.removeDisappearing()
    await seen.sync()
    await group.send('stays')
    await seen.sync()
    expect(await seen.texts()).toEqual(['stays'])
  })

  it('let a member leave, whose removal an admin commits', async () => {
    const [alix, bo, caro] = (await newClients(3)) as [Client, Client, Client]
    const group = await alix.newGroup([bo.inboxId, caro.inboxId])
    const [ofBo, ofCaro] = [await seenBy(bo, group), await seenBy(caro, group)]
    await expect(group.leave()).rejects.toThrow()
    await ofBo.leave()
    expect(await ofBo.isPendingRemoval()).toBe(true)
    await expect
      .poll(
        async () => {
          await group.sync()
          return (await group.members()).length
        },
        { timeout: 20_000, interval: 200 },
      )
      .toBe(2)
    await bo.syncAll()
    expect(await ofBo.isActive()).toBe(false)
    await agree([group, ofCaro])
    const updates = (await ofCaro.messages()).map(({ content }: any) => content.leftInboxes ?? [])
    expect(updates.flat()).toEqual([{ inboxId: bo.inboxId }])
  })

  it('end in one state when members commit at the same time', async () => {
    const [alix, bo, ...others] = (await newClients(6)) as [Client, Client, ...Client[]]
    const group = await alix.newGroup([bo.inboxId])
    await group.addSuperAdmin(bo.inboxId)
    const seen = await seenBy(bo, group)
    const [a, b, c, d] = others.map(({ inboxId }) => inboxId) as [string, string, string, string]
    for (const [left, right] of [
      [a, b],
      [c, d],
    ] as const) {
      await Promise.all([group.addMembers([left]), seen.addMembers([right])])
      await Promise.all([group.updateName(left), seen.updateDescription(right)])
    }
    const views = [group, seen]
    for (const client of others) views.push(await seenBy(client, group))
    await agree(views)
    await group.send('after the race')
    for (const view of views) {
      await view.sync()
      expect((await view.members()).length).toBe(6)
      expect(await view.metadata()).toMatchObject({ name: c, description: d })
      expect(await view.texts()).toEqual(['after the race'])
    }
  })

  it('carry every type of content', async () => {
    const [alix, bo] = (await newClients(2)) as [Client, Client]
    const group = await alix.newGroup([bo.inboxId])
    const text = await group.send('first')
    await group.sendAs('Markdown', '# title')
    await group.sendAs('Reaction', {
      reference: text,
      referenceInboxId: alix.inboxId,
      action: 1,
      content: '👍',
      schema: 1,
    })
    await group.sendAs('ReadReceipt')
    await group.sendAs('Attachment', {
      filename: 'a.bin',
      mimeType: 'application/octet-stream',
      content: Uint8Array.of(1, 2, 3),
    })
    await group.sendContent({
      type: { authorityId: 'example.org', typeId: 'thing', versionMajor: 1, versionMinor: 0 },
      parameters: { key: 'value' },
      content: Uint8Array.of(4, 5),
      fallback: 'a thing',
    })
    const seen = await seenBy(bo, group)
    expect(Object.keys(await seen.call('lastReadTimes'))).toEqual([alix.inboxId])
    const messages = (await seen.messages()).filter(({ kind }) => kind === 'application')
    expect(messages.map(({ contentType }) => contentType)).toEqual([
      'xmtp.org/text:1.0',
      'xmtp.org/markdown:1.0',
      'xmtp.org/attachment:1.0',
      'example.org/thing:1.0',
    ])
    // Reactions belong to what they react to, read receipts to nobody.
    expect(messages[0]!.reactions.map(({ content }: any) => content.content)).toEqual(['👍'])
    expect(messages[2]!.content).toMatchObject({ content: Uint8Array.of(1, 2, 3) })
    expect(messages[3]).toMatchObject({ fallback: 'a thing' })
  })
})
