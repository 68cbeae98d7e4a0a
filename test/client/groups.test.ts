import {
  GroupPermissionsOptions,
  isGroupUpdated,
  MetadataField,
  PermissionLevel,
  PermissionPolicy,
  PermissionUpdateType,
} from '@xmtp-ts/client'
import { describe, expect, it } from 'vitest'
import { seen, texts, until, world } from './world.ts'

const { open, refusals } = world()

describe('a group', () => {
  it('has what it was made with, on every side', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.accountIdentifier.identifier], {
      groupName: 'Name',
      groupDescription: 'About',
      groupImageUrlSquare: 'https://example.org/i.png',
      appData: '{}',
      permissions: GroupPermissionsOptions.AdminOnly,
    })
    for (const side of [group, await seen(ben, group)]) {
      expect([side.name, side.description, side.imageUrl, side.appData]).toEqual([
        'Name',
        'About',
        'https://example.org/i.png',
        '{}',
      ])
      expect(side.permissions()).toMatchObject({
        policyType: GroupPermissionsOptions.AdminOnly,
        policySet: { addMemberPolicy: PermissionPolicy.Admin },
      })
      expect([side.listAdmins(), side.listSuperAdmins()]).toEqual([[], [ann.inboxId]])
      expect(side.isActive).toBe(true)
      expect(side.addedByInboxId).toBe(ann.inboxId)
    }
    const members = await group.members()
    const levels = Object.fromEntries(
      members.map(({ inboxId, permissionLevel }) => [inboxId, permissionLevel]),
    )
    expect(levels).toEqual({
      [ann.inboxId]: PermissionLevel.SuperAdmin,
      [ben.inboxId]: PermissionLevel.Member,
    })
  })

  it('changes for everybody, with a line in the transcript', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId], { groupName: 'old' })
    const theirs = await seen(ben, group)
    await theirs.updateName('new')
    await theirs.updateDescription('words')
    await theirs.updateImageUrl('https://example.org/')
    await theirs.updateAppData('data')
    await group.sync()
    expect([group.name, group.description, group.imageUrl, group.appData]).toEqual([
      'new',
      'words',
      'https://example.org/',
      'data',
    ])
    const updates = (await group.messages()).filter(isGroupUpdated)
    expect(updates.flatMap(({ content }) => content?.metadataFieldChanges ?? [])).toMatchObject([
      { fieldName: 'group_name', oldValue: 'old', newValue: 'new' },
      { fieldName: 'description', newValue: 'words' },
      { fieldName: 'group_image_url_square' },
      { fieldName: 'app_data' },
    ])
    await expect(group.updateName('x'.repeat(101))).rejects.toMatchObject({
      code: 'v3.group.attributeTooLong',
    })
    // The same again changes nothing, and costs nobody an epoch.
    const { epoch } = await group.debugInfo()
    await group.updateName('new')
    expect((await group.debugInfo()).epoch).toBe(epoch)
  })

  it('takes members in and out, and in again', async () => {
    const [ann, ben, cleo] = [await open(1), await open(2), await open(3)]
    const group = await ann.conversations.createGroupOptimistic({ groupName: 'later' })
    await group.addMembersByIdentifiers([ben.accountIdentifier])
    await group.addMembers([cleo.inboxId, ben.inboxId])
    const [atBen, atCleo] = [await seen(ben, group), await seen(cleo, group)]
    expect(await atCleo.members()).toHaveLength(3)
    await atBen.sendText('before')
    await group.removeMembers([ben.inboxId])
    await atBen.sync()
    expect(atBen.isActive).toBe(false)
    await expect(atBen.sendText('no')).rejects.toMatchObject({
      code: 'client.conversation.inactive',
    })
    await group.sendText('without ben')
    await group.addMembers([ben.accountIdentifier.identifier])
    await ben.conversations.syncAll()
    expect((await seen(ben, group)).isActive).toBe(true)
    await group.sendText('with ben')
    await atBen.sync()
    expect(texts(await atBen.messages())).toEqual(['before', 'with ben'])
    await atCleo.sync()
    expect(texts(await atCleo.messages())).toEqual(['before', 'without ben', 'with ben'])
    await group.removeMembersByIdentifiers([cleo.accountIdentifier])
    expect((await group.members()).map(({ inboxId }) => inboxId)).not.toContain(cleo.inboxId)
  })

  it('has admins, who may what its policies say', async () => {
    const [ann, ben, cleo] = [await open(1), await open(2), await open(3)]
    const group = await ann.conversations.createGroup([ben.inboxId, cleo.inboxId])
    const atBen = await seen(ben, group)
    await expect(atBen.removeMembers([cleo.inboxId])).rejects.toMatchObject({
      code: 'v3.group.commitRefused',
    })
    await group.addAdmin(ben.inboxId)
    await atBen.sync()
    expect([atBen.listAdmins(), atBen.isAdmin(ben.inboxId)]).toEqual([[ben.inboxId], true])
    await atBen.removeMembers([cleo.inboxId])
    await group.removeAdmin(ben.inboxId)
    await group.addSuperAdmin(ben.inboxId)
    await atBen.sync()
    expect(atBen.isSuperAdmin(ben.inboxId)).toBe(true)
    await atBen.removeSuperAdmin(ann.inboxId)
    await group.sync()
    expect(group.listSuperAdmins()).toEqual([ben.inboxId])
    await expect(group.addAdmin(ann.inboxId)).rejects.toMatchObject({
      code: 'v3.group.commitRefused',
    })
  })

  it('lets its super admin change who may what', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    await group.updatePermission(
      PermissionUpdateType.UpdateMetadata,
      PermissionPolicy.Deny,
      MetadataField.GroupName,
    )
    await group.updatePermission(PermissionUpdateType.AddMember, PermissionPolicy.SuperAdmin)
    await atBen.sync()
    expect(atBen.permissions()).toMatchObject({
      policyType: GroupPermissionsOptions.CustomPolicy,
      policySet: {
        updateGroupNamePolicy: PermissionPolicy.Deny,
        addMemberPolicy: PermissionPolicy.SuperAdmin,
      },
    })
    await expect(atBen.updateName('no')).rejects.toMatchObject({ code: 'v3.group.commitRefused' })
    await expect(group.updateName('no')).rejects.toMatchObject({ code: 'v3.group.commitRefused' })
    await expect(
      group.updatePermission(PermissionUpdateType.AddAdmin, PermissionPolicy.Allow),
    ).rejects.toThrow(RangeError)
    await expect(
      group.updatePermission(PermissionUpdateType.UpdateMetadata, PermissionPolicy.Allow),
    ).rejects.toThrow(TypeError)
  })

  it('begins with policies of its own', async () => {
    const ann = await open(1)
    const { Allow, Deny, Admin, SuperAdmin } = PermissionPolicy
    const customPermissionPolicySet = {
      addMemberPolicy: Admin,
      removeMemberPolicy: SuperAdmin,
      addAdminPolicy: SuperAdmin,
      removeAdminPolicy: Deny,
      updateGroupNamePolicy: Allow,
      updateGroupDescriptionPolicy: Deny,
      updateGroupImageUrlSquarePolicy: Admin,
      updateMessageDisappearingPolicy: Allow,
      updateAppDataPolicy: SuperAdmin,
    }
    const permissions = GroupPermissionsOptions.CustomPolicy
    const group = await ann.conversations.createGroup([], {
      permissions,
      customPermissionPolicySet,
    })
    expect(group.permissions()).toEqual({
      policyType: permissions,
      policySet: customPermissionPolicySet,
    })
    await expect(ann.conversations.createGroup([], { permissions })).rejects.toThrow(TypeError)
  })

  it('is left by asking, and its super admin lets go by itself', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    await expect(group.requestRemoval()).rejects.toMatchObject({
      code: 'client.group.cannotLeave',
    })
    await atBen.requestRemoval()
    await atBen.sync()
    expect(atBen.isPendingRemoval()).toBe(true)
    await group.sync()
    await until(async () => (await group.members()).length === 1)
    await atBen.sync()
    expect([atBen.isActive, atBen.isPendingRemoval()]).toEqual([false, false])
    const updates = (await group.messages()).filter(isGroupUpdated)
    expect(updates.at(-1)?.content).toMatchObject({
      leftInboxes: [{ inboxId: ben.inboxId }],
      removedInboxes: [],
    })
  })

  it('forgets its messages when it is told to', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    await group.sendText('stays')
    await group.updateMessageDisappearingSettings(1n, 300_000_000n)
    expect(group.messageDisappearingSettings()).toEqual({ fromNs: 1n, inNs: 300_000_000n })
    await using deletions = await ben.conversations.streamMessageDeletions()
    const id = await group.sendText('goes')
    await atBen.sync()
    expect(atBen.isMessageDisappearingEnabled()).toBe(true)
    expect((await atBen.lastMessage())!.expiresAt!.getTime()).toBeGreaterThan(Date.now() - 1_000)
    expect(texts(await atBen.messages())).toEqual(['stays', 'goes'])
    expect((await deletions.next()).value).toBe(id)
    expect(texts(await atBen.messages())).toEqual(['stays'])
    await until(async () => texts(await group.messages()).length === 1)
    await group.removeMessageDisappearingSettings()
    expect(group.isMessageDisappearingEnabled()).toBe(false)
    await group.sendText('stays too')
    expect((await group.lastMessage())!.expiresAt).toBeUndefined()
  })

  it('keeps all of what two members do at once', async () => {
    const [ann, ben, cleo] = [await open(1), await open(2), await open(3)]
    const group = await ann.conversations.createGroup([ben.inboxId])
    const atBen = await seen(ben, group)
    await Promise.all([
      group.updateName('by ann'),
      atBen.updateDescription('by ben'),
      group.addMembers([cleo.inboxId]),
      atBen.sendText('one'),
      group.sendText('two'),
    ])
    const atCleo = await seen(cleo, group)
    for (const side of [group, atBen, atCleo]) await side.sync()
    for (const side of [group, atBen, atCleo])
      expect([side.name, side.description, (await side.members()).length]).toEqual([
        'by ann',
        'by ben',
        3,
      ])
    const { epoch } = await group.debugInfo()
    expect([(await atBen.debugInfo()).epoch, (await atCleo.debugInfo()).epoch]).toEqual([
      epoch,
      epoch,
    ])
    expect(texts(await group.messages()).toSorted()).toEqual(['one', 'two'])
    expect(texts(await atBen.messages())).toEqual(texts(await group.messages()))
    expect(refusals).toEqual([])
  })
})

describe('hmac keys', () => {
  it('are there for each conversation, three periods of them', async () => {
    const [ann, ben] = [await open(1), await open(2)]
    const group = await ann.conversations.createGroup([ben.inboxId])
    const dm = await ann.conversations.createDm(ben.inboxId)
    const keys = await ann.conversations.hmacKeys()
    expect(Object.keys(keys).toSorted()).toEqual([group.id, dm.id].toSorted())
    const epochs = keys[group.id]!.map(({ epoch }) => epoch)
    expect(epochs).toEqual([epochs[1]! - 1n, epochs[1]!, epochs[1]! + 1n])
    expect(keys[group.id]!.map(({ key }) => key.length)).toEqual([42, 42, 42])
    expect(await group.hmacKeys()).toEqual({ [group.id]: keys[group.id] })
  })
})
