import * as peer from '@xmtp-ts/peer-ts-mls'
import { describe, expect, it } from 'vitest'
import { defaultConfig } from './group/default-config.ts'
import type { Client } from '../test/world.ts'
import { below, client, seeded } from '../test/world.ts'
import { ascii, toHex } from './bytes.ts'
import { encode } from './codec/tls.ts'
import { createCommit } from './group/commit.ts'
import { createGroup } from './group/create.ts'
import { joinGroup } from './group/join.ts'
import { processMessage } from './group/process.ts'
import { encryptMessage } from './group/send.ts'
import { adoptCommit } from './group/staged-commit.ts'
import type { GroupState } from './group/state.ts'
import type { Random } from './hpke/kem.ts'
import { decodeMessage, standardWire } from './message/wire.ts'
import { checkTree } from './tree/validate.ts'

/**
 * A group whose members are ours and those of ts-mls 1.6.4. It stays on the ground where ts-mls keeps to RFC 9420: it
 * refuses sound trees with unmerged leaves when it joins, so its members are there from the start, and it makes commits
 * for GroupContextExtensions without a path, so it makes none.
 */
type Ours = { kind: 'ours'; client: Client; state: GroupState }
type Theirs = { kind: 'theirs'; client: Client; state: peer.ClientState }
type Anyone = Ours | Theirs

const name = 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519'
const impl = await peer.getCiphersuiteImpl(peer.getCiphersuiteFromName(name))
const peerConfig: peer.ClientConfig = {
  keyRetentionConfig: peer.defaultKeyRetentionConfig,
  lifetimeConfig: peer.defaultLifetimeConfig,
  keyPackageEqualityConfig: peer.defaultKeyPackageEqualityConfig,
  paddingConfig: peer.defaultPaddingConfig,
  authService: peer.defaultAuthenticationService,
}

function peerKeyPackage(of: Client): peer.KeyPackage {
  const { keyPackage } = of.own
  const bytes = encode(standardWire.message, { kind: 'keyPackage', keyPackage })
  const [message] = peer.decodeMlsMessage(bytes, 0)!
  if (message.wireformat !== 'mls_key_package') throw new Error('not a key package')
  return message.keyPackage
}

function peerPrivate(of: Client): peer.PrivateKeyPackage {
  return {
    initPrivateKey: of.own.initPrivateKey,
    hpkePrivateKey: of.own.leafPrivateKey,
    signaturePrivateKey: of.signaturePrivateKey,
  }
}

async function join(kind: Anyone['kind'], joiner: Client, welcome: Uint8Array): Promise<Anyone> {
  if (kind === 'ours') {
    const { own, signaturePrivateKey } = joiner
    const joined = await joinGroup(welcome, {
      config: defaultConfig,
      keyPackages: [own],
      signaturePrivateKey,
    })
    return { kind, client: joiner, state: joined.state }
  }
  const [message] = peer.decodeMlsMessage(welcome, 0)!
  if (message.wireformat !== 'mls_welcome') throw new Error('not a welcome')
  const state = await peer.joinGroup(
    message.welcome,
    peerKeyPackage(joiner),
    peerPrivate(joiner),
    peer.emptyPskIndex,
    impl,
    undefined,
    undefined,
    peerConfig,
  )
  return { kind, client: joiner, state }
}

type Change = { add: Client[]; remove: number[] }
type Made = { message: Uint8Array; welcome: Uint8Array | undefined }

async function commit(by: Anyone, change: Change, random: Random): Promise<Made> {
  if (by.kind === 'ours') {
    const proposals = [
      ...change.add.map((c) => ({ kind: 'add', keyPackage: c.own.keyPackage }) as const),
      ...change.remove.map((removed) => ({ kind: 'remove', removed }) as const),
    ]
    const made = await createCommit(by.state, { proposals, random })
    by.state = adoptCommit(made.state, made.staged)
    return { message: made.message, welcome: made.welcome }
  }
  const extraProposals: peer.Proposal[] = [
    ...change.add.map(
      (c) => ({ proposalType: 'add', add: { keyPackage: peerKeyPackage(c) } }) as const,
    ),
    ...change.remove.map((removed) => ({ proposalType: 'remove', remove: { removed } }) as const),
  ]
  const context = { state: by.state, cipherSuite: impl }
  const made = await peer.createCommit(context, { extraProposals, ratchetTreeExtension: true })
  by.state = made.newState
  const welcome =
    made.welcome &&
    peer.encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome: made.welcome })
  return { message: peer.encodeMlsMessage(made.commit), welcome }
}

/** Hands a message to a member; what it read, if it was application data. */
async function receive(to: Anyone, bytes: Uint8Array): Promise<string | undefined> {
  if (to.kind === 'ours') {
    const received = await processMessage(to.state, bytes)
    to.state = received.state
    if (received.kind === 'commit') to.state = adoptCommit(received.state, received.staged)
    return received.kind === 'application' ? toHex(received.data) : undefined
  }
  const [message] = peer.decodeMlsMessage(bytes, 0)!
  if (message.wireformat !== 'mls_private_message') throw new Error('not private')
  const { privateMessage } = message
  const result = await peer.processPrivateMessage(
    to.state,
    privateMessage,
    peer.emptyPskIndex,
    impl,
  )
  to.state = result.newState
  return result.kind === 'applicationMessage' ? toHex(result.message) : undefined
}

async function say(by: Anyone, data: Uint8Array, random: Random): Promise<Uint8Array> {
  if (by.kind === 'ours') {
    const sent = await encryptMessage(by.state, data, { random })
    by.state = sent.state
    return sent.message
  }
  const sent = await peer.createApplicationMessage(by.state, data, impl)
  by.state = sent.newState
  const { privateMessage } = sent
  return peer.encodeMlsMessage({
    version: 'mls10',
    wireformat: 'mls_private_message',
    privateMessage,
  })
}

const authenticator = (of: Anyone) =>
  toHex(
    of.kind === 'ours'
      ? of.state.secrets.epochAuthenticator
      : of.state.keySchedule.epochAuthenticator,
  )

const leafOf = (of: Anyone) =>
  of.kind === 'ours' ? of.state.ownLeaf : of.state.privatePath.leafIndex

async function run(seed: string): Promise<void> {
  const random = seeded(seed)
  let born = 0
  // ts-mls looks at the clock of the machine.
  const always = { lifetime: { notBefore: 0n, notAfter: 2n ** 40n } }
  const newClient = () => client(`member-${born++}`, random, always)
  const first = await newClient()
  const { suite, own, signaturePrivateKey } = first
  const state = createGroup({
    config: defaultConfig,
    suite,
    groupId: ascii(seed),
    own,
    signaturePrivateKey,
    random,
  })
  let group: Anyone[] = [{ kind: 'ours', client: first, state }]
  const start = [await newClient(), await newClient(), await newClient(), await newClient()]
  const made = await commit(group[0]!, { add: start, remove: [] }, random)
  for (const [i, joiner] of start.entries())
    group.push(await join(i % 2 === 0 ? 'theirs' : 'ours', joiner, made.welcome!))
  for (let round = 0; round < 12; round++) {
    const by = group[below(random, group.length)]!
    const others = group.filter((member) => member !== by)
    const change: Change = { add: [], remove: [] }
    const dice = below(random, 4)
    if (dice === 0) change.add.push(await newClient())
    const removable = others.filter((member) => member.kind === 'ours')
    const victim =
      dice === 1 && removable.length > 1 ? removable[below(random, removable.length)] : undefined
    if (victim) change.remove.push(leafOf(victim))
    const { message, welcome } = await commit(by, change, random)
    for (const other of others) await receive(other, message)
    group = group.filter((member) => member !== victim)
    for (const joiner of change.add) group.push(await join('ours', joiner, welcome!))
    expect(new Set(group.map(authenticator)).size).toBe(1)
    const speaker = group[below(random, group.length)]!
    const text = ascii(`round ${round}`)
    const said = await say(speaker, text, random)
    for (const member of group)
      if (member !== speaker) expect(await receive(member, said)).toBe(toHex(text))
    for (const member of group)
      if (member.kind === 'ours') checkTree(member.state.suite, member.state.tree)
  }
  expect(group.some((member) => member.kind === 'theirs')).toBe(true)
}

describe('beside ts-mls', () => {
  for (const seed of (process.env['MLS_DIFFERENTIAL_SEEDS'] ?? 'fir,larch').split(','))
    it(`agrees in a mixed group, seed ${seed}`, async () => {
      await run(seed)
    })
  it('writes what ts-mls reads back byte for byte', async () => {
    const one = await client('bytes', seeded('bytes'))
    const { keyPackage } = one.own
    const bytes = encode(standardWire.message, { kind: 'keyPackage', keyPackage })
    expect(peer.encodeMlsMessage(peer.decodeMlsMessage(bytes, 0)![0])).toEqual(bytes)
    expect(decodeMessage(bytes)).toEqual({ kind: 'keyPackage', keyPackage })
  })
})
