import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { addresses, objects, walletKey, world, type Line, type Run } from '../test/world.ts'

const { as, folder, json, run, start, startJson, url } = world()
const [ann, ben, cyd] = addresses

/** What a verb printed when it went well. */
async function done(number: number, ...argv: readonly string[]): Promise<Line[]> {
  const { exitCode, lines, told } = await json(number, ...argv)
  expect({ exitCode, told, argv }).toEqual({ exitCode: 0, told: [], argv })
  return lines
}

async function one(number: number, ...argv: readonly string[]): Promise<Line> {
  const [line, ...others] = await done(number, ...argv)
  expect(others).toEqual([])
  return line!
}

/** The error of a verb, and its exit code. */
async function failed(number: number, ...argv: readonly string[]) {
  const { exitCode, lines, told } = await json(number, ...argv)
  expect(lines).toEqual([])
  return { exitCode, code: told.at(-1)?.['error'].code, error: told.at(-1)?.['error'] }
}

async function printed(stream: Run, isSo: (line: Line) => boolean): Promise<Line> {
  const found = () => objects(wholeLines(stream.out())).find(isSo)
  await stream.until(() => found() !== undefined)
  return found()!
}

const wholeLines = (text: string) => text.slice(0, text.lastIndexOf('\n') + 1)

const identities: Line[] = []
beforeAll(async () => {
  for (const number of [1, 2, 3]) {
    const { exitCode, lines, told } = await json(number, 'identity', 'create')
    expect({ exitCode, told }).toMatchObject({
      exitCode: 0,
      told: [{ notice: { code: 'installation.made' } }],
    })
    identities.push(lines[0]!)
  }
})

describe('an identity', () => {
  it('is made once, with its store', async () => {
    expect(identities[0]).toMatchObject({
      address: ann,
      keyFile: null,
      isNewKey: false,
      isNewInbox: true,
      isNewInstallation: true,
    })
    expect(identities[0]!['store']).toContain(`${ann.toLowerCase()}.db3`)
    const again = await one(1, 'identity', 'create')
    expect(again).toEqual({
      ...identities[0],
      isNewInbox: false,
      isNewInstallation: false,
    })
    const { inboxId, installationId } = again
    expect(await one(1, 'identity', 'show')).toMatchObject({
      registered: true,
      inboxId,
      installationId,
      recovery: ann,
      accounts: [ann],
      installations: [{ id: installationId, isOwn: true }],
    })
  })

  it('is shown of anybody, and makes nothing by that', async () => {
    const { inboxId, installationId } = identities[1]!
    const state = { inboxId, recovery: ben, installations: [{ id: installationId }] }
    expect(await one(1, 'inbox', ben)).toMatchObject(state)
    expect(await one(1, 'inbox', inboxId)).toMatchObject(state)
    expect(await one(4, 'identity', 'show')).toMatchObject({
      address: addresses[3],
      registered: false,
      inboxId: null,
      installationId: null,
      store: null,
    })
    expect(await done(4, 'installations', 'list', ann)).toMatchObject([{ isOwn: false }])
    expect(await failed(4, 'installations', 'list')).toMatchObject({ exitCode: 5 })
    expect(await json(4, 'can-message', ann, addresses[3])).toMatchObject({
      exitCode: 5,
      lines: [
        { address: ann, canMessage: true },
        { address: addresses[3], canMessage: false },
      ],
    })
    expect(await failed(1, 'inbox', addresses[3])).toMatchObject({ code: 'client.inbox.unknown' })
  })

  it('takes a second account, gives it back, and names who may restore it', async () => {
    const file = join(folder(), 'second.key')
    await writeFile(file, walletKey(77), { mode: 0o600 })
    const added = await one(3, 'identity', 'add-wallet', file)
    expect(added['accounts']).toHaveLength(2)
    const second = added['accounts'].find((address: string) => address !== cyd)
    expect(await one(3, 'identity', 'recovery', second)).toMatchObject({ recovery: second })
    expect(await failed(3, 'identity', 'remove-wallet', second)).toMatchObject({
      exitCode: 6,
      code: 'client.inbox.notRecovery',
    })
    expect(await failed(2, 'identity', 'add-wallet', file)).toMatchObject({
      code: 'client.inbox.taken',
    })
  })

  it('has installations that can be revoked with nothing but the wallet key', async () => {
    const db = join(folder(), 'other.db3')
    const other = await json(2, 'conversations', '--db', db)
    expect(other.told).toMatchObject([{ notice: { code: 'installation.made' } }])
    const all = await done(2, 'installations', 'list')
    expect(all.map(({ isOwn }) => isOwn)).toEqual([true, false])
    const [, { id }] = all as [Line, Line]
    const elsewhere = join(folder(), 'nowhere.db3')
    const shown = ['identity', 'show', '--db', db] as const
    expect(await one(2, ...shown)).toMatchObject({ installationId: id, isRevoked: false })
    const revoking = ['installations', 'revoke', id.slice(0, 8), '--db', elsewhere]
    expect(await done(2, ...revoking)).toMatchObject([{ id, revoked: true }])
    expect(await done(2, 'installations', 'list')).toMatchObject([{ isOwn: true }])
    expect(await one(2, ...shown)).toMatchObject({ installationId: id, isRevoked: true })
    expect(await failed(2, 'sync', '--db', db)).toMatchObject({
      exitCode: 6,
      code: 'cli.installation.revoked',
    })
    expect(await done(2, 'conversations', '--db', db, '--no-sync')).toEqual([])
    expect(await done(2, 'installations', 'revoke', '--all-others')).toEqual([])
  })

  it('has an installation for one command, which is gone behind it', async () => {
    const { exitCode, told } = await json(2, 'conversations', '--ephemeral')
    expect(exitCode).toBe(0)
    expect(told.map(({ notice }) => notice.code)).toEqual([
      'installation.made',
      'installation.revoked',
    ])
    expect(await done(2, 'installations', 'list')).toHaveLength(1)
  })
})

describe('an inbox', () => {
  it('warns before it is full of installations, and then says so', async () => {
    const file = join(folder(), 'full.key')
    const opened = async (number: number) =>
      json(1, 'sync', '--key-file', file, '--db', join(folder(), `full-${number}.db3`))
    await json(1, 'identity', 'create', '--key-file', file)
    for (let number = 2; number <= 10; number += 1) {
      const { exitCode, told } = await opened(number)
      const codes = told.map(({ notice }) => notice.code)
      const warning = number >= 8 ? ['inbox.manyInstallations'] : []
      expect({ number, exitCode, codes }).toEqual({
        number,
        exitCode: 0,
        codes: [...warning, 'installation.made'],
      })
    }
    const { exitCode, told } = await opened(11)
    expect({ exitCode, code: told.at(-1)?.['error'].code }).toEqual({
      exitCode: 6,
      code: 'v3.identity.member.tooMany',
    })
    const freed = await json(1, 'installations', 'revoke', '--all-others', '--key-file', file)
    expect(freed).toMatchObject({ exitCode: 0, told: [] })
    expect(freed.lines).toHaveLength(9)
  })
})

describe('a direct message', () => {
  it('is begun, answered, reacted to, read', async () => {
    const begun = await one(1, 'dm', ben, 'Hello Ben')
    expect(begun).toMatchObject({
      version: 'v3',
      type: 'dm',
      peer: ben,
      peerInboxId: identities[1]!['inboxId'],
      consent: 'allowed',
      lastMessage: { text: 'you: Hello Ben' },
    })
    const [hello] = await done(2, 'history', ann, '--limit', '1')
    expect(hello).toMatchObject({ sender: ann, text: 'Hello Ben', kind: 'message' })
    expect(hello!['conversation']).toBe(begun['id'])
    const id = hello!['id'].slice(0, 8)
    const reply = await one(2, 'send', ann, 'Hello Ann', '--reply-to', id)
    expect(reply).toMatchObject({ text: 'Hello Ann', replyTo: hello!['id'], sender: ben })
    await one(2, 'send', ann, '👋', '--reaction', id)
    const markdown = await one(1, 'send', begun['id'].slice(0, 10), '**bold**', '--markdown')
    expect(markdown).toMatchObject({ contentType: 'xmtp.org/markdown:1.0', text: '**bold**' })
    const seen = (await done(1, 'history', ben)).filter(({ kind }) => kind === 'message')
    expect(seen.map(({ text }) => text)).toEqual(['Hello Ben', 'Hello Ann', '**bold**'])
    expect(seen[0]!['reactions']).toMatchObject([{ sender: ben, content: '👋', action: 'added' }])
    await one(2, 'send', ann, '👋', '--reaction', id, '--remove')
    expect(await failed(2, 'send', ann, 'x', '--reply-to', 'ffffffff')).toMatchObject({
      exitCode: 8,
      code: 'cli.message.unknown',
    })
  })

  it('carries files', async () => {
    const file = join(folder(), 'map.png')
    await writeFile(file, Uint8Array.of(1, 2, 3))
    await one(1, 'send', ben, '--file', file)
    const [read] = await done(2, 'history', ann, '--limit', '1')
    expect(read).toMatchObject({
      contentType: 'xmtp.org/attachment:1.0',
      content: { filename: 'map.png', mimeType: 'image/png', content: 'AQID' },
    })
    const saved = join(folder(), 'saved.png')
    const argv = ['save', ann, read!['id'].slice(0, 10), saved]
    expect(await one(2, ...argv)).toMatchObject({ file: saved, sizeBytes: 3 })
    expect([...(await readFile(saved))]).toEqual([1, 2, 3])
    expect(await failed(2, ...argv)).toMatchObject({ exitCode: 2, code: 'cli.file.unwritable' })
  })

  it('takes its text from a pipe too', async () => {
    const piped = { ...as(1), STDIN: 'two\nlines\n' }
    const { exitCode, out } = await run(['send', ben, '-', '--env', url(), '--json'], piped)
    expect({ exitCode, text: JSON.parse(out).text }).toEqual({ exitCode: 0, text: 'two\nlines' })
    expect(await failed(1, 'send', ben, '-')).toMatchObject({ code: 'cli.usage' })
  })

  it('is read page by page', async () => {
    const texts = ['1', '2', '3', '4', '5', '6']
    for (const text of texts) await one(1, 'send', ben, text)
    const last = await done(2, 'history', ann, '--limit', '3')
    expect(last.map(({ text }) => text)).toEqual(['4', '5', '6'])
    const before = await done(2, 'history', ann, '--limit', '2', '--before', last[0]!['id'])
    expect(before.map(({ text }) => text)).toEqual(['2', '3'])
    const after = await done(2, 'history', ann, '--limit', '2', '--after', before[0]!['id'])
    expect(after.map(({ text }) => text)).toEqual(['3', '4'])
    const between = ['--after', before[0]!['id'], '--before', last[1]!['id']]
    const middle = await done(2, 'history', ann, ...between, '--no-sync')
    expect(middle.map(({ text }) => text)).toEqual(['3', '4'])
    expect(await done(2, 'history', ann, '--before', '2020-01-01')).toEqual([])
    const ever = await done(2, 'history', ann, '--limit', '1', '--before', '9999-12-31')
    expect(ever.map(({ text }) => text)).toEqual(['6'])
  })
})

describe('a group', () => {
  let id: string

  it('is made, found by its name, and everybody writes', async () => {
    const made = await one(1, 'group', 'create', ben, '--name', 'Hiking', '--preset', 'admin-only')
    id = made['id']
    expect(made).toMatchObject({ type: 'group', name: 'Hiking', peer: null, isActive: true })
    await one(2, 'send', 'Hiking', 'When?')
    expect((await done(1, 'history', 'Hiking')).at(-1)).toMatchObject({
      text: 'When?',
      sender: ben,
    })
    const [elsewhere] = await done(2, 'history', ann, '--limit', '1')
    expect(await failed(2, 'send', id, 'x', '--reply-to', elsewhere!['id'])).toMatchObject({
      exitCode: 8,
      code: 'cli.message.unknown',
    })
    const listed = await done(2, 'conversations', '--type', 'group')
    expect(listed).toMatchObject([{ id, name: 'Hiking', lastMessage: { text: 'you: When?' } }])
  })

  it('takes people in and out', async () => {
    const members = await done(1, 'group', 'add', 'Hiking', cyd)
    expect(members.map(({ role }) => role)).toEqual(['super-admin', 'member', 'member'])
    expect(await failed(2, 'group', 'remove', 'Hiking', cyd)).toMatchObject({
      exitCode: 9,
      code: 'v3.group.commitRefused',
    })
    expect(await done(1, 'group', 'remove', 'Hiking', cyd)).toHaveLength(2)
    expect(await failed(3, 'send', id, 'Am I in?')).toMatchObject({
      exitCode: 9,
      code: 'client.conversation.inactive',
    })
    await done(1, 'group', 'add', 'Hiking', cyd)
    expect(await one(3, 'send', id, 'Back')).toMatchObject({ text: 'Back' })
  })

  it('changes its texts', async () => {
    expect(await one(1, 'group', 'rename', id, 'Hills')).toMatchObject({ name: 'Hills' })
    await one(1, 'group', 'describe', id, 'Every Sunday')
    await one(1, 'group', 'image', id, 'https://example.org/hills.png')
    expect((await done(2, 'conversations', '--type', 'group'))[0]).toMatchObject({
      name: 'Hills',
      description: 'Every Sunday',
      imageUrl: 'https://example.org/hills.png',
    })
    expect(await failed(1, 'group', 'rename', id, 'x'.repeat(101))).toMatchObject({ exitCode: 2 })
    expect(await failed(1, 'group', 'rename', ben, 'x')).toMatchObject({ code: 'cli.usage' })
  })

  it('changes who may do what', async () => {
    const policies = (lines: Line[]) =>
      Object.fromEntries(lines.map(({ permission, policy }) => [permission, policy]))
    const first = await done(1, 'group', 'permissions', id)
    expect(first.every(({ preset }) => preset === 'admin-only')).toBe(true)
    expect(policies(first)).toMatchObject({ 'add-member': 'admin', name: 'admin' })
    const set = ['--set', 'name=allow', 'disappearing=super-admin']
    const changed = await done(1, 'group', 'permissions', id, ...set)
    expect(changed[0]).toMatchObject({ preset: 'custom' })
    expect(policies(changed)).toMatchObject({ name: 'allow', disappearing: 'super-admin' })
    expect(await one(2, 'group', 'rename', id, 'Ben’s hills')).toMatchObject({
      name: 'Ben’s hills',
    })
    const all = await done(1, 'group', 'permissions', id, '--preset', 'all-members')
    expect(all.every(({ preset }) => preset === 'all-members')).toBe(true)
    expect(policies(all)).toMatchObject({ 'add-member': 'allow', disappearing: 'admin' })
    const made = await one(1, 'group', 'create', ben)
    expect(policies(await done(1, 'group', 'permissions', made['id']))).toEqual(policies(all))
    expect(await failed(2, 'group', 'permissions', id, '--set', 'name=deny')).toMatchObject({
      exitCode: 9,
    })
  })

  it('has admins', async () => {
    const promoted = await done(1, 'group', 'admins', id, '--promote', ben, '--super', cyd)
    const roles = (lines: Line[]) => lines.map(({ address, role }) => [address, role])
    // Cyd's inbox has another recovery account by now.
    expect(promoted.map(({ role }) => role)).toEqual(['super-admin', 'super-admin', 'admin'])
    expect(roles(promoted)).toContainEqual([ben, 'admin'])
    const demoted = await done(1, 'group', 'admins', id, '--demote', cyd, ben)
    expect(roles(demoted)).toEqual([[ann, 'super-admin']])
  })

  it('has messages disappear', async () => {
    const day = { conversation: id, inNs: '86400000000000' }
    expect(await one(1, 'group', 'disappearing', id, '24h')).toMatchObject(day)
    expect(await one(2, 'group', 'disappearing', id)).toMatchObject(day)
    const off = await one(1, 'group', 'disappearing', id, 'off')
    expect(off).toEqual({ conversation: id, fromNs: null, inNs: null })
  })

  it('is named by its id when its name is not enough', async () => {
    const other = await one(1, 'group', 'create', '--name', 'Ben’s hills')
    const { exitCode, code, error } = await failed(1, 'send', 'Ben’s hills', 'x')
    expect({ exitCode, code }).toEqual({ exitCode: 8, code: 'cli.conversation.ambiguous' })
    expect(error.candidates.map((one: Line) => one['id']).toSorted()).toEqual(
      [id, other['id']].toSorted(),
    )
    await one(1, 'group', 'rename', other['id'], 'Nobody')
  })

  it('lets go who asks to leave, when a super admin’s client runs', async () => {
    expect(await one(3, 'group', 'leave', id)).toMatchObject({ isPendingRemoval: true })
    await one(1, 'sync')
    expect(await done(1, 'group', 'members', id)).toHaveLength(2)
    expect(await failed(3, 'send', id, 'x')).toMatchObject({ exitCode: 9 })
    expect(await failed(1, 'group', 'leave', id)).toMatchObject({
      exitCode: 9,
      code: 'client.group.cannotLeave',
    })
  })

  it('is streamed, changes and all, and left', async () => {
    const stream = startJson(1, 'stream')
    const first = one(2, 'send', id, 'Live')
    expect(await printed(stream, ({ text }) => text === 'Live')).toEqual(await first)
    await one(2, 'group', 'rename', id, 'Over')
    const isRenamed = ({ content }: Line) => content?.metadataFieldChanges?.length > 0
    expect(await printed(stream, isRenamed)).toMatchObject({
      conversation: id,
      sender: ben,
      content: { metadataFieldChanges: [{ fieldName: 'group_name', newValue: 'Over' }] },
    })
    await one(2, 'group', 'leave', id)
    await printed(stream, ({ content }) => content?.leftInboxes?.length === 1)
    stream.interrupt()
    expect(await stream.finished).toBe(0)
    expect(await failed(2, 'send', id, 'x')).toMatchObject({ exitCode: 9 })
  })
})

describe('consent', () => {
  it('is given and taken, of people with their direct messages', async () => {
    const dm = await one(1, 'dm', ben)
    const inboxId = identities[1]!['inboxId']
    expect(await done(1, 'consent', 'deny', ben)).toEqual([
      { type: 'conversation', id: dm['id'], address: null, consent: 'denied' },
      { type: 'inbox', id: inboxId, address: ben, consent: 'denied' },
    ])
    const ids = async (...options: readonly string[]) =>
      (await done(1, 'conversations', ...options)).map((line) => line['id'])
    expect(await ids()).not.toContain(dm['id'])
    expect(await ids('--consent', 'denied')).toEqual([dm['id']])
    // What was denied is still found when it is asked for.
    await one(2, 'send', ann, 'Are you there?')
    expect((await done(1, 'history', ben)).at(-1)).toMatchObject({ text: 'Are you there?' })
    await done(1, 'consent', 'allow', ben)
    expect(await done(1, 'consent', 'list')).toContainEqual({
      type: 'inbox',
      id: inboxId,
      address: ben,
      consent: 'allowed',
    })
    expect(await ids()).toContain(dm['id'])
  })
})

describe('a stream of one conversation', () => {
  it('begins with what the store has not seen', async () => {
    await one(1, 'send', ben, 'unseen')
    const stream = startJson(2, 'stream', ann)
    await printed(stream, ({ text }) => text === 'unseen')
    stream.interrupt()
    expect(await stream.finished).toBe(0)
    const others = objects(stream.out()).filter(({ sender }) => sender !== ann)
    expect(others).toEqual([])
    expect(await failed(2, 'stream', 'Nothing')).toMatchObject({ exitCode: 8 })
  })
})

describe('a stream without a node', () => {
  it('waits for one', async () => {
    const store = identities[0]!['store']
    const stream = start(['stream', '--db', store, '--env', 'http://127.0.0.1:9'], as(1))
    await stream.until(() => stream.err().includes('Ctrl-C'))
    stream.interrupt()
    expect(await stream.finished).toBe(0)
  })
})

describe('a durable stream', () => {
  it('goes on where it was, whatever else has read the store', async () => {
    const argv = ['stream', ann, '--durable', 'bot']
    const first = startJson(2, ...argv)
    await one(1, 'send', ben, 'one')
    await printed(first, ({ text }) => text === 'one')
    first.interrupt()
    expect(await first.finished).toBe(0)
    await one(1, 'send', ben, 'two')
    await done(2, 'history', ann)
    await one(1, 'send', ben, 'three')
    const second = startJson(2, ...argv)
    await printed(second, ({ text }) => text === 'three')
    second.interrupt()
    expect(await second.finished).toBe(0)
    const texts = objects(second.out()).map(({ text }) => text)
    // The last line of a run that was interrupted may come again.
    expect(texts.filter((text) => text !== 'one')).toEqual(['two', 'three'])
  })
})

describe('an archive', () => {
  it('carries messages to another device', async () => {
    const file = join(folder(), 'all.xmtp')
    expect(await one(1, 'archive', 'create', file)).toEqual({
      file,
      keyFile: `${file}.key`,
      isNewKey: true,
    })
    expect((await stat(`${file}.key`)).mode & 0o777).toBe(0o600)
    expect(await failed(1, 'archive', 'create', file)).toMatchObject({ exitCode: 2 })
    const information = await one(4, 'archive', 'info', file)
    expect(information).toMatchObject({ has: ['messages', 'consent'], from: null, to: null })
    const device = ['--db', join(folder(), 'device.db3')]
    const taken = await json(1, 'archive', 'import', file, ...device)
    expect(taken).toMatchObject({ exitCode: 0, lines: [{ file }] })
    expect(taken.lines[0]!['newConversations']).toBeGreaterThan(2)
    const read = await done(1, 'history', ben, '--limit', '3', ...device)
    expect(read.map(({ id }) => id)).toEqual(
      (await done(1, 'history', ben, '--limit', '3')).map(({ id }) => id),
    )
    const elsewhere = ['--archive-key', join(folder(), 'none.key')]
    expect(await failed(1, 'archive', 'info', file, ...elsewhere)).toMatchObject({
      exitCode: 10,
      code: 'cli.archiveKey.missing',
    })
    await done(1, 'installations', 'revoke', '--all-others')
  })
})

describe('the store', () => {
  it('does not open without its key, and is not replaced', async () => {
    const settings = { XDG_CONFIG_HOME: join(folder(), 'elsewhere') }
    const argv = ['conversations', '--env', url(), '--json']
    const missing = await run(argv, { ...as(1), ...settings })
    expect(missing).toMatchObject({ exitCode: 10, out: '' })
    expect(JSON.parse(missing.err)).toMatchObject({ error: { code: 'cli.storeKey.missing' } })
    const wrong = await run(argv, { ...as(1), XMTP_STORE_KEY: walletKey(9) })
    expect(JSON.parse(wrong.err)).toMatchObject({ error: { code: 'client.store.wrongKey' } })
    expect(wrong.exitCode).toBe(10)
    expect(await done(1, 'conversations')).not.toEqual([])
  })
})

describe('for people', () => {
  const people = async (number: number, argv: readonly string[], columns = 80) =>
    run([...argv, '--env', url()], { ...as(number), NO_COLOR: '1' }, { columns })

  it('tables and messages fit the terminal', async () => {
    await one(1, 'send', ben, `${'long words '.repeat(30)}\u001b[2J`)
    for (const columns of [80, 60]) {
      for (const argv of [['conversations'], ['history', ben], ['group', 'members', ben]]) {
        const { exitCode, out } = await people(1, argv, columns)
        expect(exitCode).toBe(0)
        for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
        expect(out).not.toContain('\u001b')
      }
    }
    const { out } = await people(2, ['history', ann, '--limit', '1'])
    expect(out.replaceAll(/\n +/g, ' ')).toContain('words \\u001b[2J\n')
  })

  it('say who wrote', async () => {
    await one(1, 'send', ben, 'Shown')
    const mine = await people(1, ['history', ben, '--limit', '1'])
    expect(mine.out).toMatch(/^\d\d:\d\d  [0-9a-f]{8}  you          Shown\n$/)
    const theirs = await people(2, ['history', ann, '--limit', '1'])
    expect(theirs.out).toMatch(/^\d\d:\d\d  [0-9a-f]{8}  0x7E5F…5Bdf  Shown\n$/)
  })
})
