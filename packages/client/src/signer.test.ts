import { describe, expect, it } from 'vitest'
import { Wallet } from 'ethers'
import { createWalletClient, custom, hexToBytes } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { toSigner, type AnySigner } from './signer.ts'

const key = '0x0000000000000000000000000000000000000000000000000000000000000001'
const address = '0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf'
const account = privateKeyToAccount(key)

/** A provider as wallets inject it: the account in lower case, bytes as hex. */
const provider = {
  async request({ method, params }: { method: string; params?: unknown }): Promise<unknown> {
    if (method === 'eth_requestAccounts') return [address.toLowerCase()]
    if (method === 'personal_sign')
      return account.signMessage({ message: { raw: (params as [`0x${string}`])[0] } })
    throw new Error(`unexpected ${method}`)
  },
}

const kinds: readonly (readonly [string, AnySigner])[] = [
  ['hex', key],
  ['hex without 0x', key.slice(2)],
  ['32 bytes', hexToBytes(key)],
  ['viem account', account],
  ['viem wallet client', createWalletClient({ account, transport: custom(provider) })],
  ['viem wallet client without account', createWalletClient({ transport: custom(provider) })],
  ['ethers 6', new Wallet(key)],
  [
    'xmtp-js signer',
    {
      getAddress: async () => address,
      signMessage: async (message: ArrayLike<number> | string) =>
        account.signMessage({ message: String(message) }),
    },
  ],
  ['EIP-1193 provider', provider],
]

describe.each(kinds)('a signer from %s', (_kind, signer) => {
  it('names the account and signs as every other', async () => {
    const wallet = await toSigner(signer)
    expect(wallet.account).toBe(address)
    const text = 'XMTP : Create Identity\n…'
    const expected = hexToBytes(await account.signMessage({ message: text }))
    expect([...(await wallet.signText(text))]).toEqual([...expected])
  })
})

describe('a wallet that answers', () => {
  const answering = async (signature: unknown) => {
    const signer = await toSigner({
      getAddress: async () => address,
      signMessage: async () => signature as string,
    })
    return signer.signText('text')
  }

  it.each([
    [
      'more than 65 bytes, as contract wallets do',
      `0x${'11'.repeat(300)}`,
      'client.signer.notExternallyOwned',
    ],
    ['nothing', undefined, 'client.signer.notExternallyOwned'],
    ['no hex', 'yes', 'client.signer.notExternallyOwned'],
    ['a signature that leads nowhere', `0x${'ff'.repeat(65)}`, 'client.signer.wrongAccount'],
  ])('%s fails', async (_what, signature, code) => {
    await expect(answering(signature)).rejects.toMatchObject({ code })
  })

  it('for another account fails', async () => {
    const other = privateKeyToAccount(`0x${'2'.repeat(64)}`)
    await expect(answering(await other.signMessage({ message: 'text' }))).rejects.toMatchObject({
      code: 'client.signer.wrongAccount',
    })
  })

  it('no fails as refused, whatever it throws', async () => {
    const signer = await toSigner({
      getAddress: async () => address,
      signMessage: () => Promise.reject({ code: 4001 }),
    })
    await expect(signer.signText('text')).rejects.toMatchObject({ code: 'client.signer.refused' })
  })
})

it.each([[{}], ['0x12'], [new Uint8Array(31)], [`0x${'00'.repeat(32)}`], [{ request: 1 }]])(
  'what is no signer fails by code: %j',
  async (signer) => {
    await expect(toSigner(signer as AnySigner)).rejects.toMatchObject({ name: 'XmtpError' })
  },
)
