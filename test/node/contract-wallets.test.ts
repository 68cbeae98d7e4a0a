import { createChainVerifier, openMemoryV3Store } from '@xmtp-ts/node'
import {
  GetIdentityUpdatesRequest,
  GetIdentityUpdatesResponse,
  PublishIdentityUpdateRequest,
  VerifySmartContractWalletSignaturesRequest,
  VerifySmartContractWalletSignaturesResponse,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import { personalMessageDigest, v3 } from '@xmtp-ts/protocol'
import { bytesToHex, hashMessage, hexToBytes, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { serializeErc6492Signature } from 'viem/utils'
import { beforeAll, afterAll, describe, expect, it } from 'vitest'
import { openEvmChain, type EvmChain } from './evm-chain.ts'
import {
  endlessProgram,
  factoryProgram,
  plannedWallet,
  revertingProgram,
  walletProgram,
} from './evm-contracts.ts'
import { closeAfterEach, grpcClient, startNode } from './support.ts'

closeAfterEach()

const identity = '/xmtp.identity.api.v1.IdentityApi'

const owner = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const stranger = privateKeyToAccount(`0x${'22'.repeat(32)}`)
const contractAt = (byte: string): Hex => `0x${byte.repeat(20)}`
const [wallet, reverting, endless, factory] = ['c1', 'c2', 'c3', 'fa'].map(contractAt) as [
  Hex,
  Hex,
  Hex,
  Hex,
]
const planned = plannedWallet(owner.address, factory)
/** The block in which the wallet came to be, and the newest of the chain. */
const [born, latest] = [100, 200]

let chain: EvmChain
let other: EvmChain
beforeAll(async () => {
  chain = await openEvmChain(latest, [
    { address: factory, program: factoryProgram, block: 1 },
    { address: wallet, program: walletProgram(owner.address), block: born },
    { address: reverting, program: revertingProgram, block: 1 },
    { address: endless, program: endlessProgram, block: 1 },
  ])
  other = await openEvmChain(latest, [])
})
afterAll(() => Promise.all([chain, other].map((each) => each[Symbol.asyncDispose]())))

async function open() {
  const urls = new Map([
    [1n, chain.url],
    [10n, other.url],
  ])
  const node = await startNode({
    v3: openMemoryV3Store(),
    contracts: createChainVerifier({ urls }),
  })
  return grpcClient(node)
}
type Client = Awaited<ReturnType<typeof open>>

type Signing = (hash: Hex) => Promise<Hex>
const byOwner: Signing = (hash) => owner.sign({ hash })
const byStranger: Signing = (hash) => stranger.sign({ hash })
/** With what makes the wallet, for who finds it missing. */
const withCreation =
  (sign: Signing): Signing =>
  async (hash) =>
    serializeErc6492Signature({
      address: factory,
      data: planned.creation,
      signature: await sign(hash),
    })

type Asked = { at: Hex; sign: Signing; chainId?: number; block?: number }

async function verify(client: Client, { at, sign, chainId = 1, block }: Asked) {
  const hash = hashMessage('a text')
  const request = VerifySmartContractWalletSignaturesRequest.encode({
    signatures: [
      {
        accountId: `eip155:${chainId}:${at}`,
        blockNumber: block === undefined ? undefined : BigInt(block),
        signature: hexToBytes(await sign(hash)),
        hash: hexToBytes(hash),
      },
    ],
  }).finish()
  const answer = await client.unary(`${identity}/VerifySmartContractWalletSignatures`, request)
  return VerifySmartContractWalletSignaturesResponse.decode(answer).responses[0]!
}

describe('VerifySmartContractWalletSignatures asks the contract', () => {
  it.each<[string, Asked, boolean]>([
    ['a wallet that is there, by its owner', { at: wallet, sign: byOwner }, true],
    ['a wallet that is there, by somebody else', { at: wallet, sign: byStranger }, false],
    ['in the block in which it came', { at: wallet, sign: byOwner, block: born }, true],
    ['in the block before', { at: wallet, sign: byOwner, block: born - 1 }, false],
    ['on a chain where it is not', { at: wallet, sign: byOwner, chainId: 10 }, false],
    [
      'a wallet to come, with what makes it',
      { at: planned.address, sign: withCreation(byOwner) },
      true,
    ],
    [
      'a wallet to come, by somebody else',
      { at: planned.address, sign: withCreation(byStranger) },
      false,
    ],
    ['a wallet to come, without what makes it', { at: planned.address, sign: byOwner }, false],
    [
      'another wallet than the one that would be made',
      { at: contractAt('dd'), sign: withCreation(byOwner) },
      false,
    ],
    [
      'a wallet to come where its factory is not',
      { at: planned.address, sign: withCreation(byOwner), chainId: 10 },
      false,
    ],
    [
      'a wallet that came since, still with what made it',
      { at: wallet, sign: withCreation(byOwner) },
      true,
    ],
    ['a key that is no contract', { at: owner.address, sign: byOwner }, true],
    ['a contract that reverts', { at: reverting, sign: byOwner }, false],
    ['a contract that does not end', { at: endless, sign: byOwner }, false],
    [
      'bytes that no wallet signed',
      { at: wallet, sign: () => Promise.resolve('0x1234' as Hex) },
      false,
    ],
  ])('%s', async (_name, asked, isValid) => {
    const verdict = await verify(await open(), asked)
    expect(verdict).toMatchObject({ isValid, blockNumber: BigInt(asked.block ?? latest) })
    expect(verdict.error === undefined).toBe(isValid)
  })

  it('a block that the chain does not have yet is UNAVAILABLE, and no verdict', async () => {
    const client = await open()
    await expect(
      verify(client, { at: wallet, sign: byOwner, block: latest + 1 }),
    ).rejects.toMatchObject({ code: 14 })
  })

  it('a chain that nobody named is said to be so', async () => {
    const client = await open()
    expect(await verify(client, { at: wallet, sign: byOwner, chainId: 137 })).toMatchObject({
      isValid: false,
      error: expect.stringContaining('verifier not present for chain ID eip155:137'),
    })
  })
})

describe('PublishIdentityUpdate', () => {
  const create = async (client: Client, { at, sign, chainId = 1, block = latest }: Asked) => {
    const identifier = v3.ethereumIdentifier(at)
    const inboxId = v3.deriveInboxId(identifier, 1n)
    const unsigned = {
      inboxId,
      clientTimestampNs: 1_700_000_000_000_000_000n,
      actions: [{ kind: 'createInbox' as const, identifier, nonce: 1n }],
    }
    const digest = personalMessageDigest(v3.identityUpdateText(unsigned))
    const signature = {
      kind: 'erc1271' as const,
      account: v3.parseAccountId(`eip155:${chainId}:${at}`),
      bytes: hexToBytes(await sign(bytesToHex(digest))),
      blockNumber: BigInt(block),
    }
    const actions = unsigned.actions.map((action) => ({ ...action, signature }))
    const identityUpdate = IdentityUpdate.decode(v3.encodeIdentityUpdate({ ...unsigned, actions }))
    const request = PublishIdentityUpdateRequest.encode({ identityUpdate }).finish()
    const publish = client.unary(`${identity}/PublishIdentityUpdate`, request)
    return publish.then(
      () => inboxId,
      async (error: unknown) => {
        // Whatever was wrong with it, nothing of it is there.
        expect(await lengthOf(client, inboxId)).toBe(0)
        throw error
      },
    )
  }
  const lengthOf = async (client: Client, inboxId: string) =>
    GetIdentityUpdatesResponse.decode(
      await client.unary(
        `${identity}/GetIdentityUpdates`,
        GetIdentityUpdatesRequest.encode({ requests: [{ inboxId, sequenceId: 0n }] }).finish(),
      ),
    ).responses[0]!.updates.length

  it.each<[string, Asked]>([
    ['a contract', { at: wallet, sign: byOwner, block: born }],
    ['a contract to come', { at: planned.address, sign: withCreation(byOwner) }],
  ])('creates the inbox of %s', async (_name, asked) => {
    const client = await open()
    expect(await lengthOf(client, await create(client, asked))).toBe(1)
  })

  it.each<[string, Asked, number, RegExp]>([
    ['whose owner did not sign', { at: wallet, sign: byStranger }, 3, /the wallet says no/],
    ['that was not there yet', { at: wallet, sign: byOwner, block: born - 1 }, 3, /says no/],
    ['that reverts', { at: reverting, sign: byOwner }, 3, /the wallet reverts/],
    ['that does not end', { at: endless, sign: byOwner }, 3, /the wallet/],
    ['of another chain', { at: wallet, sign: byOwner, chainId: 10 }, 3, /says no/],
    ['of a chain that nobody named', { at: wallet, sign: byOwner, chainId: 137 }, 9, /eip155:137/],
    [
      'at a block that is to come',
      { at: wallet, sign: byOwner, block: 999 },
      14,
      /cannot be asked/,
    ],
  ])('refuses a contract %s', async (_name, asked, code, details) => {
    await expect(create(await open(), asked)).rejects.toMatchObject({
      code,
      details: expect.stringMatching(details),
    })
  })
})
