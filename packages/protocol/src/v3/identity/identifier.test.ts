import { describe, expect, it } from 'vitest'
import {
  equalMembers,
  ethereumIdentifier,
  identifierText,
  installationIdentifier,
  isCanonicalIdentifier,
  memberKey,
  parseIdentifier,
  parseInboxId,
  passkeyIdentifier,
} from './identifier.ts'
import { formatAccountId, isCanonicalAccountId, parseAccountId } from './account-id.ts'

const address = `0x${'aB'.repeat(20)}`
const compressed = Uint8Array.of(3, ...new Uint8Array(32).fill(7))

describe('identifiers', () => {
  it('of wallets are lower case, whatever came', () => {
    expect(ethereumIdentifier(address)).toEqual({
      kind: 'ethereum',
      address: address.toLowerCase(),
    })
    expect(parseIdentifier(address, 'ethereum')).toEqual(ethereumIdentifier(address))
    for (const text of [
      '',
      '0x',
      address.slice(1),
      `${address}0`,
      ` ${address}`,
      address.replace('a', 'g'),
    ])
      expect(() => ethereumIdentifier(text)).toThrow(/identifier\.malformed/)
  })

  it('of passkeys are points, equal whatever the relying party', () => {
    const [a, b] = [passkeyIdentifier(compressed, 'https://a'), passkeyIdentifier(compressed)]
    expect(equalMembers(a, b)).toBe(true)
    expect(parseIdentifier(identifierText(a).toUpperCase(), 'passkey')).toEqual(b)
    for (const key of [new Uint8Array(), compressed.with(0, 4), compressed.slice(1)])
      expect(() => passkeyIdentifier(key)).toThrow(/identifier\.malformed/)
    expect(() => parseIdentifier('zz', 'passkey')).toThrow(/identifier\.malformed/)
  })

  it('of installations have 32 bytes', () => {
    expect(installationIdentifier(new Uint8Array(32)).kind).toBe('installation')
    expect(() => installationIdentifier(new Uint8Array(31))).toThrow(/identifier\.malformed/)
  })

  it('of different kinds are never the same member', () => {
    const key = new Uint8Array(32)
    const app = installationIdentifier(key)
    expect(equalMembers(app, { kind: 'passkey', key, relyingParty: undefined })).toBe(false)
    expect(memberKey(app)).toBe(`installation:${'00'.repeat(32)}`)
  })

  it('are canonical when they can sign and have one spelling', () => {
    expect(isCanonicalIdentifier(ethereumIdentifier(address))).toBe(true)
    expect(isCanonicalIdentifier({ kind: 'ethereum', address })).toBe(false)
    expect(isCanonicalIdentifier(passkeyIdentifier(compressed))).toBe(true)
    expect(isCanonicalIdentifier({ kind: 'installation', key: new Uint8Array(3) })).toBe(false)
  })
})

describe('inbox ids', () => {
  it('are 64 lower-case hex digits', () => {
    expect(parseInboxId('0a'.repeat(32))).toBe('0a'.repeat(32))
    for (const text of ['', '0A'.repeat(32), '0a'.repeat(31), `${'0a'.repeat(32)}\n`])
      expect(() => parseInboxId(text)).toThrow(/inboxId\.malformed/)
  })
})

describe('account ids (CAIP-10)', () => {
  it('name a chain and an address', () => {
    const account = parseAccountId(`eip155:8453:${address}`)
    expect(account).toMatchObject({ chainId: 8453n, address: address.toLowerCase() })
    expect(formatAccountId(account)).toBe(`eip155:8453:${address.toLowerCase()}`)
    expect(isCanonicalAccountId(account)).toBe(true)
    expect(isCanonicalAccountId(parseAccountId(`eip155:08453:${address}`))).toBe(false)
  })

  it.each([
    '',
    address,
    `eip155:${address}`,
    `eip155::${address}`,
    `eip155:1:${address}:1`,
    `solana:1:${address}`,
    `eip155:x:${address}`,
    `eip155:18446744073709551616:${address}`,
    'eip155:1:0x12',
  ])('%s is none', (text) => {
    expect(() => parseAccountId(text)).toThrow(/accountId\.malformed/)
  })
})
