import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, ClientProcess } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'

if (native.problem !== undefined) it.skip(native.problem, () => {})

describe.skipIf(native.problem !== undefined)('installations of one inbox', () => {
  let node: LocalNode
  let clients: ClientProcess
  beforeAll(async () => {
    ;[node, clients] = await Promise.all([startNode(), native.start()])
  })
  afterAll(async () => {
    await clients.kill()
    await node[Symbol.asyncDispose]()
  })

  const newClient = (privateKey?: `0x${string}`): Promise<Client> =>
    clients.newClient({
      apiUrl: node.url,
      historySyncUrl: node.historyUrl,
      disableDeviceSync: false,
      ...(privateKey && { privateKey }),
    })

  /** Another installation, and both in the sync group that it made: what is said in an older one is lost to it. */
  const newInstallation = async (of: Client): Promise<Client> => {
    const again = await newClient(of.privateKey)
    await expect
      .poll(() => of.call('preferences.sync'), { timeout: 10_000, interval: 100 })
      .toMatchObject({ numEligible: 2 })
    return again
  }

  it('tell each other whom they allow', async () => {
    const [alix, bo] = await Promise.all([newClient(), newClient()])
    const again = await newInstallation(alix)
    await alix.setConsent('inbox', bo.inboxId, 'denied')
    await expect
      .poll(
        async () => {
          await again.syncPreferences()
          return again.consent('inbox', bo.inboxId)
        },
        { timeout: 20_000, interval: 200 },
      )
      .toBe('denied')
  }, 60_000)

  it('hand a new one what was said before it came, through the history service', async () => {
    const [alix, bo] = await Promise.all([newClient(), newClient()])
    const group = await alix.newGroup([bo.inboxId], { groupName: 'old' })
    await group.send('before the second installation')
    const again = await newInstallation(alix)
    await again.sendSyncRequest()
    await expect
      .poll(
        async () => {
          await alix.syncDeviceSyncGroups()
          await alix.syncAll()
          await again.syncDeviceSyncGroups()
          await again.syncAll()
          const seen = (await again.list()).find(({ id }) => id === group.id)
          return seen?.texts()
        },
        { timeout: 30_000, interval: 500 },
      )
      .toEqual(['before the second installation'])
  }, 60_000)

  it('leave archives with a pin, and take them by it', async () => {
    const [alix, bo] = await Promise.all([newClient(), newClient()])
    const dm = await alix.newDm(bo.inboxId)
    await dm.send('in the archive')
    const again = await newInstallation(alix)
    await alix.sendSyncArchive('12345')
    await expect
      .poll(
        async () => {
          await again.syncDeviceSyncGroups()
          return again.availableArchives()
        },
        { timeout: 20_000, interval: 200 },
      )
      .toContain('12345')
    await again.processSyncArchive('12345')
    const seen = (await again.list({ includeDuplicateDms: true })).find(({ id }) => id === dm.id)
    expect(await seen?.texts()).toEqual(['in the archive'])
  }, 60_000)
})
