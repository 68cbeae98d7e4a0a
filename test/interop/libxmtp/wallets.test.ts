import { randomBytes } from 'node:crypto'
import { bytesToHex, recoverAddress, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Client, ClientProcess } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { newPasskey } from './passkey.ts'
import { describeUnless } from './describe-unless.ts'

const chainId = 31_337n
const wallet: Hex = `0x${'c0'.repeat(20)}`
const ownerKey = bytesToHex(randomBytes(32))
const owner = privateKeyToAccount(ownerKey).address

describeUnless(native.problem)('identities that are not a key of Ethereum', () => {
  let node: LocalNode
  let clients: ClientProcess
  beforeAll(async () => {
    const contracts = {
      // A wallet of one owner on a chain of one block.
      verify: async ({ account, hash, signature }: Check) => ({
        isValid:
          account.chainId === chainId &&
          account.address === wallet &&
          (await recoverAddress({ hash: bytesToHex(hash), signature: bytesToHex(signature) })) ===
            owner,
        blockNumber: 1n,
      }),
    }
    ;[node, clients] = await Promise.all([startNode(undefined, { contracts }), native.start()])
  })
  afterAll(async () => {
    await clients.kill()
    await node[Symbol.asyncDispose]()
  })

  it('a contract wallet has an inbox, signs by its owner, and writes', async () => {
    const contract = { address: wallet, chainId: Number(chainId) }
    const alix = await clients.newClient({ apiUrl: node.url, privateKey: ownerKey, contract })
    expect(await alix.isRegistered()).toBe(true)
    expect(await alix.inboxIdOf(wallet)).toBe(alix.inboxId)
    const bo = await clients.newClient({ apiUrl: node.url })
    expect(await bo.canMessage([wallet])).toEqual([true])
    const dm = await bo.newDmWithAddress(wallet)
    await dm.send('to the contract')
    await alix.syncAll()
    expect(await (await alix.conversation(dm.id)).texts()).toEqual(['to the contract'])
    const again = await clients.newClient({ apiUrl: node.url, privateKey: ownerKey, contract })
    await again.revokeInstallations([alix.installationId])
    expect((await again.inboxState()).installationIds).toEqual([again.installationId])
  })

  it('a contract wallet whose owner did not sign has none', async () => {
    const contract = { address: wallet, chainId: Number(chainId) }
    const create = clients.newClient({ apiUrl: node.url, contract, nonce: 7n })
    await expect(create).rejects.toThrow()
  })

  it('a passkey joins an inbox, finds it, and leaves it', async () => {
    const alix = await clients.newClient({ apiUrl: node.url })
    const passkey = newPasskey()
    // The installation has signed it already.
    const request = await alix.call(
      'unsafe_addAccountSignatureRequest',
      { identifier: passkey.identifier, identifierKind: 1 },
      true,
    )
    await request.call('addPasskeySignature', passkey.sign(await request.call('signatureText')))
    await alix.call('unsafe_applySignatureRequest', request)
    expect((await alix.inboxState()).accounts.toSorted()).toEqual(
      [alix.address, passkey.identifier].toSorted(),
    )
    const bo = await clients.newClient({ apiUrl: node.url })
    const found = { identifier: passkey.identifier, identifierKind: 1 }
    expect(await bo.call('fetchInboxIdByIdentifier', found)).toBe(alix.inboxId)
    await alix.call('removeAccount', found)
    expect((await alix.inboxState()).accounts).toEqual([alix.address])
  })

  it('a passkey whose signature is of another text does not join', async () => {
    const alix = await clients.newClient({ apiUrl: node.url })
    const passkey = newPasskey()
    const request = await alix.call(
      'unsafe_addAccountSignatureRequest',
      { identifier: passkey.identifier, identifierKind: 1 },
      true,
    )
    const join = async () => {
      await request.call('addPasskeySignature', passkey.sign('another text'))
      await alix.call('unsafe_applySignatureRequest', request)
    }
    await expect(join()).rejects.toThrow()
    expect((await alix.inboxState()).accounts).toEqual([alix.address])
  })

  it('a passkey has an inbox of its own', async () => {
    const passkey = newPasskey()
    const identifier = { identifier: passkey.identifier, identifierKind: 1 }
    const inboxId = await clients.call('bindings.generateInboxId', identifier)
    // The SDK has no signer for passkeys; the binding below it has.
    const rest = [node.url, null, false, {}, inboxId, identifier, 'Disabled']
    const client = await clients.call('bindings.createClient', ...rest)
    const request = await client.call('createInboxSignatureRequest')
    await request.call('addPasskeySignature', passkey.sign(await request.call('signatureText')))
    await client.call('registerIdentity', request)
    expect(await client.call('isRegistered')).toBe(true)

    const bo: Client = await clients.newClient({ apiUrl: node.url })
    expect(await bo.call('fetchInboxIdByIdentifier', identifier)).toBe(inboxId)
    const dm = await bo.newDm(inboxId)
    await dm.send('to the passkey')
    expect((await dm.members()).map((member) => member.inboxId).toSorted()).toEqual(
      [bo.inboxId, inboxId].toSorted(),
    )
  })
})

type Check = {
  readonly account: { readonly chainId: bigint; readonly address: string }
  readonly hash: Uint8Array
  readonly signature: Uint8Array
}
