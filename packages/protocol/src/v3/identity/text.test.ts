import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ethereumIdentifier, type MemberIdentifier } from './identifier.ts'
import { identityUpdateText } from './text.ts'

const first = ethereumIdentifier(`0x${'1'.repeat(40)}`)
const second = ethereumIdentifier(`0x${'2'.repeat(40)}`)
const app: MemberIdentifier = { kind: 'installation', key: Uint8Array.of(1, 2, 255) }
const key = {
  kind: 'passkey',
  key: Uint8Array.of(2, 0xab),
  relyingParty: 'https://app.example',
} as const

describe('the signed text (v3-mls §1.3)', () => {
  it('has a block for each action', () => {
    const text = identityUpdateText({
      inboxId: 'abc',
      clientTimestampNs: 1_795_228_728_999_999_999n,
      actions: [
        { kind: 'createInbox', identifier: first, nonce: 7n },
        { kind: 'add', member: second },
        { kind: 'add', member: app },
        { kind: 'add', member: key },
        { kind: 'revoke', member: second },
        { kind: 'revoke', member: app },
        { kind: 'revoke', member: key },
        { kind: 'changeRecovery', identifier: second },
        { kind: 'changeRecovery', identifier: key },
      ],
    })
    expect(text).toBe(
      `XMTP : Authenticate to inbox

Inbox ID: abc
Current time: 2026-11-21T02:38:48Z

- Create inbox
  (Owner: ${first.address})
- Link address to inbox
  (Address: ${second.address})
- Grant messaging access to app
  (ID: 0102ff)
- Link passkey to inbox
  (Passkey: 02ab)
- Unlink address from inbox
  (Address: ${second.address})
- Revoke messaging access from app
  (ID: 0102ff)
- Unlink passkey from inbox
  (Passkey: 02ab)
- Change inbox recovery address
  (Address: ${second.address})
- Change inbox recovery address
  (Address: 02ab)

For more info: https://xmtp.org/signatures`,
    )
  })

  const timeOf = (clientTimestampNs: bigint) =>
    /Current time: (.*)/.exec(
      identityUpdateText({ inboxId: '', clientTimestampNs, actions: [] }),
    )?.[1]

  it('shows whole seconds, rounded down, as a calendar does', () => {
    expect(timeOf(0n)).toBe('1970-01-01T00:00:00Z')
    expect(timeOf(999_999_999n)).toBe('1970-01-01T00:00:00Z')
    expect(timeOf(951_782_399_000_000_000n)).toBe('2000-02-28T23:59:59Z')
    expect(timeOf(951_782_400_000_000_000n)).toBe('2000-02-29T00:00:00Z')
    expect(timeOf(2n ** 63n - 1n)).toBe('2262-04-11T23:47:16Z')
  })

  it('reads the upper half of the range as times before 1970, as libxmtp does', () => {
    expect(timeOf(2n ** 64n - 1n)).toBe('1969-12-31T23:59:59Z')
    expect(timeOf(2n ** 63n)).toBe('1677-09-21T00:12:43Z')
  })

  it('agrees with the calendar of the platform', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (timestampNs) => {
        const signed = BigInt.asIntN(64, timestampNs)
        const milliseconds = Number(
          (signed - (((signed % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n,
        )
        const expected = new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z')
        expect(timeOf(timestampNs)).toBe(expected)
      }),
      { numRuns: 500 },
    )
  })
})
