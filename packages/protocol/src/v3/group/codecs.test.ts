import { GroupMembership } from '@xmtp-ts/proto/mls/message_contents/group_membership'
import { GroupMutableMetadataV1 } from '@xmtp-ts/proto/mls/message_contents/group_mutable_metadata'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { startContent } from '../../../test/group-world.ts'
import { bytesFromHex, concatBytes, utf8 } from '../../bytes.ts'
import { XmtpError } from '../../errors.ts'
import type { InboxId } from '../identity/identifier.ts'
import { groupExtensions, readGroupContent, replaceExtension } from './extensions.ts'
import { decodeMembership, encodeMembership } from './membership.ts'
import { decodeGroupMetadata, encodeGroupMetadata } from './metadata.ts'
import {
  checkAttributes,
  decodeMutableMetadata,
  disappearingSettings,
  encodeMutableMetadata,
  minimumVersion,
} from './mutable-metadata.ts'
import { policySetsEqual, type MembershipBase, type Policy, type PolicySet } from './policies.ts'
import { decodePolicySet, encodePolicySet } from './policy-codec.ts'
import { decodeReaddRequest, encodeReaddRequest } from './readd.ts'
import { encodeGroupUpdated, parseGroupUpdated } from './transcript.ts'

const bytes = (hex: string) => bytesFromHex(hex) ?? new Uint8Array()

const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', '1', ''))
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const map = <T>(value: fc.Arbitrary<T>) =>
  fc.array(fc.tuple(key, value), { maxLength: 5 }).map((entries) => new Map(entries))

function policy<Base extends MembershipBase>(bases: readonly Base[]): fc.Arbitrary<Policy<Base>> {
  const base = fc.record({ kind: fc.constant('base' as const), base: fc.constantFrom(...bases) })
  return fc.letrec<{ tree: Policy<Base> }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      base,
      fc.record({
        kind: fc.constantFrom('and' as const, 'any' as const),
        policies: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
      }),
    ),
  })).tree
}

const membershipPolicy = policy<MembershipBase>(['allow', 'deny', 'admin', 'superAdmin'])
const permissionsPolicy = policy(['deny', 'admin', 'superAdmin'])

const policySet: fc.Arbitrary<PolicySet> = fc.record({
  addMember: membershipPolicy,
  removeMember: membershipPolicy,
  updateMetadata: map(membershipPolicy),
  addAdmin: permissionsPolicy,
  removeAdmin: permissionsPolicy,
  updatePermissions: permissionsPolicy,
})

const list = fc.array(fc.string(), { maxLength: 3 })

describe('what is written is read', () => {
  it('immutable metadata', () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            type: fc.constantFrom('group' as const, 'dm', 'sync', 'oneshot'),
            creatorInboxId: fc.string(),
            dmMembers: fc.tuple(fc.string(), fc.string()),
            oneshot: fc.record({ groupId: fc.uint8Array(), latestCommitSequenceId: uint64 }),
          },
          { requiredKeys: ['type', 'creatorInboxId'] },
        ),
        (metadata) => {
          expect(decodeGroupMetadata(encodeGroupMetadata(metadata))).toEqual(metadata)
        },
      ),
    )
  })

  it('mutable metadata, whatever attributes are called', () => {
    fc.assert(
      fc.property(
        fc.record({ attributes: map(fc.string()), admins: list, superAdmins: list }),
        (metadata) => {
          expect(decodeMutableMetadata(encodeMutableMetadata(metadata))).toEqual(metadata)
        },
      ),
    )
  })

  it('memberships, whatever inboxes are called', () => {
    fc.assert(
      fc.property(
        fc.record({ members: map(uint64), failedInstallations: fc.array(fc.uint8Array()) }),
        (membership) => {
          expect(decodeMembership(encodeMembership(membership))).toEqual(membership)
        },
      ),
    )
  })

  it('policies', () => {
    fc.assert(
      fc.property(policySet, policySet, (set, other) => {
        expect(decodePolicySet(encodePolicySet(set))).toEqual(set)
        expect(policySetsEqual(set, decodePolicySet(encodePolicySet(set)))).toBe(true)
        const a = Buffer.from(encodePolicySet(set)).toString('hex')
        const b = Buffer.from(encodePolicySet(other)).toString('hex')
        if (a === b) expect(policySetsEqual(set, other)).toBe(true)
        if (policySetsEqual(set, other)) expect(a).toHaveLength(b.length)
      }),
    )
  })

  it('requests to be added again', () => {
    const request = { groupId: bytes('0102'), latestCommitSequenceId: 2n ** 63n }
    expect(decodeReaddRequest(encodeReaddRequest(request))).toEqual(request)
    expect(() => decodeReaddRequest(new Uint8Array())).toThrow(/v3\.message\.malformed/)
  })

  it('lines of the transcript', () => {
    fc.assert(
      fc.property(
        fc.record({
          initiatedBy: fc.string(),
          added: list,
          removed: list,
          left: list,
          changedAttributes: fc.array(
            fc.record({
              name: fc.string(),
              old: fc.option(fc.string(), { nil: undefined }),
              new: fc.option(fc.string(), { nil: undefined }),
            }),
          ),
          addedAdmins: list,
          removedAdmins: list,
          addedSuperAdmins: list,
          removedSuperAdmins: list,
        }),
        (update) => {
          expect(parseGroupUpdated(encodeGroupUpdated(update))).toEqual(update)
        },
      ),
    )
    expect(() => parseGroupUpdated(bytes('0a00'))).toThrow(/v3\.message\.malformed/)
  })
})

describe('any bytes give a value or a code', () => {
  const decoders: readonly (readonly [string, (data: Uint8Array) => unknown, string])[] = [
    ['immutable metadata', decodeGroupMetadata, 'v3.group.malformed'],
    ['mutable metadata', decodeMutableMetadata, 'v3.group.malformed'],
    ['membership', decodeMembership, 'v3.group.malformed'],
    ['policies', decodePolicySet, 'v3.group.malformed'],
    ['readd request', decodeReaddRequest, 'v3.message.malformed'],
    ['transcript', parseGroupUpdated, 'v3.message.malformed'],
  ]
  const content = startContent('a'.repeat(64) as InboxId)
  const seeds = [
    ...groupExtensions(content).map(({ data }) => data),
    encodeReaddRequest({ groupId: bytes('01'), latestCommitSequenceId: 9n }),
  ]
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
    .map(([seed, edits]) => {
      const copy = seed.slice()
      for (const [at, value] of edits) copy[at % copy.length] = value
      return copy
    })

  it.each(decoders)('%s', (_, decode, code) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), mutated), (data) => {
        try {
          decode(data)
        } catch (error) {
          expect(error).toBeInstanceOf(XmtpError)
          expect((error as XmtpError).code).toBe(code)
        }
      }),
      { numRuns: 400 },
    )
  })
})

describe('exactly what prost reads', () => {
  const read = (hex: string) => decodeMembership(bytes(hex))
  const refused = (hex: string) => expect(() => read(hex)).toThrow(/v3\.group\.malformed/)

  it('a key that JavaScript knows is a key', () => {
    const metadata = { attributes: new Map([['__proto__', 'x']]), admins: [], superAdmins: [] }
    const written = encodeMutableMetadata(metadata)
    expect(decodeMutableMetadata(written).attributes.get('__proto__')).toBe('x')
    // The generated decoder loses it: this is why there is another one.
    expect(Object.keys(GroupMutableMetadataV1.decode(written).attributes)).toEqual([])
  })

  it('a later entry of a map counts, and what is left out of one is empty', () => {
    const entry = (name: string, value: bigint) =>
      GroupMembership.encode({ members: { [name]: value }, failedInstallations: [] }).finish()
    const twice = concatBytes(entry('a', 1n), entry('a', 2n))
    expect([...decodeMembership(twice).members]).toEqual([['a', 2n]])
    expect([...read('0a00').members]).toEqual([['', 0n]])
  })

  it('other fields are skipped, groups and all', () => {
    const none = { members: new Map(), failedInstallations: [] }
    expect(read('')).toEqual(none)
    for (const hex of ['1801', '190102030405060708', '1a0101', '1d01020304', '1b0801132201ff141c'])
      expect(read(hex)).toEqual(none)
  })

  it('known fields of other types, cut ends and strange numbers are refused', () => {
    refused('0801')
    refused('0a02')
    refused('12')
    refused('80')
    refused('00')
    refused('1c')
    refused('1b')
    refused('1b24')
    refused('1e')
    refused(`18${'80'.repeat(9)}02`)
    refused(`18${'80'.repeat(10)}01`)
    refused('808080801000')
    refused('0a020801')
    refused('0a031205ff')
    refused('1b'.repeat(101))
    expect(read(`18${'80'.repeat(9)}01`).members.size).toBe(0)
  })

  it('text is UTF-8 and nothing else', () => {
    const named = (hex: string) =>
      `0a${'0' + (hex.length / 2 + 2).toString(16)}0a0${hex.length / 2}${hex}`
    for (const good of ['7f', 'c280', 'e0a080', 'ee8080', 'f0908080', 'f48fbfbf', 'efbbbf'])
      expect([...read(named(good)).members.keys()]).toEqual([
        Buffer.from(good, 'hex').toString('utf8'),
      ])
    for (const bad of ['80', 'c080', 'c1bf', 'c2', 'c241', 'e08080', 'eda080', 'edbfbf'])
      refused(named(bad))
    for (const bad of ['f0808080', 'f4908080', 'f8888080', 'ff', 'e0a0', 'f09080'])
      refused(named(bad))
  })

  it('a message that comes in parts is one', () => {
    const lists = ['12030a0161', '12030a0162', '1a00']
    expect(decodeMutableMetadata(bytes(lists.join(''))).admins).toEqual(['a', 'b'])
    expect(() => decodeMutableMetadata(bytes('1200'))).toThrow(/malformed/)
  })

  it('of a choice the last one counts', () => {
    const set = (add: string) => {
      const inner = `0a${(add.length / 2).toString(16).padStart(2, '0')}${add}12020801220208012a02080132020801`
      return decodePolicySet(bytes(`0a${(inner.length / 2).toString(16).padStart(2, '0')}${inner}`))
    }
    expect(set('08010802').addMember).toEqual({ kind: 'base', base: 'deny' })
    const one = '0a020801'
    const two = '0a020802'
    const and = (inner: string) => `12${(inner.length / 2).toString(16).padStart(2, '0')}${inner}`
    expect(set(`0801${and(one)}`).addMember).toEqual({
      kind: 'and',
      policies: [{ kind: 'base', base: 'allow' }],
    })
    expect(set(`${and(one)}${and(two)}`).addMember).toMatchObject({
      policies: [{ base: 'allow' }, { base: 'deny' }],
    })
    expect(set(`${and(one)}0801${and(two)}`).addMember).toMatchObject({
      policies: [{ base: 'deny' }],
    })
    for (const bad of ['', '0800', '0805', '1200', '1800', '1a00', '0a00'])
      expect(() => set(bad)).toThrow(/malformed/)
  })

  it('policies may be nested as deep as a hundred messages', () => {
    const nested = (depth: number): Policy<MembershipBase> =>
      depth === 0 ? { kind: 'base', base: 'allow' } : { kind: 'and', policies: [nested(depth - 1)] }
    const set = (depth: number) =>
      encodePolicySet({ ...startContent('x' as InboxId).policies, addMember: nested(depth) })
    expect(decodePolicySet(set(49)).addMember.kind).toBe('and')
    expect(() => decodePolicySet(set(50))).toThrow(/malformed/)
  })
})

describe('group contexts', () => {
  it('a missing extension is named', () => {
    expect(() => readGroupContent([])).toThrow(/0xf000 is missing/)
  })

  it('a replaced extension stands at the end, the others as they were', () => {
    const a = { type: 1, data: bytes('01') }
    const b = { type: 2, data: bytes('02') }
    const next = { type: 1, data: bytes('03') }
    expect(replaceExtension([a, b], next)).toEqual([b, next])
    expect(replaceExtension([b], next)).toEqual([b, next])
  })

  it('the order of a new group, and the frame of the immutable metadata', () => {
    const extensions = groupExtensions(startContent('a'.repeat(64) as InboxId))
    expect(extensions.map(({ type }) => type)).toEqual([0xf000, 0xff00, 0xff01, 0xff02, 3])
    const [immutable, , , , required] = extensions
    expect(immutable?.data.slice(0, 6)).toEqual(bytes('404408011a40'))
    expect(required?.data).toEqual(bytes('0cff01ff00ff02f000000a0001020007020001'))
  })
})

describe('attributes (v3-mls §3.4, §6.5)', () => {
  const of = (attributes: readonly (readonly [string, string])[]) => ({
    attributes: new Map(attributes),
    admins: [],
    superAdmins: [],
  })

  it('bytes are counted, not characters', () => {
    expect(() => checkAttributes([['group_name', 'x'.repeat(100)]])).not.toThrow()
    expect(() => checkAttributes([['group_name', 'é'.repeat(51)]])).toThrow(/attributeTooLong/)
    expect(() => checkAttributes([['other', 'x'.repeat(10_000)]])).not.toThrow()
    expect(utf8('é')).toHaveLength(2)
  })

  it.each([
    ['5', '7', { fromNs: 5n, inNs: 7n }],
    ['0', '0', undefined],
    ['5', '0', undefined],
    ['-5', '7', undefined],
    ['five', '7', undefined],
    ['9223372036854775807', '+7', { fromNs: 2n ** 63n - 1n, inNs: 7n }],
    ['9223372036854775808', '7', undefined],
  ])('messages disappear from %s in %s', (from, inNs, expected) => {
    const metadata = of([
      ['message_disappear_from_ns', from],
      ['message_disappear_in_ns', inNs],
    ])
    expect(disappearingSettings(metadata)).toEqual(expected)
  })

  it('nothing disappears and no version is wanted by default', () => {
    expect(disappearingSettings(of([]))).toBeUndefined()
    expect(minimumVersion(of([]))).toBeUndefined()
  })
})
