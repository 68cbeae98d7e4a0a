import type { Address } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import { clientOf, parseTrustedProxies, type Client } from './client.ts'
import { createLimiter } from './limiter.ts'

const someone: Client = { address: '203.0.113.7', isLoopback: false }

function limiter(options: { reads?: number; writes?: number; countsLoopback?: boolean } = {}) {
  let nowMs = 0
  const made = createLimiter({
    readsPerWindow: options.reads ?? 600,
    writesPerWindow: options.writes ?? 300,
    countsLoopback: options.countsLoopback ?? false,
    nowMs: () => nowMs,
  })
  return { made, pass: (ms: number) => (nowMs += ms) }
}

function allowed(call: () => void): boolean {
  try {
    call()
    return true
  } catch {
    return false
  }
}

describe('the limiter', () => {
  it('B1: refills for clients that call often', () => {
    const { made, pass } = limiter({ reads: 600 })
    const read = () => made.spend(someone, { kind: 'read', cost: 1 })
    for (let index = 0; index < 700; index += 1) allowed(read)
    expect(allowed(read)).toBe(false)
    // 600 in five minutes are two a second; called ten times a second for a minute, 120 must pass.
    let passed = 0
    for (let index = 0; index < 600; index += 1) {
      pass(100)
      if (allowed(read)) passed += 1
    }
    expect(passed).toBeGreaterThanOrEqual(119)
    expect(passed).toBeLessThanOrEqual(121)
  })

  it('B20: says in the words of the reference what is used up, and when to come back', () => {
    const { made } = limiter({ writes: 300 })
    made.spend(someone, { kind: 'write', cost: 300 })
    expect(() => made.spend(someone, { kind: 'write', cost: 5 })).toThrow(
      expect.objectContaining({
        code: 'node.limit.exceeded',
        details: { text: '5 exceeds rate limit R203.0.113.7PUB', retryAfterSeconds: 5 },
      }),
    )
  })

  it('counts reads and writes, addresses and wallets apart, all or nothing', () => {
    const { made } = limiter({ reads: 2, writes: 2 })
    const wallet = '0x1' as Address
    made.spend(someone, { kind: 'write', cost: 2 })
    made.spend(someone, { kind: 'read', cost: 1 })
    expect(allowed(() => made.spend(someone, { kind: 'read', cost: 2 }))).toBe(false)
    expect(allowed(() => made.spend(someone, { kind: 'read', cost: 1 }))).toBe(true)
    made.spendOfWallet(wallet, { client: someone, kind: 'write', cost: 2 })
    expect(
      allowed(() => made.spendOfWallet(wallet, { client: someone, kind: 'write', cost: 1 })),
    ).toBe(false)
    expect(allowed(() => made.spend(someone, { kind: 'write', cost: 0 }))).toBe(true)
  })

  it('counts this machine only when told to', () => {
    const local: Client = { address: '127.0.0.1', isLoopback: true }
    const use = { kind: 'read', cost: 3 } as const
    expect(allowed(() => limiter({ reads: 2 }).made.spend(local, use))).toBe(true)
    const { made } = limiter({ reads: 2, countsLoopback: true })
    expect(allowed(() => made.spend(local, use))).toBe(false)
  })

  it('forgets clients that are full again', () => {
    const { made, pass } = limiter()
    for (let index = 0; index < 1000; index += 1)
      made.spend({ address: `10.0.0.${index}`, isLoopback: false }, { kind: 'read', cost: 1 })
    expect(made.buckets).toBe(1000)
    pass(300_000)
    made.spend(someone, { kind: 'read', cost: 1 })
    expect(made.buckets).toBe(1)
  })
})

describe('the client behind a connection', () => {
  const trusted = parseTrustedProxies(['10.0.0.0/8', '127.0.0.1', 'fd00::/8'])
  const address = (peer: string | undefined, forwardedFor?: string) =>
    clientOf(peer, { forwardedFor, trusted }).address

  it.each([
    ['the peer, when nobody forwards', '203.0.113.7', undefined, '203.0.113.7'],
    ['the peer, when it is not trusted (B2)', '203.0.113.7', '1.1.1.1', '203.0.113.7'],
    ['the right-most untrusted one', '127.0.0.1', '6.6.6.6, 1.1.1.1, 10.1.2.3', '1.1.1.1'],
    ['the last trusted one, when the next is no address', '10.0.0.1', 'nonsense', '10.0.0.1'],
    ['an IPv4 one with a port', '127.0.0.1', '1.2.3.4:5678', '1.2.3.4'],
    ['the IPv4 one inside an IPv6 one', '::ffff:203.0.113.7', undefined, '203.0.113.7'],
    ['the /64 of an IPv6 one (B3)', '2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2::/64'],
    ['another /64 (B3)', '2001:db8:1:3::1', undefined, '2001:db8:1:3::/64'],
    ['a bracketed IPv6 one', 'fd00::1', '[2001:db8::1]:80', '2001:db8::/64'],
    ['unknown without a peer', undefined, '1.1.1.1', 'unknown'],
  ])('is %s', (_, peer, forwardedFor, expected) => {
    expect(address(peer, forwardedFor)).toBe(expected)
  })

  it('knows this machine', () => {
    for (const peer of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])
      expect(clientOf(peer, { forwardedFor: undefined, trusted: [] }).isLoopback).toBe(true)
    expect(clientOf('127.0.0.1', { forwardedFor: '1.1.1.1', trusted }).isLoopback).toBe(false)
    // A proxy that was not configured must not lift the limits of everybody behind it.
    expect(clientOf('127.0.0.1', { forwardedFor: '1.1.1.1', trusted: [] }).isLoopback).toBe(false)
  })

  it('refuses what is no network', () => {
    expect(() => parseTrustedProxies(['10.0.0.0/99'])).toThrow('is no network')
  })
})
