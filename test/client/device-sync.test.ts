import {
  Client,
  ConsentEntityType,
  ConsentState,
  openMemoryRecords,
  RecordMemory,
  type ClientOptions,
  type Transport,
} from '@xmtp-ts/client'
import { describe, expect, it } from 'vitest'
import { take, texts, until, walletKey, world } from './world.ts'

const { Allowed, Denied, Unknown } = ConsentState
const { GroupId, InboxId } = ConsentEntityType

const {
  open: openOne,
  node,
  options,
  keep,
} = world({ history: { listen: { host: '127.0.0.1', port: 0 } } })

const synced = (more: ClientOptions = {}): ClientOptions => ({
  disableDeviceSync: false,
  historySyncUrl: node().history,
  ...more,
})
const open = (number: number, more?: ClientOptions) => openOne(number, synced(more))

/** Another installation of the same inbox, when an older one has welcomed it: with another key for push servers. */
async function openAgain(number: number, older: Client, more?: ClientOptions): Promise<Client> {
  const count = async () => (await older.preferences.sync()).numEligible
  await until(async () => (await count()) > 0)
  const before = await count()
  const again = await open(number, more)
  const told = await again.preferences.streamPreferences()
  await until(async () => (await count()) > before)
  for await (const updates of told) if (updates.some(({ type }) => type === 'HmacKeyUpdate')) break
  return again
}

/** Waits until a client reads a decision that another installation took. */
const reads = (client: Client, kind: ConsentEntityType, entity: string, state: ConsentState) =>
  until(async () => {
    await client.preferences.sync()
    return (await client.preferences.getConsentState(kind, entity)) === state
  })

/** A transport that can be cut. */
function cuttable(inner: Transport) {
  const line = { isCut: false }
  const check = () => {
    if (line.isCut) throw new Error('The line is cut.')
  }
  const transport: Transport = {
    async unary(path, request, more) {
      check()
      return inner.unary(path, request, more)
    },
    async serverStream(path, request, more) {
      check()
      return inner.serverStream(path, request, more)
    },
  }
  return { line, transport }
}

const about = (entityType: ConsentEntityType, entity: string, state: ConsentState) => ({
  entityType,
  entity,
  state,
})

describe('decisions of installations of one inbox', () => {
  it('reach the others, and the newest counts', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const again = await openAgain(1, alix)
    const group = await alix.conversations.createGroup([bo.inboxId])
    await until(async () => {
      await again.conversations.syncAll()
      return (await again.conversations.list()).length === 1
    })
    await alix.preferences.setConsentStates([
      about(InboxId, bo.inboxId, Denied),
      about(GroupId, group.id, Denied),
    ])
    await reads(again, InboxId, bo.inboxId, Denied)
    expect(await again.conversations.list()).toEqual([])
    await again.preferences.setConsentStates([about(InboxId, bo.inboxId, Allowed)])
    await reads(alix, InboxId, bo.inboxId, Allowed)
    expect(await alix.preferences.getConsentState(GroupId, group.id)).toBe(Denied)
  })

  it('that were taken at once go in one message', async () => {
    const alix = await open(1)
    const again = await openAgain(1, alix)
    alix.debugInformation.clearAllStatistics()
    const inboxIds = Array.from({ length: 100 }, (_, index) => index.toString(16).padStart(64, '0'))
    await alix.preferences.setConsentStates(inboxIds.map((id) => about(InboxId, id, Denied)))
    await reads(again, InboxId, inboxIds.at(-1)!, Denied)
    expect(alix.debugInformation.apiStatistics().sendGroupMessages).toBe(1n)
  })

  it('are told by streams of preferences, and followed by streams of messages', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const again = await openAgain(1, alix)
    const dm = await bo.conversations.createDm(alix.inboxId)
    await dm.sendText('wanted')
    const consents = await again.preferences.streamConsent()
    const messages = await again.conversations.streamAllMessages()
    const seen: unknown[] = []
    void (async () => {
      for await (const { content } of messages) seen.push(content)
    })()
    await alix.conversations.syncAll()
    await alix.preferences.setConsentStates([about(GroupId, dm.id, Denied)])
    expect(await take(consents, 1)).toEqual([[about(GroupId, dm.id, Denied)]])
    await dm.sendText('unwanted')
    await until(async () => {
      const known = await again.conversations.getConversationById(dm.id)
      return known !== undefined && texts(await known.messages()).includes('unwanted')
    })
    const group = await bo.conversations.createGroup([alix.inboxId])
    await group.sendText('wanted too')
    await until(() => seen.includes('wanted too'))
    await alix.preferences.setConsentStates([about(GroupId, dm.id, Allowed)])
    expect(await take(consents, 1)).toEqual([[about(GroupId, dm.id, Allowed)]])
    await dm.sendText('wanted again')
    await until(() => seen.includes('wanted again'))
    const said = seen.filter((content) => typeof content === 'string')
    expect(said).toEqual(['wanted', 'wanted too', 'wanted again'])
  })

  it('are told later when nobody can be reached, also by another process', async () => {
    const alix = await open(1)
    const { line, transport } = cuttable(options().transport)
    const memory = new RecordMemory()
    const failures: unknown[] = []
    const offline = synced({ transport, onError: (error) => failures.push(error) })
    const again = await openAgain(1, alix, { ...offline, store: openMemoryRecords(memory) })
    line.isCut = true
    const stranger = 'a'.repeat(64)
    await again.preferences.setConsentStates([about(InboxId, stranger, Denied)])
    await until(() => failures.length > 0)
    await again.close()
    line.isCut = false
    expect(await alix.preferences.getConsentState(InboxId, stranger)).toBe(Unknown)
    await open(1, { store: openMemoryRecords(memory) })
    await reads(alix, InboxId, stranger, Denied)
  })

  it('stay where they were taken without device sync', async () => {
    const alix = await open(1)
    const again = await openOne(1)
    const stranger = 'a'.repeat(64)
    expect((await alix.preferences.sync()).numEligible).toBe(1)
    await again.preferences.setConsentStates([about(InboxId, stranger, Denied)])
    await again.conversations.syncAll()
    await alix.preferences.sync()
    expect(await alix.preferences.getConsentState(InboxId, stranger)).toBe(Unknown)
  })

  it('keep nobody from opening a client', async () => {
    const alix = await open(1)
    const { line, transport } = cuttable(options().transport)
    const memory = new RecordMemory()
    const first = await open(1, { transport, store: openMemoryRecords(memory) })
    await first.close()
    line.isCut = true
    const failures: unknown[] = []
    const store = openMemoryRecords(memory)
    const parts = { ...options(), ...synced({ transport, store }) }
    const later = await Client.create(walletKey(1), {
      ...parts,
      onError: (error) => failures.push(error),
    })
    keep(later)
    expect(later.inboxId).toBe(alix.inboxId)
    await later.preferences.setConsentStates([about(InboxId, 'b'.repeat(64), Denied)])
    await until(() => failures.length > 0)
  })
})

describe('sync groups', () => {
  it('are never listed or streamed', async () => {
    const alix = await open(1)
    const bo = await open(2)
    const stream = await alix.conversations.stream()
    const again = await openAgain(1, alix)
    const group = await bo.conversations.createGroup([alix.inboxId])
    expect((await take(stream, 1)).map(({ id }) => id)).toEqual([group.id])
    for (const client of [alix, again]) {
      await client.conversations.syncAll()
      const listed = await client.conversations.list({ consentStates: [Unknown, Allowed, Denied] })
      expect(listed.map(({ id }) => id)).toEqual([group.id])
      expect(Object.keys(await client.conversations.hmacKeys())).toEqual([group.id])
    }
  })

  it('are made by each installation, and let it into conversations', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const wanted = await alix.conversations.createGroup([bo.inboxId])
    const denied = await alix.conversations.createGroup([bo.inboxId])
    await denied.updateConsentState(Denied)
    const again = await openAgain(1, alix)
    await again.conversations.syncAll()
    expect((await again.conversations.list()).map(({ id }) => id)).toEqual([wanted.id])
    await wanted.sendText('welcome')
    const [seen] = await again.conversations.list()
    await seen!.sync()
    expect(texts(await seen!.messages())).toEqual(['welcome'])
    const theirs = JSON.stringify(await alix.conversations.hmacKeys(), asText)
    const ours = JSON.parse(JSON.stringify(await again.conversations.hmacKeys(), asText))
    expect(JSON.parse(theirs)[wanted.id]).toEqual(ours[wanted.id])
  })

  it('are left behind when an installation is revoked, which hears nothing more', async () => {
    const alix = await open(1)
    const gone = await openAgain(1, alix)
    const again = await openAgain(1, alix)
    const group = await alix.conversations.createGroup([])
    const before = JSON.stringify(await group.hmacKeys(), asText)
    await alix.revokeInstallations([gone.installationIdBytes])
    await until(async () => {
      await alix.preferences.sync()
      return JSON.stringify(await group.hmacKeys(), asText) !== before
    })
    await alix.preferences.setConsentStates([about(InboxId, 'c'.repeat(64), Denied)])
    await reads(again, InboxId, 'c'.repeat(64), Denied)
    await gone.preferences.sync()
    expect(await gone.preferences.getConsentState(InboxId, 'c'.repeat(64))).toBe(Unknown)
  })
})

const asText = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)

describe('what was said before an installation came', () => {
  it('comes when it asks', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const group = await alix.conversations.createGroup([bo.inboxId], { groupName: 'old' })
    await group.sendText('before')
    const again = await openAgain(1, alix)
    await again.sendSyncRequest()
    await until(async () => {
      await alix.preferences.sync()
      await again.preferences.sync()
      const seen = await again.conversations.getConversationById(group.id)
      return seen !== undefined && texts(await seen.messages()).includes('before')
    })
  })

  it('is left with a pin, and taken by it', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const again = await openAgain(1, alix)
    const dm = await alix.conversations.createDm(bo.inboxId)
    await dm.sendText('first')
    await alix.sendSyncArchive('one')
    await dm.sendText('second')
    await alix.sendSyncArchive('two', { elements: ['Messages'] })
    await until(async () => {
      await again.syncAllDeviceSyncGroups()
      return (await again.listAvailableArchives(1)).length === 2
    })
    const [newest, older] = await again.listAvailableArchives(1)
    expect(newest).toMatchObject({
      pin: 'two',
      metadata: { elements: ['Messages'] },
      sentByInstallation: alix.installationIdBytes,
    })
    expect(older).toMatchObject({ pin: 'one', metadata: { elements: ['Messages', 'Consent'] } })
    expect(await again.listAvailableArchives(-1)).toEqual([])
    const said = async () => {
      const seen = await again.conversations.getConversationById(dm.id)
      return seen && texts(await seen.messages())
    }
    await again.processSyncArchive('one')
    expect(await said()).toEqual(['first'])
    await again.processSyncArchive()
    expect(await said()).toEqual(['first', 'second'])
    await expect(again.processSyncArchive('three')).rejects.toMatchObject({
      code: 'client.archive.unknown',
    })
  })

  it('does not come to who did not ask', async () => {
    const [alix, bo] = [await open(1), await open(2)]
    const again = await openAgain(1, alix)
    const third = await openAgain(1, alix)
    const dm = await alix.conversations.createDm(bo.inboxId)
    await dm.sendText('before')
    await third.sendSyncRequest({ elements: ['Messages'] })
    await until(async () => {
      await alix.preferences.sync()
      await third.preferences.sync()
      return (await third.conversations.getConversationById(dm.id)) !== undefined
    })
    await again.preferences.sync()
    const seen = await again.conversations.getConversationById(dm.id)
    expect(seen === undefined ? [] : texts(await seen.messages())).toEqual([])
  })

  it('goes nowhere but where it may', async () => {
    const failures: unknown[] = []
    const alix = await open(1, { onError: (error) => failures.push(error) })
    // Another installation may name a service: not one that is reached in the clear.
    const again = await openAgain(1, alix)
    await again.sendSyncRequest(null, 'http://example.org')
    await until(async () => {
      await alix.preferences.sync()
      return failures.length > 0
    })
    expect(failures).toMatchObject([{ code: 'client.history.badUrl' }])
    for (const url of ['ftp://127.0.0.1', 'https://a:b@example.org', 'x', ''])
      await expect(alix.sendSyncArchive('pin', null, url)).rejects.toMatchObject({
        code: 'client.history.badUrl',
      })
    const nowhere = await open(2, { historySyncUrl: null })
    await expect(nowhere.sendSyncRequest()).rejects.toMatchObject({
      code: 'client.history.badUrl',
    })
    await expect(alix.sendSyncArchive('pin', null, `${node().history}/else`)).rejects.toMatchObject(
      { code: 'client.history.refused' },
    )
  })
})
