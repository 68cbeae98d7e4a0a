import { v3 } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import {
  bytes,
  captures,
  hex,
  testWallet,
  type InboxStateVector,
  type LogCapture,
} from './v3/vectors.ts'

const updatesOf = ({ timeline }: LogCapture) =>
  timeline.filter((event) => event.t === 'identity_update')

/** What the SDK reports about an inbox, which counts kinds from 0 and gives installations as bytes too. */
function reported(state: v3.AssociationState): InboxStateVector {
  const listed = (identifier: v3.Identifier) => ({
    identifier: v3.identifierText(identifier),
    identifierKind: identifier.kind === 'ethereum' ? 0 : 1,
  })
  return {
    inboxId: state.inboxId,
    recoveryIdentifier: listed(state.recovery),
    installations: v3
      .installationsOf(state)
      .map(({ key, clientTimestampNs }) => ({
        id: hex(key),
        clientTimestampNs: String(clientTimestampNs),
      })),
    identifiers: v3.identifiersOf(state).map(listed),
  }
}

const ids = ({ installations }: InboxStateVector) => installations.map(({ id }) => id).toSorted()

describe.each(captures)('identity logs of $capture', (capture) => {
  const texts = capture.timeline.flatMap((event) =>
    event.t === 'wallet_signature' ? [event.text] : [],
  )

  it.each(updatesOf(capture))('update $sequenceId encodes as it came', (event) => {
    expect(hex(v3.encodeIdentityUpdate(v3.parseIdentityUpdate(bytes(event.bytes))))).toBe(
      event.bytes,
    )
  })

  it('every text is one that a wallet was shown', () => {
    const unseen = updatesOf(capture).filter(
      (event) => !texts.includes(v3.identityUpdateText(v3.parseIdentityUpdate(bytes(event.bytes)))),
    )
    // One member of one capture is no libxmtp: nobody wrote down what its wallet was shown.
    const external = capture.capture === 'curve25519' ? 1 : 0
    expect(unseen).toHaveLength(external)
    expect(updatesOf(capture)).toHaveLength(new Set(texts).size + external)
  })

  it('replays to what the SDK reported, step by step, from stored states too', () => {
    const states = new Map<string, v3.AssociationState>()
    let reports = 0
    for (const event of capture.timeline) {
      if (event.t === 'identity_update') {
        const before = states.get(event.inboxId)
        const update = v3.verifyIdentityUpdate(v3.parseIdentityUpdate(bytes(event.bytes)))
        const after = v3.admitIdentityUpdate(before, update)
        expect(v3.applyIdentityUpdate(before, update)).toEqual(after)
        const stored = v3.decodeAssociationState(v3.encodeAssociationState(after))
        expect(stored).toEqual(after)
        states.set(event.inboxId, stored)
        expect(() => v3.admitIdentityUpdate(stored, update)).toThrow(/signature\.replayed/)
        expect(() => v3.applyIdentityUpdate(stored, update)).toThrow(
          before === undefined ? /log\.created/ : /signature\.replayed/,
        )
      } else if (event.t === 'note' && event.inboxState !== undefined) {
        reports += 1
        const actual = reported(states.get(event.inboxState.inboxId)!)
        expect(event.inboxState).toMatchObject(actual)
      }
    }
    for (const { inboxId, installationId } of capture.installations) {
      const everAdded = updatesOf(capture).some((event) => event.bytes.includes(installationId))
      expect(everAdded && states.has(inboxId)).toBe(true)
    }
    if (capture.capture === 'identity') expect(reports).toBe(9)
  })

  it('is written byte for byte alike from the keys', () => {
    const wallets = capture.wallets.map(({ privateKey }) => testWallet(bytes(privateKey)))
    const seeds = capture.installations.map((installation) =>
      bytes(installation.signaturePrivateKey),
    )
    for (const event of updatesOf(capture)) {
      const update = v3.parseIdentityUpdate(bytes(event.bytes))
      const verified = v3.verifyIdentityUpdate(update)
      const draft = v3.draftIdentityUpdate({
        inboxId: v3.parseInboxId(update.inboxId),
        clientTimestampNs: update.clientTimestampNs,
        actions: verified.actions.map((action) => draftOf(action)),
      })
      const signatures = [
        ...wallets.map((wallet) => wallet.sign(draft.text)),
        ...seeds.map((seed) => v3.signAsInstallation(seed, draft.text)),
      ]
      expect(hex(v3.finishIdentityUpdate(draft, signatures))).toBe(event.bytes)
    }
  })
})

function draftOf(action: v3.SignedAction<v3.VerifiedSignature>): v3.DraftAction {
  switch (action.kind) {
    case 'createInbox': {
      const { kind, identifier, nonce } = action
      return { kind, identifier, nonce }
    }
    case 'add':
      return { kind: 'add', member: action.member, existing: action.existingSignature.signer }
    case 'revoke':
      return { kind: 'revoke', member: action.member, recovery: signer(action.signature) }
    case 'changeRecovery':
      return {
        kind: 'changeRecovery',
        identifier: action.identifier,
        recovery: signer(action.signature),
      }
    default:
      return action satisfies never
  }
}

function signer(signature: v3.VerifiedSignature): v3.Identifier {
  if (signature.signer.kind === 'installation') throw new Error('An installation cannot recover.')
  return signature.signer
}

describe('identity.json', () => {
  const capture = captures.find((candidate) => candidate.capture === 'identity')!

  it('an index kept from the differences answers look-ups as the capture does', () => {
    const [alix] = capture.wallets
    const second = capture.wallets.find(({ name }) => name === 'alix-second-wallet')!
    const index = new Map<string, string>()
    const states = new Map<string, v3.AssociationState>()
    const lookups: unknown[] = []
    for (const event of capture.timeline) {
      if (event.t === 'identity_update') {
        const before = states.get(event.inboxId)
        const update = v3.verifyIdentityUpdate(v3.parseIdentityUpdate(bytes(event.bytes)))
        const after = v3.applyIdentityUpdate(before, update)
        const { added, removed } = v3.diffStates(before, after)
        for (const member of removed) index.delete(v3.memberKey(member))
        for (const member of added) index.set(v3.memberKey(member), event.inboxId)
        states.set(event.inboxId, after)
      } else if (event.t === 'note' && event.lookup !== undefined) {
        const find = (address: string) =>
          index.get(v3.memberKey(v3.parseIdentifier(address, 'ethereum'))) ?? null
        lookups.push([
          event.lookup,
          { second: find(second.address.toUpperCase().replace('0X', '0x')), first: find(alix!.address) },
        ])
      }
    }
    expect(lookups).toHaveLength(2)
    for (const [expected, actual] of lookups as [unknown, unknown][])
      expect(actual).toEqual(expected)
  })

  it('ends with the installations that were left', () => {
    const first = updatesOf(capture)[0]!.inboxId
    const log = updatesOf(capture).filter(({ inboxId }) => inboxId === first)
    const state = v3.replayIdentityLog(
      log.map((event) => v3.verifyIdentityUpdate(v3.parseIdentityUpdate(bytes(event.bytes)))),
    )
    const last = capture.timeline.findLast(
      (event) => event.t === 'note' && event.inboxState?.inboxId === first,
    ) as { inboxState: InboxStateVector }
    expect(ids(reported(state))).toEqual(ids(last.inboxState))
    expect(state.updateCount).toBe(log.length)
  })
})

describe('inbox ids (v3-mls §1.1)', () => {
  it('of nonce 0 and 1', () => {
    const first = v3.ethereumIdentifier('0x1234567890ABCDEF1234567890abcdef12345678')
    expect(v3.deriveInboxId(first, 0n)).toBe(
      'fcd18d86276d7a99fe522dba9660c420f03c8648785ada7c5daae232a3df77a9',
    )
    const second = testWallet(new Uint8Array(32).fill(0x11)).identifier
    expect(v3.deriveInboxId(second, v3.defaultInboxNonce)).toBe(
      '45915bad9a857a62ceed43a7573d3eef87966c96961128c520dc1c5d6fa5d38b',
    )
  })
})
