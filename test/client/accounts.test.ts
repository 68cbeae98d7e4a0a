import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Client,
  generateInboxId,
  getInboxIdForIdentifier,
  IdentifierKind,
  openMemoryRecords,
  RecordMemory,
  type InboxWarning,
} from '@xmtp-ts/client'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { texts, walletKey, world } from './world.ts'

const { open, options, keep } = world()

const account = (number: number) => privateKeyToAccount(`0x${walletKey(number)}`)
const identifierOf = (number: number) => ({
  identifier: account(number).address.toLowerCase(),
  identifierKind: IdentifierKind.Ethereum,
})

/** A signer in the shape of node-sdk. */
const nodeSdkSigner = (number: number) => ({
  type: 'EOA' as const,
  getIdentifier: () => identifierOf(number),
  signMessage: async (message: string) =>
    new Uint8Array(Buffer.from((await account(number).signMessage({ message })).slice(2), 'hex')),
})

describe('a client', () => {
  it('says who it is', async () => {
    const ann = keep(await Client.create(nodeSdkSigner(1), options()))
    expect(ann.isRegistered).toBe(true)
    expect(ann.accountIdentifier).toEqual(identifierOf(1))
    expect(ann.inboxId).toBe(generateInboxId(identifierOf(1)))
    expect(await getInboxIdForIdentifier(options(), identifierOf(1))).toBe(ann.inboxId)
    expect(await getInboxIdForIdentifier(options(), identifierOf(9))).toBeNull()
    expect(await ann.fetchInboxIdByIdentifier(identifierOf(1))).toBe(ann.inboxId)
    expect(Buffer.from(ann.installationIdBytes).toString('hex')).toBe(ann.installationId)
    const signature = ann.signWithInstallationKey('text')
    expect(ann.verifySignedWithInstallationKey('text', signature)).toBe(true)
    expect(Client.verifySignedWithPublicKey('other', signature, ann.installationIdBytes)).toBe(
      false,
    )
    expect(Object.keys(await ann.fetchKeyPackageStatuses([ann.installationId]))).toEqual([
      ann.installationId,
    ])
    await expect(async () =>
      Client.create(nodeSdkSigner(1), { env: 'production' }),
    ).rejects.toMatchObject({ code: 'client.env.gone' })
  })

  it('tells who can be written to', async () => {
    const ann = await open(1)
    const both = [identifierOf(1), identifierOf(9)]
    const expected = new Map([
      [identifierOf(1).identifier, true],
      [identifierOf(9).identifier, false],
    ])
    expect(await ann.canMessage(both)).toEqual(expected)
    expect(await Client.canMessage(both, options())).toEqual(expected)
    // By address and by inbox id as well.
    const names = [account(1).address, ann.inboxId, '0'.repeat(64), 'nobody']
    const answers = [true, true, false, false]
    expect([...(await ann.canMessage(names)).values()]).toEqual(answers)
    expect([...(await Client.canMessage(names, options())).values()]).toEqual(answers)
    const [state] = await Client.fetchInboxStates([account(1).address], options())
    expect(state!.inboxId).toBe(ann.inboxId)
    expect(await ann.preferences.getInboxStates([account(1).address])).toEqual([state])
  })

  it('is opened again without a signer, and never made known by that', async () => {
    const memory = new RecordMemory()
    const ann = await open(1, { store: openMemoryRecords(memory) })
    const again = keep(
      await Client.build(identifierOf(1), { ...options(), store: openMemoryRecords(memory) }),
    )
    expect([again.installationId, again.isRegistered]).toEqual([ann.installationId, true])
    const other = keep(await Client.build(identifierOf(1), options()))
    expect(other.isRegistered).toBe(false)
    await expect(other.register()).rejects.toMatchObject({ code: 'client.signer.missing' })
    const state = await ann.preferences.fetchInboxState()
    expect(state.installations).toHaveLength(1)
  })

  it('registers when it is told to', async () => {
    const ann = await open(1, { disableAutoRegister: true })
    expect(ann.isRegistered).toBe(false)
    expect(await Client.canMessage([identifierOf(1)], options())).toEqual(
      new Map([[identifierOf(1).identifier, false]]),
    )
    await ann.register()
    await ann.register()
    expect(ann.isRegistered).toBe(true)
    expect((await ann.preferences.fetchInboxState()).installations).toHaveLength(1)
  })

  it('keeps accounts and installations in order', async () => {
    const warnings: InboxWarning[] = []
    const ann = await open(1, { onWarning: (warning) => warnings.push(warning) })
    await ann.unsafe_addAccount(walletKey(11))
    const second = await open(11)
    expect(second.inboxId).toBe(ann.inboxId)
    const ben = await open(2)
    await expect(ann.unsafe_addAccount(walletKey(2))).rejects.toMatchObject({
      code: 'client.inbox.taken',
    })
    const states = await Client.fetchInboxStates([ann.inboxId], options())
    expect(states[0]!.identifiers).toHaveLength(2)
    expect(await Client.isAddressAuthorized(ann.inboxId, account(11).address, options())).toBe(true)
    expect(
      await Client.isInstallationAuthorized(ann.inboxId, second.installationIdBytes, options()),
    ).toBe(true)
    // A second installation hears of what is written from now on.
    const dm = await ben.conversations.createDm(ann.inboxId)
    await dm.sendText('to all of you')
    await second.conversations.syncAll()
    const theirs = await second.conversations.getDmByInboxId(ben.inboxId)
    expect(texts(await theirs!.messages())).toEqual(['to all of you'])
    await expect(second.revokeAllOtherInstallations()).rejects.toMatchObject({
      code: 'client.inbox.notRecovery',
    })
    await Client.revokeInstallations(
      walletKey(1),
      ann.inboxId,
      [second.installationIdBytes],
      options(),
    )
    expect((await ann.preferences.fetchInboxState()).installations).toHaveLength(1)
    await ann.removeAccount(identifierOf(11))
    expect((await ann.preferences.fetchInboxState()).identifiers).toEqual([identifierOf(1)])
    await ann.changeRecoveryIdentifier(identifierOf(12))
    await expect(ann.revokeAllOtherInstallations()).rejects.toMatchObject({
      code: 'client.inbox.notRecovery',
    })
    expect(warnings).toEqual([])
  })
})

describe('a store in a file', () => {
  it('is encrypted when a key is given, and opens with that key only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'xmtp-ts-'))
    keep({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) })
    const dbPath = (inboxId: string) => join(folder, `${inboxId}.db3`)
    const key = new Uint8Array(32).fill(7)
    const ben = await open(2)
    const first = await Client.create(walletKey(1), {
      ...options(),
      dbPath,
      dbEncryptionKey: key,
    })
    const dm = await ben.conversations.createDm(first.inboxId)
    await dm.sendText('kept')
    await first.conversations.syncAll()
    await first.close()
    expect(await readdir(folder)).toContain(`${first.inboxId}.db3`)
    const again = keep(
      await Client.create(walletKey(1), {
        ...options(),
        dbPath,
        dbEncryptionKey: `0x${Buffer.from(key).toString('hex')}`,
      }),
    )
    expect(again.installationId).toBe(first.installationId)
    const [theirs] = await again.conversations.listDms()
    expect(texts(await theirs!.messages())).toEqual(['kept'])
    const wrong = new Uint8Array(32).fill(8)
    await expect(
      Client.create(walletKey(1), { ...options(), dbPath, dbEncryptionKey: wrong }),
    ).rejects.toMatchObject({ code: 'client.store.wrongKey' })
    await expect(Client.create(walletKey(1), { ...options(), dbPath })).rejects.toMatchObject({
      code: 'client.store.encrypted',
    })
    await expect(
      Client.create(walletKey(1), { ...options(), dbPath, dbEncryptionKey: '0x00' }),
    ).rejects.toThrow(RangeError)
  })
})
