import { describe, expect, it } from 'vitest'
import { inbox } from '../../../test/group-world.ts'
import type { CommitSummary } from './commit.ts'
import { groupUpdated, parseGroupUpdated } from './transcript.ts'

const [alix, bo, caro] = [inbox('alix'), inbox('bo'), inbox('caro')]
const membership = { members: new Map(), failedInstallations: [] }

const nothing: CommitSummary = {
  actor: { inboxId: alix, installationId: new Uint8Array(32) },
  addedInboxes: [],
  removedInboxes: [],
  changedAttributes: [],
  addedAdmins: [],
  removedAdmins: [],
  addedSuperAdmins: [],
  removedSuperAdmins: [],
  policiesChanged: false,
  addedInstallations: [],
  removedInstallations: [],
  readded: [],
  membership: { before: membership, after: membership },
}

const line = (summary: Partial<CommitSummary>, leaving: ReadonlySet<string> = new Set()) => {
  const bytes = groupUpdated({ ...nothing, ...summary }, { leaving })
  return bytes && parseGroupUpdated(bytes)
}

describe('lines of the transcript (v3-mls §6.4)', () => {
  it('what only concerns keys, installations and permissions leaves none', () => {
    const key = new Uint8Array(32)
    expect(line({})).toBeUndefined()
    expect(line({ addedInstallations: [key], removedInstallations: [key] })).toBeUndefined()
    expect(line({ readded: [key] })).toBeUndefined()
    expect(line({ policiesChanged: true })).toBeUndefined()
  })

  it('a stated minimum version makes one of every commit, as libxmtp has it', () => {
    expect(line({ minimumVersion: '1.0.0' })).toMatchObject({ initiatedBy: alix, added: [] })
  })

  it.each([
    ['added', { addedInboxes: [bo] }],
    ['removed', { removedInboxes: [bo] }],
    ['addedAdmins', { addedAdmins: [bo] }],
    ['removedAdmins', { removedAdmins: [bo] }],
    ['addedSuperAdmins', { addedSuperAdmins: [bo] }],
    ['removedSuperAdmins', { removedSuperAdmins: [bo] }],
  ] as const)('%s', (field, summary) => {
    expect(line(summary)).toMatchObject({ initiatedBy: alix, [field]: [bo] })
  })

  it('who had asked to go has left, the others were removed', () => {
    const both = line({ removedInboxes: [bo, caro] }, new Set([caro]))
    expect(both).toMatchObject({ removed: [bo], left: [caro] })
  })

  it('an attribute that comes has no old value, one that goes no new one', () => {
    const changedAttributes = [
      { name: 'a', old: undefined, new: '' },
      { name: 'b', old: 'x', new: undefined },
    ]
    expect(line({ changedAttributes })).toMatchObject({ changedAttributes })
  })
})
