import {
  IdentifierKind,
  IdentityUpdate as WireUpdate,
  type IdentityAction as WireAction,
} from '@xmtp-ts/proto/identity/associations/association'
import { describe, expect, it } from 'vitest'
import { maxIdentityUpdateBytes } from '../../limits.ts'
import { parseAccountId } from './account-id.ts'
import { ethereumIdentifier, installationIdentifier, passkeyIdentifier } from './identifier.ts'
import type { IdentitySignature } from './signature.ts'
import { encodeIdentityUpdate, parseIdentityUpdate, type IdentityUpdate } from './update.ts'

const wallet = ethereumIdentifier(`0x${'1'.repeat(40)}`)
const app = installationIdentifier(new Uint8Array(32).fill(3))
const key = passkeyIdentifier(Uint8Array.of(2, ...new Uint8Array(32)), 'https://app.example')
const bytes = Uint8Array.of(1, 2, 3)

const signatures: readonly IdentitySignature[] = [
  { kind: 'erc191', bytes },
  {
    kind: 'erc1271',
    account: parseAccountId(`eip155:10:0x${'Ab'.repeat(20)}`),
    blockNumber: 2n ** 64n - 1n,
    bytes,
  },
  { kind: 'installation', publicKey: app.key, bytes },
  {
    kind: 'legacy',
    delegatedKey: {
      keyBytes: bytes,
      signature: { union: { $case: 'ecdsaCompact', value: { bytes, recovery: 1 } } },
    },
    bytes,
  },
  { kind: 'passkey', publicKey: key.key, bytes, authenticatorData: bytes, clientDataJson: bytes },
]

function updateWith(signature: IdentitySignature): IdentityUpdate {
  return {
    inboxId: '0a'.repeat(32),
    clientTimestampNs: 2n ** 64n - 1n,
    actions: [
      { kind: 'createInbox', identifier: wallet, nonce: 2n ** 64n - 1n, signature },
      { kind: 'createInbox', identifier: key, nonce: 0n, signature },
      { kind: 'add', member: app, existingSignature: signature, newSignature: signature },
      { kind: 'add', member: key, existingSignature: signature, newSignature: signature },
      { kind: 'revoke', member: wallet, signature },
      { kind: 'revoke', member: key, signature },
      { kind: 'changeRecovery', identifier: wallet, signature },
      { kind: 'changeRecovery', identifier: key, signature },
    ],
  }
}

describe('identity updates on the wire', () => {
  it.each(signatures)('come back as they were, signed by $kind', (signature) => {
    const update = updateWith(signature)
    expect(parseIdentityUpdate(encodeIdentityUpdate(update))).toEqual(update)
  })

  it('carry the relying party of a passkey beside it, as libxmtp does', () => {
    const { actions } = WireUpdate.decode(encodeIdentityUpdate(updateWith(signatures[0]!)))
    const parties = actions.map(
      ({ kind }) =>
        (kind !== undefined && 'relyingParty' in kind.value && kind.value.relyingParty) || 0,
    )
    const party = 'https://app.example'
    expect(parties).toEqual([0, party, 0, party, 0, 0, 0, party])
  })

  it('lose what no schema knows when they are written again', () => {
    const encoded = encodeIdentityUpdate(updateWith(signatures[0]!))
    // A tag of 0 is an error to libxmtp; the decoder here stops at it. Field 15 is unknown to both.
    for (const junk of [Uint8Array.of(0, 1, 2, 3), Uint8Array.of(0x7a, 1, 9)]) {
      const update = parseIdentityUpdate(Uint8Array.of(...encoded, ...junk))
      expect(encodeIdentityUpdate(update)).toEqual(encoded)
    }
  })

  it('have a length limit', () => {
    expect(() => parseIdentityUpdate(new Uint8Array(maxIdentityUpdateBytes + 1))).toThrow(
      /update\.tooLong/,
    )
    const longest = new Uint8Array(maxIdentityUpdateBytes).fill(0xff)
    expect(() => parseIdentityUpdate(longest)).toThrow(/update\.malformed/)
  })

  const [revoke] = WireUpdate.decode(
    encodeIdentityUpdate(updateWith(signatures[0]!)),
  ).actions.slice(4)
  const broken: readonly [string, WireAction, RegExp][] = [
    ['an action of no kind', { kind: undefined }, /update\.malformed/],
    [
      'a member of no kind',
      {
        kind: {
          $case: 'revoke',
          value: { memberToRevoke: { kind: undefined }, recoveryIdentifierSignature: undefined },
        },
      },
      /update\.malformed/,
    ],
    [
      'no signature',
      {
        kind: {
          $case: 'revoke',
          value: {
            memberToRevoke: { kind: { $case: 'ethereumAddress', value: '' } },
            recoveryIdentifierSignature: undefined,
          },
        },
      },
      /signature\.malformed/,
    ],
    [
      'a signature of no kind',
      {
        kind: {
          $case: 'revoke',
          value: {
            memberToRevoke: { kind: { $case: 'ethereumAddress', value: '' } },
            recoveryIdentifierSignature: { signature: undefined },
          },
        },
      },
      /signature\.malformed/,
    ],
    [
      'half a delegated signature',
      {
        kind: {
          $case: 'revoke',
          value: {
            memberToRevoke: { kind: { $case: 'ethereumAddress', value: '' } },
            recoveryIdentifierSignature: {
              signature: {
                $case: 'delegatedErc191',
                value: { delegatedKey: undefined, signature: { bytes } },
              },
            },
          },
        },
      },
      /signature\.malformed/,
    ],
    [
      'a passkey that is no hex',
      {
        kind: {
          $case: 'createInbox',
          value: {
            initialIdentifier: 'zz',
            initialIdentifierKind: IdentifierKind.IDENTIFIER_KIND_PASSKEY,
            initialIdentifierSignature: undefined,
            nonce: 0n,
          },
        },
      },
      /update\.malformed/,
    ],
  ]

  it.each(broken)('with %s are refused', (_name, action, code) => {
    const wire = { inboxId: '', clientTimestampNs: 0n, actions: [revoke!, action] }
    expect(() => parseIdentityUpdate(WireUpdate.encode(wire).finish())).toThrow(code)
  })

  it('name a wallet in whatever kind libxmtp does not know', () => {
    const { actions } = WireUpdate.decode(encodeIdentityUpdate(updateWith(signatures[0]!)))
    const [create] = actions
    if (create?.kind?.$case !== 'createInbox') throw new Error('The first action creates.')
    const { IDENTIFIER_KIND_UNSPECIFIED, IDENTIFIER_KIND_ETHEREUM, UNRECOGNIZED } = IdentifierKind
    for (const initialIdentifierKind of [
      IDENTIFIER_KIND_UNSPECIFIED,
      IDENTIFIER_KIND_ETHEREUM,
      UNRECOGNIZED,
    ]) {
      const value = { ...create.kind.value, initialIdentifierKind }
      const action: WireAction = { kind: { $case: 'createInbox', value } }
      const wire = { inboxId: '', clientTimestampNs: 0n, actions: [action] }
      const [read] = parseIdentityUpdate(WireUpdate.encode(wire).finish()).actions
      expect(read).toMatchObject({ kind: 'createInbox', identifier: wallet })
    }
  })
})
