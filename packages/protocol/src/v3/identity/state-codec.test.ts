import { AssociationState as WireState } from '@xmtp-ts/proto/identity/associations/association'
import { describe, expect, it } from 'vitest'
import { ethereumIdentifier, memberKey, parseInboxId, passkeyIdentifier } from './identifier.ts'
import { addSeen, hasSeenAnySpelling, hasSeenBytes, noSignatures } from './seen.ts'
import { decodeAssociationState, encodeAssociationState } from './state-codec.ts'
import type { AssociationState } from './state.ts'

const owner = ethereumIdentifier(`0x${'1'.repeat(40)}`)
const key = passkeyIdentifier(Uint8Array.of(2, ...new Uint8Array(32)), 'https://app.example')
const signature = (byte: number) => ({
  replayBytes: new Uint8Array(65).fill(byte),
  canonicalBytes: new Uint8Array(64).fill(byte),
})

const state: AssociationState = {
  inboxId: parseInboxId('0a'.repeat(32)),
  members: new Map([
    [
      memberKey(owner),
      { identifier: owner, addedBy: undefined, clientTimestampNs: undefined, addedOnChainId: 0n },
    ],
    [
      memberKey(key),
      {
        identifier: key,
        addedBy: owner,
        clientTimestampNs: 2n ** 64n - 1n,
        addedOnChainId: undefined,
      },
    ],
  ]),
  recovery: key,
  seenSignatures: addSeen(noSignatures, [signature(1), signature(2)]),
  updateCount: 3,
}

describe('a stored state', () => {
  it('comes back as it was, with absent and zero told apart', () => {
    expect(decodeAssociationState(encodeAssociationState(state))).toEqual(state)
  })

  it.each([
    ['nothing', {}],
    ['no inbox', { inboxId: 'x' }],
    ['no updates', { updateCount: 0 }],
    ['half a record', { seenSignatureRecords: new Uint8Array(33) }],
    ['signatures of the published form', { seenSignatures: [new Uint8Array(65)] }],
    ['a member without an identifier', { members: [{ key: undefined, value: undefined }] }],
    ['a recovery passkey that is no hex', { recoveryIdentifier: 'zz' }],
  ])('with %s is refused', (name, change) => {
    const wire = WireState.decode(encodeAssociationState(state))
    const bytes =
      name === 'nothing' ? new Uint8Array() : WireState.encode({ ...wire, ...change }).finish()
    expect(() => decodeAssociationState(bytes)).toThrow(/state\.malformed/)
  })
})

describe('the set of seen signatures', () => {
  it('holds 32 bytes for each, once', () => {
    expect(state.seenSignatures).toHaveLength(64)
    const one = signature(1)
    expect(addSeen(state.seenSignatures, [one, one])).toHaveLength(64)
    const three = signature(3)
    expect(addSeen(state.seenSignatures, [three, three])).toHaveLength(96)
  })

  it('finds the same bytes, and other spellings of them, and nothing else', () => {
    const respelled = { ...signature(2), replayBytes: new Uint8Array(65).fill(9) }
    expect(hasSeenBytes(state.seenSignatures, signature(2))).toBe(true)
    expect(hasSeenBytes(state.seenSignatures, respelled)).toBe(false)
    expect(hasSeenAnySpelling(state.seenSignatures, respelled)).toBe(true)
    expect(hasSeenAnySpelling(state.seenSignatures, signature(3))).toBe(false)
    // What was seen as canonical bytes was not seen as the bytes themselves: the halves are not mixed up.
    const crossed = {
      replayBytes: signature(1).canonicalBytes,
      canonicalBytes: signature(1).replayBytes,
    }
    expect(hasSeenBytes(state.seenSignatures, crossed)).toBe(false)
    expect(hasSeenAnySpelling(state.seenSignatures, crossed)).toBe(false)
  })
})
