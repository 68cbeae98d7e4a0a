import { XmtpError, type Address } from '@xmtp-ts/protocol'
import { describe, expect, it, vi } from 'vitest'
import { createAuthorizer, type AuthorizerOptions } from './authorizer.ts'

const wallet = '0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf' as Address
const contact = `/xmtp/0/contact-${wallet}/proto`
const store = `/xmtp/0/privatestore-${wallet}/key_bundle/proto`
const message = '/xmtp/0/m-1/proto'
const header = `Bearer ${Buffer.from('token').toString('base64')}`

function authorizer(changes: Partial<AuthorizerOptions> = {}) {
  return createAuthorizer({
    tokens: 'owned',
    privilegedWallets: new Set(),
    deniedWallets: new Set(),
    deniedAddresses: new Set(),
    nowNs: () => 0n,
    verifyToken: () => wallet,
    ...changes,
  })
}

const failing = (call: () => unknown): { code: string; text: unknown } | undefined => {
  try {
    call()
    return undefined
  } catch (error) {
    const { code, details } = error as XmtpError
    return { code, text: details['text'] }
  }
}

describe('topics of an owner', () => {
  it('take envelopes of their owner, and of nobody else', () => {
    const { checkTopics } = authorizer()
    checkTopics(wallet, [contact, store, message])
    const restricted = { code: 'node.auth.restrictedTopic', text: 'publishing to restricted topic' }
    const other = '/xmtp/0/contact-0x0000000000000000000000000000000000000001/proto'
    // All or nothing, and the case of the address counts (node-api §4).
    expect(failing(() => checkTopics(wallet, [message, contact, other]))).toEqual(restricted)
    expect(failing(() => checkTopics(wallet, [contact.toLowerCase()]))).toEqual(restricted)
  })

  it('need a token; others do only when all do', () => {
    const missing = { code: 'node.auth.missing', text: 'authorization token is not provided' }
    expect(failing(() => authorizer().checkTopics(undefined, [store]))).toEqual(missing)
    expect(failing(() => authorizer().checkTopics(undefined, [message]))).toBeUndefined()
    const all = authorizer({ tokens: 'all' })
    expect(failing(() => all.checkTopics(undefined, [message]))).toEqual(missing)
    const off = authorizer({ tokens: 'off' })
    expect(failing(() => off.checkTopics(undefined, [store]))).toBeUndefined()
  })

  it('are open to privileged wallets', () => {
    const privileged = '0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF' as Address
    const { checkTopics } = authorizer({ privilegedWallets: new Set([privileged]) })
    expect(failing(() => checkTopics(privileged, [contact]))).toBeUndefined()
  })
})

describe('the authorization header', () => {
  it.each([
    ['Bearer', 'invalid authorization header'],
    ['Bearer a b', 'invalid authorization header'],
    ['bearer AAAA', 'unrecognized authorization scheme bearer'],
    ['Bearer !!!!', 'extracting token: illegal base64 data'],
    ['Bearer AAA', 'extracting token: illegal base64 data'],
    [`Bearer ${'A'.repeat(8000)}`, 'invalid authorization header'],
  ])('%s is refused', (authorization, text) => {
    expect(failing(() => authorizer().walletOf(authorization))).toEqual({
      code: 'token.malformed',
      text,
    })
  })

  it('is verified, with the texts of the reference', () => {
    const verifyToken = (): Address => {
      throw new XmtpError('token.expired', 'old')
    }
    expect(failing(() => authorizer({ verifyToken }).walletOf(header))).toEqual({
      code: 'token.expired',
      text: 'validating token: token expired',
    })
  })

  it('is verified once for a burst, and again after a minute', () => {
    const verifyToken = vi.fn(() => wallet)
    let nowNs = 0n
    const { walletOf } = authorizer({ verifyToken, nowNs: () => nowNs })
    for (let index = 0; index < 10; index += 1) expect(walletOf(header)).toBe(wallet)
    expect(verifyToken).toHaveBeenCalledTimes(1)
    nowNs = 61_000_000_000n
    walletOf(header)
    expect(verifyToken).toHaveBeenCalledTimes(2)
  })

  it('may be missing', () => {
    expect(authorizer().walletOf(undefined)).toBeUndefined()
  })
})

it('refuses wallets and addresses on the lists', () => {
  const { walletOf, checkClient } = authorizer({
    deniedWallets: new Set([wallet.toLowerCase()]),
    deniedAddresses: new Set(['203.0.113.7']),
  })
  expect(failing(() => walletOf(header))?.text).toBe('wallet is deny listed')
  const denied = { address: '203.0.113.7', isLoopback: false }
  expect(failing(() => checkClient(denied))?.text).toBe('request blocked')
})
