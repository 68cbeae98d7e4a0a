import { describe, expect, it } from 'vitest'
import { empty } from '../bytes.ts'
import { suiteOf } from '../crypto/suites.ts'
import type { GroupContext } from '../message/group-context.ts'
import type { Proposal } from '../message/proposal.ts'
import type { CommittedProposal } from './proposal-rules.ts'
import { checkProposalList, needsPath } from './proposal-rules.ts'

// RFC 9420 §17.4 and the IANA section of draft-ietf-mls-extensions, column "Path Required".
const pathRequired: Readonly<Record<Exclude<Proposal['kind'], 'custom'>, boolean>> = {
  add: false,
  update: true,
  remove: true,
  preSharedKey: false,
  reInit: false,
  externalInit: true,
  groupContextExtensions: true,
  appDataUpdate: false,
  appEphemeral: false,
  selfRemove: true,
}

describe('a path', () => {
  for (const [kind, required] of Object.entries(pathRequired))
    it(`is ${required ? 'required' : 'left to the committer'} with ${kind}`, () => {
      expect(needsPath({ kind } as Proposal, [])).toBe(required)
    })

  it('is required with a custom type unless the application says otherwise', () => {
    const custom: Proposal = { kind: 'custom', type: 0xf00d, body: empty }
    expect(needsPath(custom, [])).toBe(true)
    expect(needsPath(custom, [{ type: 0xf00d, needsPath: false }])).toBe(false)
  })
})

describe('SelfRemove', () => {
  const context: GroupContext = {
    version: 1,
    cipherSuite: 3,
    groupId: empty,
    epoch: 1n,
    treeHash: empty,
    confirmedTranscriptHash: empty,
    extensions: [],
  }
  const leave = (byReference: boolean): CommittedProposal => ({
    proposal: { kind: 'selfRemove' },
    sender: { kind: 'member', leafIndex: 1 },
    byReference,
  })
  const init: CommittedProposal = {
    proposal: { kind: 'externalInit', kemOutput: empty },
    sender: { kind: 'newMemberCommit' },
    byReference: false,
  }
  const check = (proposals: CommittedProposal[], committer: number | undefined) => () =>
    checkProposalList(suiteOf(3), context, proposals, committer)

  it('is committed by reference, by a member and by one who joins', () => {
    expect(check([leave(true)], 0)).not.toThrow()
    expect(check([leave(true), init], undefined)).not.toThrow()
  })

  it('is not committed by value', () => {
    expect(check([leave(false)], 0)).toThrow('proposal.selfRemoveNotByReference')
    expect(check([leave(false), init], undefined)).toThrow('externalCommit.proposalNotAllowed')
  })
})
