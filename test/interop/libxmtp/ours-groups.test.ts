import { describe, expect, it } from 'vitest'
import type { Client, Conversation, PermissionPolicy } from './driver.ts'
import { native } from './native.ts'
import { agree, agreeOnState, meeting, seenBy, sides } from './sides.ts'
import { describeUnless } from './describe-unless.ts'

const settings = {
  groupName: 'name',
  groupDescription: 'description',
  groupImageUrlSquare: 'https://example.org/image.png',
  appData: '{"version":1}',
}

const custom = {
  addMemberPolicy: 'admin',
  removeMemberPolicy: 'superAdmin',
  addAdminPolicy: 'superAdmin',
  removeAdminPolicy: 'deny',
  updateGroupNamePolicy: 'allow',
  updateGroupDescriptionPolicy: 'deny',
  updateGroupImageUrlSquarePolicy: 'admin',
  updateMessageDisappearingPolicy: 'superAdmin',
  updateAppDataPolicy: 'superAdmin',
} as const satisfies Record<string, PermissionPolicy>

describeUnless(native.problem)('groups of our client and libxmtp', () => {
  const { open, refusals } = meeting()

  describe.each(sides)('$name', ({ one, other }) => {
    const three = () => Promise.all([open(one), open(other), open(one)])

    it.each(['default', 'adminOnly', 'custom'] as const)(
      'begin with what their creator gave: %s',
      async (permissions) => {
        const [alix, bo] = await Promise.all([open(one), open(other)])
        const group = await alix.newGroup([bo.inboxId], {
          ...settings,
          permissions,
          ...(permissions === 'custom' && { policies: custom }),
          disappearing: { fromNs: 1n, inNs: 3_600_000_000_000n },
        })
        const seen = await seenBy(bo, group)
        expect(await seen.metadata()).toEqual({
          name: settings.groupName,
          description: settings.groupDescription,
          imageUrl: settings.groupImageUrlSquare,
          appData: settings.appData,
        })
        const { kind, policies } = await seen.permissions()
        expect(kind).toBe(permissions)
        if (permissions === 'custom') expect(policies).toEqual(custom)
        expect(await seen.disappearing()).toEqual({ fromNs: 1n, inNs: 3_600_000_000_000n })
        for (const view of [group, seen]) {
          expect(await view.creatorInboxId()).toBe(alix.inboxId)
          expect(await view.addedByInboxId()).toBe(alix.inboxId)
        }
        await agree(group, seen)
      },
    )

    it('change their settings from both sides, with a line in the transcript', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      const group = await alix.newGroup([bo.inboxId], { groupName: 'first' })
      const seen = await seenBy(bo, group)
      await seen.updateName('second')
      await group.sync()
      await group.updateDescription('about it')
      await group.updateImageUrl('https://example.org/')
      await seen.sync()
      await seen.updateAppData('data')
      await agree(group, seen)
      const changes = (await group.messages()).flatMap(({ kind, content }) =>
        kind === 'membershipChange'
          ? (content as { metadataFieldChanges: unknown[] }).metadataFieldChanges
          : [],
      )
      expect(changes).toMatchObject([
        { fieldName: 'group_name', oldValue: 'first', newValue: 'second' },
        { fieldName: 'description', newValue: 'about it' },
        { fieldName: 'group_image_url_square' },
        { fieldName: 'app_data' },
      ])
      for (const view of [group, seen])
        await expect(view.updateName('x'.repeat(101))).rejects.toThrow()
    })

    it('take people in by inbox id and by address, out, and in again', async () => {
      const [alix, bo, caro] = await three()
      const group = await alix.newGroupWithAddresses([bo.address])
      const atBo = await seenBy(bo, group)
      await atBo.call('addMembersByIdentifiers', [{ identifier: caro.address, identifierKind: 0 }])
      const atCaro = await seenBy(caro, group)
      await atCaro.send('one')
      await agreeOnState(group, atBo, atCaro)
      await group.removeMembers([bo.inboxId])
      await bo.syncAll()
      expect(await atBo.isActive()).toBe(false)
      await expect(atBo.send('still here?')).rejects.toThrow()
      await atCaro.send('without bo')
      await atCaro.addMembers([bo.inboxId])
      await bo.syncAll()
      expect(await atBo.isActive()).toBe(true)
      await atBo.send('here again')
      await Promise.all([group.sync(), atCaro.sync()])
      expect(await group.texts()).toEqual(['one', 'without bo', 'here again'])
      expect(await atBo.texts()).toEqual(['one', 'here again'])
      await agreeOnState(group, atBo, atCaro)
      await group.call('removeMembersByIdentifiers', [
        { identifier: caro.address, identifierKind: 0 },
      ])
      await agreeOnState(group, atBo)
      expect(await group.members()).toHaveLength(2)
    })

    it('have admins and super admins, by each side', async () => {
      const [alix, bo, caro] = await three()
      const group = await alix.newGroup([bo.inboxId, caro.inboxId])
      const [atBo, atCaro] = [await seenBy(bo, group), await seenBy(caro, group)]
      await group.addAdmin(bo.inboxId)
      await atBo.sync()
      await atBo.removeMembers([caro.inboxId])
      await atBo.addMembers([caro.inboxId])
      await caro.syncAll()
      await agreeOnState(group, atBo, atCaro)
      await group.addSuperAdmin(bo.inboxId)
      await group.removeAdmin(bo.inboxId)
      await atBo.sync()
      await atBo.addAdmin(caro.inboxId)
      await atBo.updatePermission('addMember', 'superAdmin')
      await atBo.updatePermission('updateMetadata', 'admin', 'name')
      await atBo.removeSuperAdmin(alix.inboxId)
      await agreeOnState(group, atBo, atCaro)
      expect(await group.superAdmins()).toEqual([bo.inboxId])
      expect(await group.admins()).toEqual([caro.inboxId])
      expect((await group.permissions()).policies).toMatchObject({
        addMemberPolicy: 'superAdmin',
        updateGroupNamePolicy: 'admin',
      })
      await atCaro.updateName('by an admin')
      await agreeOnState(group, atBo, atCaro)
    })

    it('deny what a member may not, and stay as they were', async () => {
      const [alix, bo, caro] = await three()
      const dave = await open(one)
      const group = await alix.newGroup([bo.inboxId, caro.inboxId], { permissions: 'adminOnly' })
      const atBo = await seenBy(bo, group)
      // The first of all sends gives a new key.
      await atBo.send('I may speak')
      const sent = await sentBy(bo)
      const forbidden: readonly (() => Promise<void>)[] = [
        () => atBo.addMembers([dave.inboxId]),
        () => atBo.removeMembers([caro.inboxId]),
        () => atBo.updateName('mine'),
        () => atBo.updateDescription('mine'),
        () => atBo.updateImageUrl('https://example.org/mine'),
        () => atBo.updateAppData('mine'),
        () => atBo.updateDisappearing(1n, 1_000_000_000n),
        () => atBo.addAdmin(bo.inboxId),
        () => atBo.addSuperAdmin(bo.inboxId),
        () => atBo.removeSuperAdmin(alix.inboxId),
        () => atBo.updatePermission('addMember', 'allow'),
        () => atBo.updatePermission('updateMetadata', 'allow', 'name'),
      ]
      for (const forbid of forbidden) await expect(forbid()).rejects.toThrow()
      // Ours asks itself before it asks others.
      if (other === 'ours') expect(await sentBy(bo)).toBe(sent)
      await expect(group.removeSuperAdmin(alix.inboxId)).rejects.toThrow()
      await agree(group, atBo)
      expect(await group.metadata()).toMatchObject({ name: '', description: '' })
      // What libxmtp tried to force was refused by ours.
      const refused = refusals().splice(0) as { readonly error: { readonly code: string } }[]
      expect(refused.length > 0).toBe(true)
      expect(new Set(refused.map(({ error }) => error.code))).toEqual(
        new Set(['v3.group.commitRefused']),
      )
    })

    it('are left by asking, and a super admin of the other side lets go', async () => {
      const [alix, bo, caro] = await three()
      const group = await alix.newGroup([bo.inboxId, caro.inboxId])
      const [atBo, atCaro] = [await seenBy(bo, group), await seenBy(caro, group)]
      await expect(group.leave()).rejects.toThrow()
      await atBo.leave()
      expect(await atBo.isPendingRemoval()).toBe(true)
      const isGone = async () => {
        await Promise.all([group.sync(), atCaro.sync()])
        return (await group.members()).every(({ inboxId }) => inboxId !== bo.inboxId)
      }
      await expect.poll(isGone, { timeout: 20_000 }).toBe(true)
      await bo.syncAll()
      expect(await atBo.isActive()).toBe(false)
      await agree(group, atCaro)
      const last = (await group.messages()).at(-1)
      expect(last?.content).toMatchObject({
        leftInboxes: [{ inboxId: bo.inboxId }],
        removedInboxes: [],
      })
    }, 30_000)

    it('forget their messages when they are told to', async () => {
      const [alix, bo] = await Promise.all([open(one), open(other)])
      const group = await alix.newGroup([bo.inboxId])
      const seen = await seenBy(bo, group)
      await group.send('stays')
      await group.updateDisappearing(1n, 1_500_000_000n)
      await seen.sync()
      expect(await seen.disappearing()).toEqual({ fromNs: 1n, inNs: 1_500_000_000n })
      await using deleted = await bo.streamDeletedMessages()
      const id = await group.send('goes')
      await seen.sync()
      expect((await bo.message(id))?.expiresAtNs).toBeGreaterThan(0n)
      await deleted.until((values) => values.some((one) => one.id === id))
      expect(await seen.texts()).toEqual(['stays'])
      await expect.poll(() => group.texts(), { timeout: 10_000 }).toEqual(['stays'])
      await expect(seen.removeDisappearing()).rejects.toThrow()
      refusals().splice(0)
      await group.removeDisappearing()
      await seen.sync()
      await seen.send('stays too')
      await group.sync()
      expect((await group.messages()).at(-1)?.expiresAtNs).toBeUndefined()
      await agree(group, seen)
    }, 30_000)

    it('keep all of what both sides do at once', async () => {
      const [alix, bo, caro] = await three()
      const group = await alix.newGroup([bo.inboxId])
      const seen = await seenBy(bo, group)
      await Promise.all([
        group.updateName('by alix'),
        seen.updateDescription('by bo'),
        group.addMembers([caro.inboxId]),
        seen.send('bo speaks'),
        group.send('alix speaks'),
      ])
      const atCaro = await seenBy(caro, group)
      await agreeOnState(group, seen, atCaro)
      expect(await group.metadata()).toMatchObject({ name: 'by alix', description: 'by bo' })
      expect((await group.texts()).toSorted()).toEqual(['alix speaks', 'bo speaks'])
      expect((await seen.texts()).toSorted()).toEqual(['alix speaks', 'bo speaks'])
    })

    it('of fourteen inboxes, all of them welcomed at once', async () => {
      const alix = await open(one)
      const others = await Promise.all(
        Array.from({ length: 13 }, (_, index) => open(index % 2 === 0 ? one : other)),
      )
      const group = await alix.newGroup(others.map(({ inboxId }) => inboxId))
      const views: Conversation[] = [group]
      for (const client of others) views.push(await seenBy(client, group))
      for (const view of views) await view.send(`by ${view.id}`)
      await agree(...views)
      expect(await group.texts()).toHaveLength(views.length)
      await group.removeMembers(others.slice(0, 6).map(({ inboxId }) => inboxId))
      await agree(group, ...views.slice(7))
      expect(await group.members()).toHaveLength(8)
    }, 60_000)
  })
})

async function sentBy(client: Client): Promise<bigint> {
  return (await client.statistics())['sendGroupMessages']!
}
