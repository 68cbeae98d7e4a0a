import { ConsentState, memoryTransport, type Client, type Group } from '@xmtp-ts/client'
import { describe, expect, it } from 'vitest'
import { addInboxes, groupOf, person } from '../../packages/client/test/person.ts'
import { changeAdmins } from '../../packages/client/src/v3/conversation/plans.ts'
import { requestRemoval } from '../../packages/client/src/v3/conversation/leave.ts'
import type { Core } from '../../packages/client/src/v3/core.ts'
import { readView } from '../../packages/client/src/v3/conversation/view.ts'
import { until, walletKey, world } from './world.ts'

const { open, node } = world()

async function seen(client: Client, { id }: Pick<Group, 'id'>): Promise<Group> {
  await client.conversations.syncAll()
  const group = (await client.conversations.getConversationById(id)) as Group
  await group.sync()
  return group
}

const inboxes = async (group: Group) => (await group.members()).map(({ inboxId }) => inboxId)

describe('a group', () => {
  it('lets go who asks while its super admin only streams', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    await using stream = await ann.conversations.streamAllMessages()
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    await atBen.requestRemoval()
    expect(atBen.isPendingRemoval()).toBe(true)
    await atBen.requestRemoval()
    await until(async () => !(await inboxes(group)).includes(ben.inboxId))
    await atBen.sync()
    expect([atBen.isActive, atBen.isPendingRemoval()]).toEqual([false, false])
    await expect(atBen.sendText('no')).rejects.toMatchObject({
      code: 'client.conversation.inactive',
    })
    expect(stream).toBeDefined()
  })

  it('is to be decided about anew by who comes back after leaving', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    await atBen.updateConsentState(ConsentState.Allowed)
    await atBen.requestRemoval()
    await group.sync()
    await until(async () => (await inboxes(group)).length === 1)
    await atBen.sync()
    expect(atBen.consentState()).toBe(ConsentState.Allowed)
    await group.addMembers([ben.inboxId])
    const again = await seen(ben, group)
    expect([again.isActive, again.isPendingRemoval()]).toEqual([true, false])
    expect(again.consentState()).toBe(ConsentState.Unknown)
    // Who was only taken out and put back has decided already.
    await again.updateConsentState(ConsentState.Allowed)
    await group.removeMembers([ben.inboxId])
    await again.sync()
    await group.addMembers([ben.inboxId])
    expect((await seen(ben, group)).consentState()).toBe(ConsentState.Allowed)
  })

  it('lets those go who asked before there was somebody who may', async () => {
    const [ben, cleo] = [await open(2), await open(3)]
    // Of a super admin whose client does nothing by itself.
    const ann = await person(memoryTransport(node().memory()), walletKey(1))
    const id = await groupOf(ann, [])
    await addInboxes(ann, id, [ben.inboxId, cleo.inboxId])
    const [atBen, atCleo] = [await seen(ben, { id }), await seen(cleo, { id })]
    await atCleo.requestRemoval()
    await atBen.sync()
    expect(await inboxes(atBen)).toContain(cleo.inboxId)
    await changeAdmins(ann.core, id, {
      list: 'superAdmins',
      inboxId: ben.inboxId,
      isMember: true,
    })
    await atBen.sync()
    await until(async () => !(await inboxes(atBen)).includes(cleo.inboxId))
  })

  it('is not left by its super admin, nor by its only member; a direct message by nobody', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const refused = { code: 'client.group.cannotLeave' }
    const alone = await ann.conversations.createGroup([])
    await expect(alone.requestRemoval()).rejects.toMatchObject(refused)
    const group = await ann.conversations.createGroup([ben.inboxId])
    await expect(group.requestRemoval()).rejects.toMatchObject(refused)
    const dm = await ann.conversations.createDm(ben.inboxId)
    const { core } = (dm as unknown as { readonly host: { readonly core: Core } }).host
    const view = (await readView(core, dm.id))!
    await expect(requestRemoval(core, view)).rejects.toMatchObject(refused)
  })

  it('does not lose a super admin who was not demoted first, and the node hears nothing of it', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId])
    await group.addSuperAdmin(ben.inboxId)
    const sent = () => ann.debugInformation.apiStatistics().sendGroupMessages
    const before = sent()
    await expect(group.removeMembers([ben.inboxId])).rejects.toMatchObject({
      code: 'v3.group.commitRefused',
    })
    expect(sent()).toBe(before)
    await group.removeSuperAdmin(ben.inboxId)
    await group.removeMembers([ben.inboxId])
    expect(await inboxes(group)).toEqual([ann.inboxId])
  })
})
