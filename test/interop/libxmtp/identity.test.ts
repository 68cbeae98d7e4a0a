import { afterAll, beforeAll, expect, it } from 'vitest'
import { bytesToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { randomBytes } from 'node:crypto'
import type { ClientProcess } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { describeUnless } from './describe-unless.ts'

const newKey = () => bytesToHex(randomBytes(32))
const addressOf = (key: `0x${string}`) => privateKeyToAccount(key).address.toLowerCase()

describeUnless(native.problem)('an inbox of libxmtp', () => {
  let node: LocalNode
  let clients: ClientProcess
  beforeAll(async () => {
    ;[node, clients] = await Promise.all([startNode(), native.start()])
  })
  afterAll(async () => {
    await clients.kill()
    await node[Symbol.asyncDispose]()
  })
  const newClient = (privateKey = newKey()) => clients.newClient({ apiUrl: node.url, privateKey })

  it('is created, gets an installation and a wallet, and loses the installation', async () => {
    const alix = await newClient()
    expect(await alix.isRegistered()).toBe(true)
    const second = await newClient(alix.privateKey)
    expect(second.inboxId).toBe(alix.inboxId)
    const wallet = newKey()
    await alix.addAccount(wallet)
    expect(await alix.inboxState()).toEqual({
      inboxId: alix.inboxId,
      recoveryAccount: alix.address,
      accounts: expect.toSatisfy((them) => sameSet(them, [alix.address, addressOf(wallet)])),
      installationIds: expect.toSatisfy((them) =>
        sameSet(them, [alix.installationId, second.installationId]),
      ),
    })
    expect(await second.inboxIdOf(addressOf(wallet))).toBe(alix.inboxId)

    await alix.revokeInstallations([second.installationId])
    expect((await alix.inboxState()).installationIds).toEqual([alix.installationId])
  })

  it('is open to the second wallet, and not after it was removed', async () => {
    const alix = await newClient()
    const wallet = newKey()
    await alix.addAccount(wallet)
    const other = await newClient(wallet)
    expect(other.inboxId).toBe(alix.inboxId)
    await alix.removeAccount(addressOf(wallet))
    const state = await alix.inboxState()
    expect(state.accounts).toEqual([alix.address])
    // What the wallet let in goes with it.
    expect(state.installationIds).toEqual([alix.installationId])
    expect((await newClient(wallet)).inboxId).not.toBe(alix.inboxId)
  })

  it('obeys its new recovery wallet and no longer the old one', async () => {
    const alix = await newClient()
    const wallet = newKey()
    const second = await newClient(alix.privateKey)
    await alix.changeRecovery(addressOf(wallet))
    expect((await alix.inboxState()).recoveryAccount).toBe(addressOf(wallet))
    await expect(alix.revokeInstallations([second.installationId])).rejects.toThrow()
    expect((await alix.inboxState()).installationIds).toHaveLength(2)
  })

  it('keeps only the newest installation when it says so', async () => {
    const alix = await newClient()
    for (let index = 0; index < 3; index += 1) await newClient(alix.privateKey)
    expect((await alix.inboxState()).installationIds).toHaveLength(4)
    await alix.revokeAllOtherInstallations()
    expect((await alix.inboxState()).installationIds).toEqual([alix.installationId])
  })

  it('is found by address in any spelling, and key packages are valid', async () => {
    const [alix, bo] = await Promise.all([newClient(), newClient()])
    const checksummed = privateKeyToAccount(bo.privateKey).address
    expect(await alix.canMessage([checksummed, bo.address, addressOf(newKey())])).toEqual([
      true,
      true,
      false,
    ])
    const statuses = await alix.keyPackageStatuses([bo.installationId])
    expect(statuses.get(bo.installationId)?.validationError).toBeUndefined()
    expect(await alix.inboxStates([bo.inboxId])).toEqual([await bo.inboxState()])
  })
})

const sameSet = (left: readonly string[], right: readonly string[]) =>
  left.length === right.length && right.every((item) => left.includes(item))
