import { createChainVerifier } from '@xmtp-ts/node'
import { bytesToHex, serializeErc6492Signature, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openEvmChain, type EvmChain } from '../../node/evm-chain.ts'
import { factoryProgram, plannedWallet, walletProgram } from '../../node/evm-contracts.ts'
import type { ClientProcess } from './driver.ts'
import { native } from './native.ts'
import { startNode, type LocalNode } from './node.ts'
import { describeUnless } from './describe-unless.ts'

const ownerKey = bytesToHex(randomBytes(32))
const owner = privateKeyToAccount(ownerKey)
const [wallet, factory] = [`0x${'c0'.repeat(20)}`, `0x${'fa'.repeat(20)}`] as [Hex, Hex]
const planned = plannedWallet(owner.address, factory)
const chainId = 31_337

describeUnless(native.problem)('wallets that are programs of a chain', () => {
  let chain: EvmChain
  let node: LocalNode
  let clients: ClientProcess
  beforeAll(async () => {
    chain = await openEvmChain(200, [
      { address: factory, program: factoryProgram, block: 1 },
      { address: wallet, program: walletProgram(owner.address), block: 100 },
    ])
    const contracts = createChainVerifier({ urls: new Map([[BigInt(chainId), chain.url]]) })
    ;[node, clients] = await Promise.all([startNode(undefined, { contracts }), native.start()])
  })
  afterAll(async () => {
    await clients.kill()
    await node[Symbol.asyncDispose]()
    await chain[Symbol.asyncDispose]()
  })

  it('register, are found and are written to', async () => {
    const contract = { address: wallet, chainId }
    const alix = await clients.newClient({ apiUrl: node.url, privateKey: ownerKey, contract })
    const bo = await clients.newClient({ apiUrl: node.url })
    const dm = await bo.newDmWithAddress(wallet)
    await dm.send('to the contract')
    await alix.syncAll()
    expect(await (await alix.conversation(dm.id)).texts()).toEqual(['to the contract'])
  })

  it('register before they are on the chain, with what will make them', async () => {
    const identifier = { identifier: planned.address, identifierKind: 0 }
    const inboxId = await clients.call('bindings.generateInboxId', identifier)
    const rest = [node.url, null, false, {}, inboxId, identifier, 'Disabled']
    const client = await clients.call('bindings.createClient', ...rest)
    const request = await client.call('createInboxSignatureRequest')
    const signature = serializeErc6492Signature({
      address: factory,
      data: planned.creation,
      signature: await owner.signMessage({ message: await request.call('signatureText') }),
    })
    const bytes = Buffer.from(signature.slice(2), 'hex')
    await request.call('addScwSignature', identifier, bytes, BigInt(chainId))
    await client.call('registerIdentity', request)
    expect(await client.call('isRegistered')).toBe(true)
    const bo = await clients.newClient({ apiUrl: node.url })
    expect(await bo.inboxIdOf(planned.address)).toBe(inboxId)
  })

  it('do not register on a chain where they are not, nor before their block', async () => {
    const contract = { address: wallet, chainId }
    const register = (changed: object) =>
      clients.newClient({
        apiUrl: node.url,
        privateKey: ownerKey,
        contract: { ...contract, ...changed },
        nonce: 9n,
      })
    await expect(register({ chainId: 1 })).rejects.toThrow()
    await expect(register({ block: 99 })).rejects.toThrow()
    expect(await (await register({ block: 100 })).isRegistered()).toBe(true)
  })
})
