import { beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../test/world.ts'
import { client, seeded } from '../../test/world.ts'
import { ascii, concat, empty } from '../bytes.ts'
import { opaque } from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { suiteOf } from '../crypto/suites.ts'
import { xWing, xWingRegisteredId } from '../hpke/x-wing.ts'

import type { PreSharedKeyId, Proposal } from '../message/proposal.ts'
import { decodeMessage, wireWith } from '../message/wire.ts'
import { basicCredential, basicIdentity } from '../tree/credential.ts'
import {
  appDataDictionaryExtension,
  externalSendersExtension,
  lastResortExtension,
  readAppDataDictionary,
} from '../tree/extension.ts'
import type { CommitOptions, CreatedCommit } from './commit.ts'
import { createCommit } from './commit.ts'
import type { GroupConfig } from './config.ts'
import { configFor } from './config.ts'
import { defaultConfig } from './default-config.ts'
import { createGroup } from './create.ts'
import { joinByExternalCommit, proposeAsExternalSender, proposeSelf } from './external.ts'
import { exportGroupInfo } from './group-info.ts'
import { joinGroup } from './join.ts'
import { basicCapabilities, createKeyPackage } from './key-package.ts'
import { processMessage } from './process.ts'
import { exportGroupSecret, externalPskId, resumptionPsk } from './resume.ts'
import { encryptMessage, propose, proposeUpdate, withoutProposals } from './send.ts'
import { adoptCommit } from './staged-commit.ts'
import type { GroupState } from './state.ts'
import { memberAt, members } from './state.ts'

const random = seeded('features')
const suite = suiteOf(3)
const settings = { capabilities: { extensions: [6, 0xff00], proposals: [8, 10, 0xf00d] } }
// A type of an application: a vector, then one byte.
const custom = {
  type: 0xf00d,
  needsPath: false,
  skip(reader: Parameters<typeof opaque.read>[0]) {
    opaque.read(reader)
    reader.offset++
  },
}
const config: GroupConfig = { ...defaultConfig, wire: wireWith([custom]) }

let alice: Client
let bob: Client
let carol: Client
let a: GroupState
let b: GroupState

beforeAll(async () => {
  alice = await client('alice', random, settings)
  bob = await client('bob', random, settings)
  carol = await client('carol', random, settings)
  const outsider = {
    signatureKey: carol.own.keyPackage.leafNode.signatureKey,
    credential: carol.own.keyPackage.leafNode.credential,
  }
  const alone = createGroup({
    suite,
    groupId: ascii('features'),
    own: alice.own,
    signaturePrivateKey: alice.signaturePrivateKey,
    extensions: [externalSendersExtension([outsider])],
    config,
    random,
  })
  const made = await createCommit(alone, { proposals: [addOf(bob)], random })
  a = adoptCommit(made.state, made.staged)
  b = await join(bob, made.welcome!)
})

const addOf = (joiner: Client) => ({ kind: 'add', keyPackage: joiner.own.keyPackage }) as const

async function join(
  joiner: Client,
  welcome: Uint8Array,
  more: Partial<Parameters<typeof joinGroup>[1]> = {},
): Promise<GroupState> {
  const { own, signaturePrivateKey } = joiner
  const options = { keyPackages: [own], signaturePrivateKey, config, ...more }
  return (await joinGroup(welcome, options)).state
}

type Both = { a: GroupState; b: GroupState; made: CreatedCommit }

/** A commit by alice that bob takes, too. */
async function both(
  options: Partial<CommitOptions>,
  from: GroupState = a,
  to: GroupState = b,
): Promise<Both> {
  const made = await createCommit(from, { random, ...options })
  const received = await processMessage(to, made.message, options.psk ? { psk: options.psk } : {})
  if (received.kind !== 'commit') throw new Error('not a commit')
  expect(received.staged.epochAuthenticator).toEqual(made.staged.epochAuthenticator)
  expect(received.staged.proposals.map((p) => p.proposal)).toEqual(
    made.staged.proposals.map((p) => p.proposal),
  )
  const next = adoptCommit(received.state, received.staged)
  return { a: adoptCommit(made.state, made.staged), b: next, made }
}

async function read(state: GroupState, message: Uint8Array) {
  const received = await processMessage(state, message)
  if (received.kind !== 'application') throw new Error('not application data')
  return received
}

describe('a staged commit', () => {
  it('shows everything before it counts, and changes nothing', async () => {
    const made = await createCommit(a, { proposals: [addOf(carol)], random })
    const received = await processMessage(b, made.message)
    if (received.kind !== 'commit') throw new Error('not a commit')
    const { staged } = received
    expect(staged.sender).toMatchObject({ kind: 'member', leafIndex: 0 })
    expect(basicIdentity(staged.sender.leaf.credential)).toEqual(ascii('alice'))
    expect(staged.added.map((m) => basicIdentity(m.leaf.credential))).toEqual([ascii('carol')])
    expect(staged.updated.map((m) => m.leafIndex)).toEqual([0])
    expect(staged.groupContext.epoch).toBe(b.context.epoch + 1n)
    expect(staged.hasPath).toBe(true)
    expect(received.state.context).toBe(b.context)
    // Bob refuses it: he goes on in the old epoch and still reads what is said there.
    const said = await encryptMessage(made.state, ascii('still here'), { random })
    expect((await read(received.state, said.message)).data).toEqual(ascii('still here'))
  })

  it('keeps what was read between staging and adopting', async () => {
    const made = await createCommit(a, { random })
    const one = await encryptMessage(b, ascii('1'), { random })
    const heard = await read(made.state, one.message)
    const next = adoptCommit(heard.state, made.staged)
    await expect(read(next, one.message)).rejects.toThrow(/generationSpent/)
    const two = await encryptMessage(one.state, ascii('2'), { random })
    expect((await read(next, two.message)).epoch).toBe(b.context.epoch)
  })
})

describe('messages', () => {
  it('come with their sender, authenticated data and place', async () => {
    const sent = await encryptMessage(a, ascii('x'), { random, authenticatedData: ascii('seen') })
    const received = await read(b, sent.message)
    expect(received).toMatchObject({ epoch: 1n, generation: 0, authenticatedData: ascii('seen') })
    expect(received.sender.leaf.signatureKey).toEqual(alice.own.keyPackage.leafNode.signatureKey)
  })

  it('are read for as many past epochs as the settings say', async () => {
    const sent = await encryptMessage(a, ascii('old'), { random })
    let state: Both = { a, b, made: await createCommit(a, { random }) }
    for (let i = 0; i < 3; i++) state = await both({}, state.a, state.b)
    expect((await read(state.b, sent.message)).data).toEqual(ascii('old'))
    state = await both({}, state.a, state.b)
    await expect(read(state.b, sent.message)).rejects.toThrow(/epochTooOld/)
  })

  it('are read late within the window and not beyond it', async () => {
    const sent: Uint8Array[] = []
    let state = a
    for (let i = 0; i < 8; i++) {
      const one = await encryptMessage(state, ascii(`${i}`), { random })
      sent.push(one.message)
      state = one.state
    }
    const newest = await read(b, sent[7]!)
    expect((await read(newest.state, sent[3]!)).data).toEqual(ascii('3'))
    await expect(read(newest.state, sent[2]!)).rejects.toThrow(/generationSpent/)
  })

  it('are padded to a multiple of the setting', async () => {
    const padded = { ...a, config: { ...config, paddedTo: 256 } }
    const sizes = await Promise.all(
      [1, 50, 150].map(async (size) => {
        const sent = await encryptMessage(padded, new Uint8Array(size), { random })
        expect((await read(b, sent.message)).data.length).toBe(size)
        const decoded = decodeMessage(sent.message)
        return decoded.kind === 'privateMessage' ? decoded.message.ciphertext.length : 0
      }),
    )
    expect(sizes).toEqual([272, 272, 272])
  })
})

describe('proposals', () => {
  it('carry custom types byte for byte', async () => {
    const body = concat(Uint8Array.of(3, 1, 2, 3), Uint8Array.of(9))
    const { made } = await both({ proposals: [{ kind: 'custom', type: 0xf00d, body }] })
    expect(made.staged.proposals[0]!.proposal).toEqual({ kind: 'custom', type: 0xf00d, body })
  })

  it('keep the app data dictionary sorted, and let the application say what an update means', async () => {
    const update = (componentId: number, data: string): Proposal => ({
      kind: 'appDataUpdate',
      componentId,
      update: { kind: 'update', data: ascii(data) },
    })
    const first = await both({ proposals: [update(0x8004, 'name'), update(0x8001, 'admin')] })
    const entries = (state: GroupState) => readAppDataDictionary(state.context.extensions)
    expect(entries(first.b)?.map((e) => e.componentId)).toEqual([0x8001, 0x8004])
    const append: GroupConfig = {
      ...config,
      applyAppData: (_, current, updates) => concat(current ?? empty, ...updates),
    }
    const second = await both(
      { proposals: [update(0x8004, '+1'), update(0x8004, '+2')] },
      { ...first.a, config: append },
      { ...first.b, config: append },
    )
    expect(entries(second.b)?.[1]?.data).toEqual(ascii('name+1+2'))
    const removal: Proposal = {
      kind: 'appDataUpdate',
      componentId: 0x8001,
      update: { kind: 'remove' },
    }
    const third = await both({ proposals: [removal] }, second.a, second.b)
    expect(entries(third.b)?.map((e) => e.componentId)).toEqual([0x8004])
    expect(appDataDictionaryExtension([]).type).toBe(6)
  })

  it('of a member are committed by reference or dropped', async () => {
    const update = await proposeUpdate(b, { random, change: { extensions: [] } })
    const heard = await processMessage(a, update.message)
    const again = await processMessage(b, (await propose(a, addOf(carol), { random })).message)
    expect(again.kind).toBe('proposal')
    const made = await createCommit(heard.state, { random })
    expect(made.staged.updated.map((m) => m.leafIndex)).toEqual([1, 0])
    const received = await processMessage(update.state, made.message)
    if (received.kind !== 'commit') throw new Error('not a commit')
    const next = adoptCommit(received.state, received.staged)
    expect(next.nodeKeys.get(2)).not.toEqual(b.nodeKeys.get(2))
    expect(withoutProposals(heard.state, () => true).proposals).toEqual([])
  })

  it('of outsiders are taken from those the group names, and from those who ask to join', async () => {
    const { groupId, epoch } = a.context
    const base = { suite, groupId, epoch, config, signaturePrivateKey: carol.signaturePrivateKey }
    const removal = await proposeAsExternalSender(
      { ...base, proposal: { kind: 'remove', removed: 1 } },
      0,
    )
    expect((await processMessage(a, removal)).kind).toBe('proposal')
    const self = await proposeSelf({ ...base, proposal: addOf(carol) })
    const heard = await processMessage(a, self)
    const made = await createCommit(heard.state, { random })
    expect((await join(carol, made.welcome!)).ownLeaf).toBe(2)
  })
})

describe('keys', () => {
  it('of the signature are replaced by a commit', async () => {
    const newKey = random(32)
    const next = await both({ newSignaturePrivateKey: newKey })
    const { leaf } = memberAt(next.b.tree, 0)
    expect(leaf.signatureKey).toEqual(await suite.signature.publicKey(newKey))
    const sent = await encryptMessage(next.a, ascii('new key'), { random })
    expect((await read(next.b, sent.message)).data).toEqual(ascii('new key'))
  })

  it('stay as they are in a commit that needs no path', async () => {
    const made = await createCommit(a, { proposals: [addOf(carol)], path: 'whenRequired', random })
    expect(made.staged.hasPath).toBe(false)
    expect((await join(carol, made.welcome!)).secrets.epochAuthenticator).toEqual(
      made.staged.epochAuthenticator,
    )
  })

  it('are exported alike by all members and differently by label', () => {
    const secret = exportGroupSecret(a, 'label', ascii('context'), 42)
    expect(secret.length).toBe(42)
    expect(exportGroupSecret(b, 'label', ascii('context'), 42)).toEqual(secret)
    expect(exportGroupSecret(b, 'other', ascii('context'), 42)).not.toEqual(secret)
  })

  it('of a last resort can be used twice', async () => {
    const { signaturePrivateKey } = carol
    const own = await createKeyPackage({
      suite,
      signaturePrivateKey,
      credential: basicCredential(ascii('carol')),
      capabilities: basicCapabilities(suite, {
        ...settings.capabilities,
        extensions: [6, 10, 0xff00],
      }),
      lifetime: { notBefore: 0n, notAfter: 1n },
      extensions: [lastResortExtension],
      random,
    })
    for (let i = 0; i < 2; i++) {
      const made = await createCommit(a, {
        proposals: [{ kind: 'add', keyPackage: own.keyPackage }],
        random,
      })
      const joined = await joinGroup(made.welcome!, {
        config: defaultConfig,
        keyPackages: [own],
        signaturePrivateKey,
      })
      expect(joined.used.keyPackage.extensions).toEqual([lastResortExtension])
      expect(joined.signer.leafIndex).toBe(0)
    }
  })
})

describe('pre-shared keys', () => {
  it('of the application bind an epoch to those who know them', async () => {
    const psk = externalPskId(a, ascii('shared'), random)
    const known = (id: PreSharedKeyId) => (id.kind === 'external' ? ascii('secret') : undefined)
    await both({ proposals: [{ kind: 'preSharedKey', psk }], psk: known })
    const made = await createCommit(a, {
      proposals: [{ kind: 'preSharedKey', psk }],
      psk: known,
      random,
    })
    const wrong = processMessage(b, made.message, { psk: () => ascii('guess') })
    await expect(wrong).rejects.toThrow(/badConfirmationTag/)
  })

  it('of an earlier epoch are found in the group itself', async () => {
    const { id } = resumptionPsk(a, 'application', random)
    const later = await both({})
    await both({ proposals: [{ kind: 'preSharedKey', psk: id }] }, later.a, later.b)
  })

  it('link a group made anew to the one before', async () => {
    const reInit: Proposal = {
      kind: 'reInit',
      groupId: ascii('anew'),
      version: 1,
      cipherSuite: 3,
      extensions: [],
    }
    const ended = await both({ proposals: [reInit] })
    expect(ended.b.status).toBe('reInit')
    const link = resumptionPsk(ended.a, 'reInit', random)
    const anew = createGroup({
      config: defaultConfig,
      suite,
      groupId: ended.a.reInit!.groupId,
      own: alice.own,
      signaturePrivateKey: alice.signaturePrivateKey,
      random,
    })
    const start = await createCommit(anew, {
      proposals: [addOf(bob), { kind: 'preSharedKey', psk: link.id }],
      psk: () => link.secret,
      random,
    })
    const joined = await join(bob, start.welcome!, { previous: ended.b })
    expect(joined.secrets.epochAuthenticator).toEqual(start.staged.epochAuthenticator)
    const elsewhere = join(bob, start.welcome!, { previous: b, psk: () => link.secret })
    await expect(elsewhere).rejects.toThrow(/resumptionMismatch/)
  })
})

describe('a suite of the application', () => {
  it('is one entry in the settings: here a post-quantum KEM', async () => {
    const kem = xWing(suite.hpke.kdf, xWingRegisteredId)
    const own: CipherSuite = { ...suite, id: 0xf0f0, name: 'X-Wing', hpke: { ...suite.hpke, kem } }
    const person = async (name: string) => {
      const signaturePrivateKey = random(32)
      const made = await createKeyPackage({
        suite: own,
        signaturePrivateKey,
        credential: basicCredential(ascii(name)),
        capabilities: basicCapabilities(own),
        lifetime: { notBefore: 0n, notAfter: 1n },
        random,
      })
      return { own: made, signaturePrivateKey }
    }
    const [one, two] = [await person('one'), await person('two')]
    const wide = configFor([own])
    const alone = createGroup({ suite: own, groupId: ascii('pq'), ...one, config: wide, random })
    const add: Proposal = { kind: 'add', keyPackage: two.own.keyPackage }
    const made = await createCommit(alone, { proposals: [add], random })
    const { signaturePrivateKey } = two
    const options = { keyPackages: [two.own], signaturePrivateKey, config: wide }
    const joined = await joinGroup(made.welcome!, options)
    const first = adoptCommit(made.state, made.staged)
    const next = await both({}, first, joined.state)
    expect(next.b.suite.id).toBe(0xf0f0)
    const refused = joinGroup(made.welcome!, { ...options, config })
    await expect(refused).rejects.toThrow(/suite.unsupported/)
  })
})

describe('joining from outside', () => {
  it('replaces an earlier self', async () => {
    const info = await exportGroupInfo(a)
    const joined = await joinByExternalCommit(info, {
      signaturePrivateKey: bob.signaturePrivateKey,
      credential: basicCredential(ascii('bob')),
      capabilities: basicCapabilities(suite, settings.capabilities),
      replaces: 1,
      config,
      random,
    })
    const received = await processMessage(a, joined.message)
    if (received.kind !== 'commit') throw new Error('not a commit')
    expect(received.staged.sender).toMatchObject({ kind: 'newMember', leafIndex: 1 })
    expect(received.staged.removed.map((m) => m.leafIndex)).toEqual([1])
    const next = adoptCommit(received.state, received.staged)
    expect(next.secrets.epochAuthenticator).toEqual(joined.state.secrets.epochAuthenticator)
    expect(members(next).length).toBe(2)
  })
})
