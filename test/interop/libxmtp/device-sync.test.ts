import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client, ClientProcess } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { ours } from './ours.ts'
import { describeUnless } from './describe-unless.ts'

const patience = { timeout: 30_000, interval: 100 }

// Who is there first, and who comes later.
const pairs = [
  { first: 'libxmtp', second: 'libxmtp', kinds: [native, native] },
  { first: 'libxmtp', second: 'ours', kinds: [native, ours] },
  { first: 'ours', second: 'libxmtp', kinds: [ours, native] },
] as const

describeUnless(native.problem).each(pairs)(
  'installations of one inbox: $first, then $second',
  ({ kinds: [firstKind, secondKind] }) => {
    let node: LocalNode
    let first: ClientProcess
    let second: ClientProcess
    let folder: string
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-archives-'))
      ;[node, first, second] = await Promise.all([
        startNode(),
        firstKind.start(),
        secondKind.start(),
      ])
    })
    afterAll(async () => {
      await Promise.all([first.kill(), second.kill()])
      await node[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    })

    const newClient = (process: ClientProcess, privateKey?: `0x${string}`): Promise<Client> =>
      process.newClient({
        apiUrl: node.url,
        historySyncUrl: node.historyUrl,
        disableDeviceSync: false,
        ...(privateKey && { privateKey }),
      })

    /** Another installation, and both in the sync group that it made: what is said in an older one is lost to it. */
    const newInstallation = async (of: Client, count = 2): Promise<Client> => {
      const again = await newClient(second, of.privateKey)
      await expect
        .poll(() => of.call('preferences.sync'), patience)
        .toMatchObject({ numEligible: count })
      return again
    }

    /** Both read what the other has said. */
    const meet = async (...clients: readonly Client[]) => {
      for (const client of clients) {
        await client.syncDeviceSyncGroups()
        await client.syncAll()
      }
    }

    /** What one denies is denied in the other. */
    const reaches = async (from: Client, to: Client, inboxId: string) => {
      await from.setConsent('inbox', inboxId, 'denied')
      await expect
        .poll(async () => {
          await to.syncPreferences()
          return to.consent('inbox', inboxId)
        }, patience)
        .toBe('denied')
    }

    const textsOf = async (client: Client, id: string) =>
      (await client.list({ includeDuplicateDms: true })).find((one) => one.id === id)?.texts()

    it('tell each other whom they allow', async () => {
      const [alix, bo, caro] = await Promise.all([1, 2, 3].map(() => newClient(first)))
      const again = await newInstallation(alix!)
      await reaches(alix!, again, bo!.inboxId)
      await reaches(again, alix!, caro!.inboxId)
      // The later decision counts, whoever took it.
      await again.setConsent('inbox', bo!.inboxId, 'allowed')
      await expect
        .poll(async () => {
          await alix!.syncPreferences()
          return alix!.consent('inbox', bo!.inboxId)
        }, patience)
        .toBe('allowed')
    }, 90_000)

    it('go on without one that was revoked', async () => {
      const [alix, bo, caro] = await Promise.all([1, 2, 3].map(() => newClient(first)))
      const gone = await newInstallation(alix!)
      const again = await newInstallation(alix!, 3)
      await alix!.revokeInstallations([gone.installationId])
      await reaches(alix!, again, bo!.inboxId)
      await reaches(again, alix!, caro!.inboxId)
    }, 90_000)

    it('let a new one into the conversations, with one key for push servers', async () => {
      const [alix, bo] = await Promise.all([newClient(first), newClient(first)])
      const group = await alix.newGroup([bo.inboxId], { groupName: 'old' })
      await group.send('before it came')
      const again = await newInstallation(alix)
      await expect
        .poll(async () => {
          await meet(alix, again)
          return (await again.list()).map(({ id }) => id)
        }, patience)
        .toEqual([group.id])
      const seen = await again.conversation(group.id)
      await group.send('to the new one')
      await seen.sync()
      await seen.send('from the new one')
      await group.sync()
      expect(await seen.texts()).toEqual(['to the new one', 'from the new one'])
      expect(await group.texts()).toEqual(['before it came', 'to the new one', 'from the new one'])
      await expect
        .poll(async () => {
          await meet(alix, again)
          const keys = (await alix.hmacKeys()).get(group.id)
          return (
            JSON.stringify(keys, asText) ===
            JSON.stringify((await again.hmacKeys()).get(group.id), asText)
          )
        }, patience)
        .toBe(true)
    }, 90_000)

    it('hand a new one what was said before it came, through the history service', async () => {
      const [alix, bo] = await Promise.all([newClient(first), newClient(first)])
      const group = await alix.newGroup([bo.inboxId], { groupName: 'old' })
      await group.send('before the second installation')
      const again = await newInstallation(alix)
      await again.sendSyncRequest()
      await expect
        .poll(async () => {
          await meet(alix, again)
          return textsOf(again, group.id)
        }, patience)
        .toEqual(['before the second installation'])
      const [seen] = await again.list()
      expect(await seen!.metadata()).toMatchObject({ name: 'old' })
    }, 90_000)

    it('leave archives with a pin, and take them by it, both ways', async () => {
      const [alix, bo, caro] = await Promise.all([1, 2, 3].map(() => newClient(first)))
      const dm = await alix!.newDm(bo!.inboxId)
      await dm.send('in the archive')
      const again = await newInstallation(alix!)
      const hands = async (from: Client, to: Client, pin: string) => {
        await from.sendSyncArchive(pin)
        await expect
          .poll(async () => {
            await to.syncDeviceSyncGroups()
            return to.availableArchives()
          }, patience)
          .toContain(pin)
        await to.processSyncArchive(pin)
      }
      await hands(alix!, again, '12345')
      expect(await textsOf(again, dm.id)).toEqual(['in the archive'])
      const later = await again.newDm(caro!.inboxId)
      await later.send('in the other archive')
      await hands(again, alix!, 'abcde')
      expect(await textsOf(alix!, later.id)).toEqual(['in the other archive'])
    }, 90_000)

    it("read each other's archives from files", async () => {
      const [alix, bo] = await Promise.all([newClient(first), newClient(first)])
      const group = await alix.newGroup([bo.inboxId], { groupName: 'in a file' })
      for (let count = 0; count < 120; count += 1) await group.send(`message ${count}`)
      await alix.setConsent('inbox', bo.inboxId, 'denied')
      const key = new Uint8Array(32).fill(7)
      const path = join(folder, 'archive')
      await alix.call('createArchive', path, key)
      const again = await newClient(second, alix.privateKey)
      const metadata = await again.call('archiveMetadata', path, key)
      expect(metadata).toMatchObject({
        backupVersion: 0,
        elements: expect.arrayContaining(['Consent', 'Messages']),
      })
      await again.call('importArchive', path, key)
      const texts = Array.from({ length: 120 }, (_, count) => `message ${count}`)
      expect(await textsOf(again, group.id)).toEqual(texts)
      expect(await again.consent('inbox', bo.inboxId)).toBe('denied')
      // And on: what is restored is written anew, and taken by who has it.
      const onward = join(folder, 'onward')
      await again.call('createArchive', onward, key)
      await alix.call('importArchive', onward, key)
      expect(await textsOf(alix, group.id)).toEqual(texts)
      const wrong = again.call('importArchive', path, new Uint8Array(32))
      await expect(wrong).rejects.toThrow()
    }, 90_000)
  },
)

const asText = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)
