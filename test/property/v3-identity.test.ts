import { attempt, v3, XmtpError } from '@xmtp-ts/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compose,
  contract,
  installation,
  legacyKey,
  passkey,
  verify,
  wallet,
  type Actor,
  type Step,
} from '../vectors/v3/actors.ts'
import { bytes, captures, hex, vectors } from '../vectors/v3/vectors.ts'

/** Real messages, cut and altered: bytes that get further into a decoder than random ones. */
const updates = captures.flatMap(({ timeline }) =>
  timeline.flatMap((event) => (event.t === 'identity_update' ? [bytes(event.bytes)] : [])),
)
const states = updates
  .map((update) =>
    attempt(() =>
      v3.applyIdentityUpdate(undefined, v3.verifyIdentityUpdate(v3.parseIdentityUpdate(update))),
    ),
  )
  .flatMap((result) => (result.ok ? [v3.encodeAssociationState(result.value)] : []))
const entries = vectors<{ entry: string }[]>('commit-log').map(({ entry }) => bytes(entry))
const otherKinds = v3.encodeIdentityUpdate(
  compose({
    inboxId: 'a'.repeat(64),
    clientTimestampNs: 5n,
    steps: [contract(0), passkey(0), legacyKey(wallet(0))].map((actor) => ({
      kind: 'revoke',
      member: actor.identifier,
      by: [actor],
    })),
  }),
)

function damaged(originals: readonly Uint8Array[]) {
  return fc
    .tuple(
      fc.constantFrom(...originals),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.nat(),
      fc.boolean(),
    )
    .map(([original, changes, cut, shorten]) => {
      const copy = original.slice(0, shorten ? cut % original.length : original.length)
      for (const [place, value] of changes) if (copy.length > 0) copy[place % copy.length] = value
      return copy
    })
}

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  damaged([...updates, ...states, ...entries, otherKinds]),
)

const decoders: Record<string, (input: Uint8Array) => unknown> = {
  'identity update': (input) => {
    const update = v3.parseIdentityUpdate(input)
    const verified = verify(update)
    v3.applyIdentityUpdate(undefined, verified)
    return v3.admitIdentityUpdate(undefined, verified)
  },
  'association state': (input) => v3.decodeAssociationState(input),
  plaintext: v3.parsePlaintext,
  'binary topic': v3.parseBinaryTopic,
  'commit log entry': (input) =>
    v3.verifyCommitLogEntry(
      { bytes: input, signature: { bytes: input.slice(0, 64), publicKey: input.slice(0, 32) } },
      input,
    ),
  'wallet signature': (input) => v3.verifySignature('text', { kind: 'erc191', bytes: input }),
  'passkey signature': (input) =>
    v3.verifySignature('text', { ...passkey(0).sign('text'), bytes: input }),
  'client data': (input) =>
    v3.verifySignature('text', { ...passkey(0).sign('text'), clientDataJson: input }),
  'V2 key': (input) =>
    v3.verifySignature('text', {
      ...legacyKey(wallet(0)).sign('text'),
      delegatedKey: { keyBytes: input, signature: undefined },
    }),
}

describe('any bytes give a value or an XmtpError', () => {
  it.each(Object.entries(decoders))('%s', (_name, decode) => {
    fc.assert(
      fc.property(anyBytes, (input) => {
        attempt(() => decode(input)) // any other error passes through `attempt` and fails the test
      }),
      { numRuns: 300 },
    )
  })

  it('nested groups, a classic of hostile protobuf', () => {
    const groups = new Uint8Array(200_000).fill(0x0b)
    for (const decode of Object.values(decoders))
      expect(attempt(() => decode(groups)).ok).toBe(false)
  })

  it('any text is an inbox id, an identifier, an account, a topic, or is not', () => {
    const shaped = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((tail) => `0x${tail}`),
      fc.string().map((tail) => `eip155:${tail}`),
      fc.string().map((tail) => `/xmtp/mls/1/g-${tail}/proto`),
    )
    fc.assert(
      fc.property(shaped, (text) => {
        for (const parse of [
          v3.parseInboxId,
          v3.parseAccountId,
          v3.parseMlsTopic,
          () => v3.parseIdentifier(text, 'ethereum'),
          () => v3.parseIdentifier(text, 'passkey'),
        ]) {
          const result = attempt(() => parse(text))
          expect(result.ok || result.error instanceof XmtpError).toBe(true)
        }
      }),
    )
  })

  it('topics go there and back', () => {
    const subject = fc.oneof(
      fc.record({
        kind: fc.constant('group' as const),
        id: fc.uint8Array({ minLength: 1, maxLength: 255 }),
      }),
      fc.record({
        kind: fc.constant('welcome' as const),
        id: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      }),
    )
    fc.assert(
      fc.property(subject, (topic) => {
        expect(v3.parseMlsTopic(v3.mlsTopic(topic))).toEqual(topic)
        expect(v3.parseBinaryTopic(v3.binaryTopic(topic))).toEqual(topic)
      }),
    )
  })
})

describe('any sequence of actions', () => {
  const owner = wallet(0)
  const actors: readonly Actor[] = [
    owner,
    wallet(1),
    wallet(2),
    contract(0),
    passkey(0),
    installation(0),
    installation(1),
    installation(2),
    legacyKey(owner),
  ]
  const anyActor = fc.constantFrom(...actors)
  const step: fc.Arbitrary<Step> = fc
    .record({ kind: fc.nat(9), who: anyActor, whom: anyActor, byWhom: anyActor, honest: fc.nat(7) })
    .map(({ kind, who, whom, byWhom, honest }): Step => {
      const { identifier } = whom
      // Mostly the owner and the right new member sign, or hardly any update would get in.
      const first = honest > 1 ? owner : who
      if (kind < 6)
        return { kind: 'add', member: identifier, by: [first, honest > 0 ? whom : byWhom] }
      if (kind < 8) return { kind: 'revoke', member: identifier, by: [first] }
      if (kind === 8 && identifier.kind !== 'installation')
        return { kind: 'changeRecovery', identifier, by: [first] }
      return { kind: 'createInbox', identifier: owner.identifier, nonce: 0n, by: [first] }
    })
  const log = fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 12 })

  it('keeps what must hold', () => {
    const seen = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(log, (stepsOfUpdates) => {
        const inboxId = v3.deriveInboxId(owner.identifier, 0n)
        const accepted: v3.VerifiedIdentityUpdate[] = []
        let state: v3.AssociationState | undefined
        const creation: Step = {
          kind: 'createInbox',
          identifier: owner.identifier,
          nonce: 0n,
          by: [owner],
        }
        for (const [index, steps] of [[creation], ...stepsOfUpdates].entries()) {
          const clientTimestampNs = BigInt(index + 1) * 1_000_000_000n
          const update = verify(compose({ inboxId, clientTimestampNs, steps }))
          const before: v3.AssociationState | undefined = state
          const result = attempt(() => v3.admitIdentityUpdate(before, update))
          seen[result.ok ? 'accepted' : 'refused'] += 1
          if (!result.ok) continue
          const after = result.value
          accepted.push(update)
          expectInvariants(before, after, update)
          // The stored state is as good as the log.
          state = v3.decodeAssociationState(v3.encodeAssociationState(after))
          expect(hex(v3.encodeAssociationState(state))).toBe(hex(v3.encodeAssociationState(after)))
          for (const rule of [v3.applyIdentityUpdate, v3.admitIdentityUpdate])
            expect(attempt(() => rule(after, update)).ok).toBe(false)
        }
        expect(state).toEqual(v3.replayIdentityLog(accepted))
      }),
      { numRuns: 25, seed: 46 },
    )
    // The sequences reach both sides of the rules.
    expect(seen.accepted).toBeGreaterThan(60)
    expect(seen.refused).toBeGreaterThan(60)
  })

  function expectInvariants(
    before: v3.AssociationState | undefined,
    after: v3.AssociationState,
    update: v3.VerifiedIdentityUpdate,
  ): void {
    expect(after.inboxId).toBe(update.inboxId)
    expect(after.updateCount).toBe((before?.updateCount ?? 0) + 1)
    expect(after.recovery.kind).not.toBe('installation')
    for (const [key, member] of after.members) {
      expect(v3.memberKey(member.identifier)).toBe(key)
      expect(member.addedBy === undefined).toBe(member.clientTimestampNs === undefined)
      if (member.identifier.kind === 'installation')
        expect(member.addedBy?.kind).not.toBe('installation')
    }
    const { added, removed } = v3.diffStates(before, after)
    const size = (before?.members.size ?? 0) + added.length - removed.length
    expect(after.members.size).toBe(size)
    for (const member of removed) expect(v3.memberOf(after, member)).toBeUndefined()
    const recoverySigned = update.actions.some(({ kind }) => kind !== 'add')
    if (removed.length > 0) expect(recoverySigned).toBe(true)
    // Whoever revoked or changed was the recovery identifier at that moment; at the latest before this update's changes.
    if (before !== undefined && !v3.equalMembers(before.recovery, after.recovery))
      expect(update.actions.some(({ kind }) => kind === 'changeRecovery')).toBe(true)
  }
})
