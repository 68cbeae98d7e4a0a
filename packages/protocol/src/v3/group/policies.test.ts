import { describe, expect, it } from 'vitest'
import { inbox, startContent } from '../../../test/group-world.ts'
import { checkDirectMessage } from './dm.ts'
import type { GroupContent } from './extensions.ts'
import {
  evaluate,
  policyKind,
  policyPresets,
  policySetsEqual,
  type MembershipBase,
  type Policy,
} from './policies.ts'
import { encodePolicySet } from './policy-codec.ts'
import { compareVersions } from './version.ts'

const base = <const Base extends MembershipBase>(name: Base) =>
  ({ kind: 'base', base: name }) as const

const nobody = { isAdmin: false, isSuperAdmin: false }
const admin = { isAdmin: true, isSuperAdmin: false }
const superAdmin = { isAdmin: false, isSuperAdmin: true }

describe('policies (v3-mls §3.5)', () => {
  it.each([
    ['allow', [true, true, true]],
    ['deny', [false, false, false]],
    ['admin', [false, true, true]],
    ['superAdmin', [false, false, true]],
  ] as const)('%s', (name, expected) => {
    const policy = base(name)
    expect([nobody, admin, superAdmin].map((actor) => evaluate(policy, actor))).toEqual(expected)
  })

  it('trees', () => {
    const both: Policy<MembershipBase> = { kind: 'and', policies: [base('allow'), base('admin')] }
    const one: Policy<MembershipBase> = { kind: 'any', policies: [both, base('superAdmin')] }
    expect([nobody, admin].map((actor) => evaluate(both, actor))).toEqual([false, true])
    expect([nobody, superAdmin].map((actor) => evaluate(one, actor))).toEqual([false, true])
    const none: Policy<MembershipBase> = { kind: 'any', policies: [base('deny')] }
    expect(evaluate(none, superAdmin)).toBe(false)
  })

  it('the numbers of the permissions are shifted by one', () => {
    const hex = Buffer.from(encodePolicySet(policyPresets.default)).toString('hex')
    expect(hex.slice(6)).toMatch(/^0a02080112020803/)
    expect(hex).toMatch(/220208032a02080332020803$/)
    const direct = Buffer.from(encodePolicySet(policyPresets.direct)).toString('hex')
    expect(direct).toMatch(/220208012a02080132020801$/)
  })

  it('presets are known by what they amount to', () => {
    const { default: all, adminOnly, direct } = policyPresets
    expect([all, adminOnly, direct].map(policyKind)).toEqual(['default', 'adminOnly', 'custom'])
    const older = { ...all, updateMetadata: new Map([['group_name', base('allow')]]) }
    expect(policyKind(older)).toBe('default')
    const newer = new Map([...adminOnly.updateMetadata, ['something_new', base('admin')] as const])
    expect(policyKind({ ...adminOnly, updateMetadata: newer })).toBe('adminOnly')
    expect(policyKind({ ...all, addMember: base('deny') })).toBe('custom')
    const strict = new Map([...all.updateMetadata, ['group_name', base('deny')] as const])
    expect(policyKind({ ...all, updateMetadata: strict })).toBe('custom')
  })

  it('sets are equal whatever their order, and different when an attribute is', () => {
    const { default: all, adminOnly } = policyPresets
    const reversed = new Map([...all.updateMetadata].toReversed())
    expect(policySetsEqual(all, { ...all, updateMetadata: reversed })).toBe(true)
    expect(policySetsEqual(all, adminOnly)).toBe(false)
    const [, ...fewer] = all.updateMetadata
    expect(policySetsEqual(all, { ...all, updateMetadata: new Map(fewer) })).toBe(false)
    const and = { kind: 'and', policies: [base('allow')] } as const
    const any = { kind: 'any', policies: [base('allow')] } as const
    expect(policySetsEqual({ ...all, addMember: and }, { ...all, addMember: any })).toBe(false)
    expect(policySetsEqual({ ...all, addMember: and }, { ...all, addMember: and })).toBe(true)
    expect(policySetsEqual(all, { ...all, addMember: and })).toBe(false)
  })
})

describe('direct messages that others make (v3-mls §3.7)', () => {
  const [alix, bo, caro] = [inbox('alix'), inbox('bo'), inbox('caro')]
  const dm = (changes: Partial<GroupContent> = {}): GroupContent =>
    startContent(alix, {
      metadata: { type: 'dm', creatorInboxId: alix, dmMembers: [alix, bo] },
      mutableMetadata: { attributes: new Map(), admins: [], superAdmins: [] },
      policies: policyPresets.direct,
      ...changes,
    })
  const refused = (content: GroupContent, adder = alix, self = bo) =>
    expect(() => checkDirectMessage(content, { adder, self })).toThrow(/v3\.group\.notDirect/)

  it('is between whoever added us and us', () => {
    checkDirectMessage(dm(), { adder: alix, self: bo })
    checkDirectMessage(dm(), { adder: bo, self: alix })
    refused(dm(), caro, bo)
    refused(dm(), alix, caro)
    refused(dm({ metadata: { type: 'dm', creatorInboxId: alix } }))
    refused(dm({ metadata: { type: 'group', creatorInboxId: alix, dmMembers: [alix, bo] } }))
  })

  it('by another installation of ours, only has to be ours', () => {
    const lists = { attributes: new Map(), admins: [alix], superAdmins: [alix] }
    const odd = dm({ mutableMetadata: lists, policies: policyPresets.default })
    checkDirectMessage(odd, { adder: bo, self: bo })
    refused(odd)
    refused(odd, caro, caro)
  })

  it('has no admins, and not all policies of another kind', () => {
    const lists = { attributes: new Map(), admins: [], superAdmins: [] }
    refused(dm({ mutableMetadata: { ...lists, admins: [bo] } }))
    refused(dm({ mutableMetadata: { ...lists, superAdmins: [bo] } }))
    refused(dm({ policies: policyPresets.default }))
    const lax = { ...policyPresets.default, addMember: base('deny') }
    checkDirectMessage(dm({ policies: lax }), { adder: alix, self: bo })
  })
})

describe('versions, as libxmtp 1.10 orders them', () => {
  it.each([
    ['1.10.0', '1.10.0', 0],
    ['1.9.9', '1.10.0', -1],
    ['2.0.0', '1.99.99', 1],
    ['1.10.0', '1.10.0-dev', -1],
    ['1.10.0-dev', '1.10.0-alpha', 1],
    ['1.10.0-', '1.10.0', 1],
    ['1.10.0-a-b', '1.10.0-a', 0],
    ['+1.010.0', '1.10.0', 0],
    ['1.10.1', '1.10.0-zzz', 1],
  ])('%s and %s', (a, b, expected) => {
    expect(Math.sign(compareVersions(a, b))).toBe(expected)
    expect(Math.sign(compareVersions(b, a))).toBe(0 - expected)
  })

  it.each(['', '1', '1.2', '1.2.3.4', '1.2.x', '1.2.-3', ' 1.2.3', '1.2.3 ', '1.2.4294967296'])(
    '%j is none',
    (text) => {
      expect(() => compareVersions(text, '1.10.0')).toThrow(/versionMalformed/)
    },
  )

  it('1.2.3-rc.1 is none: it has four parts', () => {
    expect(() => compareVersions('1.2.3-rc.1', '1.10.0')).toThrow(/versionMalformed/)
  })
})
