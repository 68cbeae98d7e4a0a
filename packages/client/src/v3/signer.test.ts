import { bytesFromHex, bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { Wallet } from 'ethers'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { otherS } from '../../../../test/vectors/v3/actors.ts'
import { IdentifierKind } from './identity/public-identifier.ts'
import { installationSigner, toInboxSigner, type AnyInboxSigner } from './signer.ts'

const key = `0x${'11'.repeat(32)}` as const
const account = privateKeyToAccount(key)
const identifier = { identifier: account.address, identifierKind: IdentifierKind.Ethereum }
const text = 'What is signed.'

const open = (signer: AnyInboxSigner) => toInboxSigner(signer, v3.noChains)

/** A wallet of node-sdk's shape that spells its signatures in its own way. */
const spelling = (change: (signature: Uint8Array) => Uint8Array | string): AnyInboxSigner => ({
  type: 'EOA',
  getIdentifier: () => identifier,
  async signMessage(message: string) {
    return change(
      bytesFromHex((await account.signMessage({ message })).slice(2)) ?? new Uint8Array(),
    )
  },
})

const withLast = (signature: Uint8Array, change: (v: number) => number) => {
  const copy = signature.slice()
  copy[64] = change(copy[64] ?? 0)
  return copy
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (error) {
    if (error instanceof XmtpError) return error.code
    throw error
  }
  return 'resolved'
}

describe('one account, however it signs', () => {
  const signers: Record<string, AnyInboxSigner> = {
    'a private key': key,
    'its bytes': bytesFromHex(key.slice(2)) ?? new Uint8Array(),
    ethers: new Wallet(key),
    viem: account,
    'node-sdk, bytes': spelling((signature) => signature),
    'node-sdk, hex': spelling((signature) => `0x${bytesToHex(signature)}`),
    'v from 0': spelling((signature) => withLast(signature, (v) => v - 27)),
    'v of EIP-155': spelling((signature) => withLast(signature, (v) => v - 27 + 37)),
    'high s': spelling((signature) => withLast(otherS(signature, 'secp256k1'), (v) => 55 - v)),
  }

  it.each(Object.entries(signers))('%s', async (_name, signer) => {
    const { identifier, sign } = await open(signer)
    expect(identifier).toEqual(v3.ethereumIdentifier(account.address))
    const signature = await sign(text)
    expect(bytesToHex(signature.bytes)).toBe(
      (await account.signMessage({ message: text })).slice(2),
    )
    expect(v3.verifySignature(text, signature)).toMatchObject({
      signer: identifier,
      isCanonical: true,
    })
  })
})

describe('signers that cannot be used are told apart', () => {
  const other = privateKeyToAccount(`0x${'22'.repeat(32)}`)
  const signers: readonly (readonly [string, AnyInboxSigner])[] = [
    [
      'client.signer.wrongAccount',
      {
        type: 'EOA',
        getIdentifier: () => identifier,
        signMessage: (message: string) => other.signMessage({ message }),
      },
    ],
    ['client.signer.notExternallyOwned', spelling((signature) => signature.slice(0, 40))],
    [
      'client.signer.refused',
      {
        type: 'EOA',
        getIdentifier: () => identifier,
        signMessage: () => Promise.reject(new Error('denied')),
      },
    ],
    [
      'client.signer.unusable',
      {
        type: 'EOA',
        getIdentifier: () => ({
          identifier: `02${'11'.repeat(32)}`,
          identifierKind: IdentifierKind.Passkey,
        }),
        signMessage: () => new Uint8Array(),
      },
    ],
    [
      'v3.identity.identifier.malformed',
      {
        type: 'EOA',
        getIdentifier: () => ({ identifier: 'x', identifierKind: IdentifierKind.Ethereum }),
        signMessage: () => new Uint8Array(),
      },
    ],
    [
      'v3.identity.contract.notConfigured',
      {
        type: 'SCW',
        getIdentifier: () => identifier,
        getChainId: () => 1n,
        signMessage: () => new Uint8Array(65),
      },
    ],
  ]

  it.each(signers)('%s', async (code, signer) => {
    expect(await codeOf(open(signer).then(({ sign }) => sign(text)))).toBe(code)
  })
})

it('an installation signs as itself', async () => {
  const secret = new Uint8Array(32).fill(3)
  const { identifier, sign } = installationSigner(secret)
  expect(v3.verifySignature(text, await sign(text)).signer).toEqual(identifier)
})
