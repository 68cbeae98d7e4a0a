import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { addresses, commandLines, objects, type Line } from '../../../packages/cli/test/world.ts'
import type { Client, ClientProcess } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { describeUnless } from './describe-unless.ts'

describeUnless(native.problem)('our command line with libxmtp', () => {
  let node: LocalNode
  let process: ClientProcess
  let folder: string
  let bo: Client
  const line = commandLines({ url: () => node.url, folder: () => folder })
  const [ann] = addresses

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-cli-interop-'))
    node = await startNode()
    process = await native.start()
    bo = await process.newClient({ apiUrl: node.url })
    await line.json(1, 'identity', 'create')
  }, 60_000)
  afterAll(async () => {
    await process.kill()
    await node[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  /** What a verb printed for Ann when it went well. */
  async function done(...argv: readonly string[]): Promise<Line[]> {
    const { exitCode, lines, told } = await line.json(1, ...argv)
    expect({ exitCode, told, argv }).toEqual({ exitCode: 0, told: [], argv })
    return lines
  }

  const said = (lines: readonly Line[]) =>
    lines.filter(({ kind }) => kind === 'message').map(({ id, text }) => ({ id, text }))

  it('sees their inbox, and is seen', async () => {
    expect(await done('inbox', bo.address)).toMatchObject([
      { inboxId: bo.inboxId, installations: [{ id: bo.installationId }] },
    ])
    expect(await bo.canMessage([ann])).toEqual([true])
    const [{ inboxId, installationId }] = (await done('identity', 'show')) as [Line]
    expect(await bo.inboxStates([inboxId])).toMatchObject([
      { inboxId, installationIds: [installationId] },
    ])
  })

  it('begins a direct message that they answer, in every form', async () => {
    const [{ id }] = (await done('dm', bo.address, 'from ann')) as [Line]
    await bo.syncAll()
    const theirs = await bo.conversation(id)
    expect(await theirs.texts()).toEqual(['from ann'])
    const answer = await theirs.send('from bo')
    const [reply] = await done('send', bo.address, 'a reply', '--reply-to', answer)
    await done('send', bo.address, '🎉', '--reaction', answer)
    await done('send', bo.inboxId, '**bold**', '--markdown')
    await theirs.sync()
    const seen = await theirs.messages()
    const replied = seen.find(
      ({ contentType }) => contentType?.startsWith('xmtp.org/reply') === true,
    )
    expect(replied).toMatchObject({ id: reply!['id'], content: { referenceId: answer } })
    const answered = seen.find((message) => message.id === answer)
    expect(answered?.reactions).toMatchObject([{ content: { content: '🎉' } }])
    const history = await done('history', bo.address)
    expect(said(history).map(({ text }) => text)).toEqual([
      'from ann',
      'from bo',
      'a reply',
      '**bold**',
    ])
    expect(history.find((message) => message['id'] === answer)).toMatchObject({
      sender: expect.stringMatching(new RegExp(bo.address, 'i')),
      senderInboxId: bo.inboxId,
      reactions: [{ sender: ann, content: '🎉' }],
    })
  }, 60_000)

  it('takes part in a group of theirs', async () => {
    const [{ inboxId }] = (await done('identity', 'show')) as [Line]
    const group = await bo.newGroup([inboxId], { groupName: 'Theirs' })
    await group.send('welcome')
    expect((await done('history', 'Theirs')).at(-1)).toMatchObject({ text: 'welcome' })
    const stream = line.startJson(1, 'stream', 'Theirs')
    const [sent] = await done('send', 'Theirs', 'thank you')
    await group.sync()
    expect(await group.texts()).toEqual(['welcome', 'thank you'])
    expect((await group.messages()).at(-1)?.id).toBe(sent!['id'])
    const live = await group.send('live')
    await stream.until(() => objects(stream.out()).some(({ id }) => id === live))
    stream.interrupt()
    expect(await stream.finished).toBe(0)
    await done('group', 'rename', 'Theirs', 'Ours')
    await group.sync()
    expect(await group.metadata()).toMatchObject({ name: 'Ours' })
    expect(await done('group', 'leave', 'Ours')).toMatchObject([{ isPendingRemoval: true }])
  }, 60_000)

  it('runs a group that they are in', async () => {
    const [{ id }] = (await done('group', 'create', bo.address, '--name', 'Mine')) as [Line]
    await bo.syncAll()
    const theirs = await bo.conversation(id)
    await done('group', 'permissions', id, '--preset', 'admin-only')
    await theirs.sync()
    expect(await theirs.permissions()).toMatchObject({ kind: 'adminOnly' })
    // libxmtp publishes what it may not do, and everybody refuses it.
    await expect(theirs.updateName('no')).rejects.toThrow()
    expect(await line.json(1, 'group', 'admins', id, '--promote', bo.inboxId)).toMatchObject({
      exitCode: 0,
      told: [{ notice: { code: 'v3.group.commitRefused' } }],
      lines: [{ role: 'super-admin' }, { inboxId: bo.inboxId, role: 'admin' }],
    })
    await theirs.sync()
    await theirs.updateName('Both')
    expect(await done('conversations', '--type', 'group')).toContainEqual(
      expect.objectContaining({ id, name: 'Both' }),
    )
    await done('group', 'disappearing', id, '24h')
    await theirs.sync()
    expect(await theirs.disappearing()).toMatchObject({ inNs: 86_400_000_000_000n })
    await done('group', 'disappearing', id, 'off')
    await done('group', 'admins', id, '--demote', bo.inboxId)
    await theirs.sync()
    await theirs.leave()
    await done('sync')
    expect(await done('group', 'members', id)).toMatchObject([{ role: 'super-admin' }])
    await theirs.sync()
    expect(await theirs.isActive()).toBe(false)
    await done('group', 'rename', id, 'Alone')
  }, 60_000)
})
