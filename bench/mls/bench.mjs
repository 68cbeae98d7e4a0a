/**
 * MLS: ours beside ts-mls 1.6.4, suite 0x0003, the same group and the same messages for both.
 *
 *   npx tsc -b packages/mls packages/mls/tsconfig.node.json && node --expose-gc bench/mls/bench.mjs [sizes…]
 *
 * Times are medians in milliseconds. "native" is ts-mls over the same node:crypto primitives that ours uses, "default" with
 * the provider it ships.
 */
import * as peer from '@xmtp-ts/peer-ts-mls'
import {
  adoptCommit,
  changesSince,
  createCommit,
  createGroup,
  defaultConfig as config,
  encryptMessage,
  joinGroup,
  loadGroup,
  platformRandom as random,
  processMessage,
} from '@xmtp-ts/mls'
import * as platform from '../../packages/mls/dist/crypto/platform.node.js'
import { nativeImpl } from './native-ts-mls.mjs'
import { addOf, client, clients, longLivedGroup, suite } from './world.mjs'

const sizes = process.argv.slice(2).map(Number)
if (sizes.length === 0) sizes.push(2, 10, 100, 1000, 5000)
const text = new Uint8Array(100).fill(7)
const defaultImpl = await peer.getCiphersuiteImpl(peer.getCiphersuiteFromName(nativeImpl.name))

/** Median of as many runs as fit into about a second, three at least. */
async function median(run, budgetMs = 800) {
  await run()
  const times = []
  const start = performance.now()
  while (times.length < 3 || (performance.now() - start < budgetMs && times.length < 200)) {
    const from = performance.now()
    await run()
    times.push(performance.now() - from)
  }
  times.sort((x, y) => x - y)
  return times[times.length >> 1]
}

/** The peer's figure, or NaN where it fails: its encoder recurses once per item and runs out of stack at 5,000 members. */
async function attempt(measure) {
  try {
    return await measure()
  } catch (error) {
    console.log(`       ts-mls fails: ${String(error).slice(0, 80)}`)
    return Number.NaN
  }
}

async function once(run) {
  const from = performance.now()
  await run()
  return performance.now() - from
}

const rows = []
function row(size, what, values) {
  rows.push({ size, what, ...values })
  const shown = Object.entries(values).map(([name, value]) => `${name} ${value.toFixed(3)}`)
  const ratio =
    values.native && values.ours ? `  native/ours ${(values.native / values.ours).toFixed(1)}` : ''
  console.log(`${String(size).padStart(5)}  ${what.padEnd(22)} ${shown.join('  ')}${ratio}`)
}

const peerPackage = (joiner) => {
  const [message] = peer.decodeMlsMessage(peerEncodeKeyPackage(joiner.own.keyPackage), 0)
  return message.keyPackage
}
import { encode } from '../../packages/mls/dist/codec/tls.js'
import { standardWire } from '../../packages/mls/dist/message/wire.js'
const peerEncodeKeyPackage = (keyPackage) =>
  encode(standardWire.message, { kind: 'keyPackage', keyPackage })
const peerPrivate = (joiner) => ({
  initPrivateKey: joiner.own.initPrivateKey,
  hpkePrivateKey: joiner.own.leafPrivateKey,
  signaturePrivateKey: joiner.signaturePrivateKey,
})
const peerAdd = (joiner) => ({ proposalType: 'add', add: { keyPackage: peerPackage(joiner) } })
const peerConfig = {
  keyRetentionConfig: {
    retainKeysForGenerations: 5,
    retainKeysForEpochs: 3,
    maximumForwardRatchetSteps: 1000,
  },
  lifetimeConfig: peer.defaultLifetimeConfig,
  keyPackageEqualityConfig: peer.defaultKeyPackageEqualityConfig,
  paddingConfig: { kind: 'alwaysPad', paddingLength: 0 },
  authService: peer.defaultAuthenticationService,
}

async function peerJoin(welcome, joiner, impl) {
  const [message] = peer.decodeMlsMessage(welcome, 0)
  return peer.joinGroup(
    message.welcome,
    peerPackage(joiner),
    peerPrivate(joiner),
    peer.emptyPskIndex,
    impl,
    undefined,
    undefined,
    peerConfig,
  )
}

async function peerRead(state, bytes, impl) {
  const [message] = peer.decodeMlsMessage(bytes, 0)
  return peer.processPrivateMessage(state, message.privateMessage, peer.emptyPskIndex, impl)
}

function heap() {
  for (let i = 0; i < 4; i++) globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Bytes per group, over several groups so that what is shared by all does not count. */
async function memory(count, make) {
  const kept = [await make()]
  const before = heap()
  for (let i = 0; i < count; i++) kept.push(await make())
  const bytes = (heap() - before) / count
  return kept.length > 0 ? bytes / 1024 : 0
}

async function createAll(size) {
  const people = await clients(size)
  const [first] = people
  const { own, signaturePrivateKey } = first
  const groupId = random(16)
  const ours = await once(async () => {
    const alone = createGroup({ suite, groupId, own, signaturePrivateKey, config, random })
    const commit = await createCommit(alone, { proposals: people.slice(1).map(addOf), random })
    adoptCommit(commit.state, commit.staged)
  })
  const adds = people.slice(1).map(peerAdd)
  const theirs = (impl) => async () => {
    const group = await peer.createGroup(
      groupId,
      peerPackage(first),
      peerPrivate(first),
      [],
      impl,
      peerConfig,
    )
    await peer.createCommit(
      { state: group, cipherSuite: impl },
      { extraProposals: adds, ratchetTreeExtension: true },
    )
  }
  if (size > 1000) return row(size, 'create with all', { ours })
  row(size, 'create with all', { ours, native: await once(theirs(nativeImpl)) })
}

async function bench(size) {
  await createAll(size)
  const people = await clients(Math.max(size - 2, 1))
  const [us, them, extra] = [await client('us'), await client('them'), await client('extra')]
  const { state: founder, welcome } = await longLivedGroup(people, [us, them])
  const join = async () => {
    const { own, signaturePrivateKey } = us
    return (await joinGroup(welcome, { keyPackages: [own], signaturePrivateKey, config })).state
  }
  const ours = await join()
  const theirs = await peerJoin(welcome, them, nativeImpl)
  const shipped = size <= 1000 ? await peerJoin(welcome, them, defaultImpl) : undefined
  const budget = size >= 1000 ? 1500 : 500
  const compare = async (what, mine, other) => {
    const values = {
      ours: await median(mine, budget),
      native: await attempt(() => median(() => other(theirs, nativeImpl), budget)),
    }
    if (shipped)
      values.default = await attempt(() => median(() => other(shipped, defaultImpl), budget))
    row(size, what, values)
  }

  await compare('join from welcome', join, (_, impl) => peerJoin(welcome, them, impl))
  const peerCommit = (state, impl, extraProposals) =>
    peer.createCommit({ state, cipherSuite: impl }, { extraProposals, ratchetTreeExtension: true })
  await compare(
    'add one',
    () => createCommit(ours, { proposals: [addOf(extra)], random }),
    (state, impl) => peerCommit(state, impl, [peerAdd(extra)]),
  )
  if (size > 2)
    await compare(
      'remove one',
      () => createCommit(ours, { proposals: [{ kind: 'remove', removed: 1 }], random }),
      (state, impl) =>
        peerCommit(state, impl, [{ proposalType: 'remove', remove: { removed: 1 } }]),
    )
  await compare(
    'self-update',
    () => createCommit(ours, { random }),
    (state, impl) => peerCommit(state, impl, []),
  )
  const { message: commit } = await createCommit(founder, { random })
  await compare(
    'process a commit',
    async () => {
      const received = await processMessage(ours, commit)
      adoptCommit(received.state, received.staged)
    },
    (state, impl) => peerRead(state, commit, impl),
  )
  await compare(
    'encrypt 100 B, first',
    () => encryptMessage(ours, text, { random }),
    (state, impl) => peer.createApplicationMessage(state, text, impl),
  )
  const begun = (await encryptMessage(ours, text, { random })).state
  const peerBegun = (await peer.createApplicationMessage(theirs, text, nativeImpl)).newState
  row(size, 'encrypt 100 B, later', {
    ours: await median(() => encryptMessage(begun, text, { random }), budget),
    native: await median(() => peer.createApplicationMessage(peerBegun, text, nativeImpl), budget),
  })
  const { message } = await encryptMessage(founder, text, { random })
  await compare(
    'decrypt 100 B, first',
    () => processMessage(ours, message),
    (state, impl) => peerRead(state, message, impl),
  )
  // From the second message of a sender on, nothing of the tree is left to split: the price of most messages.
  const second = (
    await encryptMessage((await encryptMessage(founder, text, { random })).state, text, { random })
  ).message
  const later = (await processMessage(ours, message)).state
  const peerLater = (await peerRead(theirs, message, nativeImpl)).newState
  row(size, 'decrypt 100 B, later', {
    ours: await median(() => processMessage(later, second), budget),
    native: await median(() => peerRead(peerLater, second, nativeImpl), budget),
  })
  await compare(
    'serialise and load',
    () =>
      loadGroup(changesSince(undefined, ours).put, {
        signaturePrivateKey: us.signaturePrivateKey,
        config,
      }),
    (state) => peer.decodeGroupState(peer.encodeGroupState(state), 0),
  )
  const stored = [...changesSince(undefined, ours).put.values()].reduce(
    (sum, b) => sum + b.length,
    0,
  )
  const received = await processMessage(ours, commit)
  const delta = changesSince(ours, adoptCommit(received.state, received.staged))
  const changed = [...delta.put.values()].reduce((sum, b) => sum + b.length, 0)
  row(size, 'stored KB: all, commit', {
    all: stored / 1024,
    commit: changed / 1024,
    peer: await attempt(async () => peer.encodeGroupState(theirs).length / 1024),
  })
  if (globalThis.gc && size >= 100) {
    const groups = size >= 5000 ? 4 : 10
    row(size, 'memory KB per group', {
      ours: await memory(groups, join),
      native: await memory(groups, () => peerJoin(welcome, them, nativeImpl)),
    })
  }
}

async function bareCost() {
  const key = random(32)
  const { publicKey, sign, verify } = platform.ed25519
  const pub = publicKey(key)
  const signature = sign(key, text)
  const aeadKey = random(32)
  const nonce = random(12)
  const sealed = platform.chacha20Poly1305.seal(aeadKey, nonce, text, text)
  const derive = (times) => {
    for (let i = 0; i < times; i++) platform.hmacSha256(key, text)
  }
  const aead = platform.chacha20Poly1305
  const encrypt = await median(() => {
    derive(5)
    void sign(key, text)
    aead.seal(aeadKey, nonce, text, text)
    aead.seal(aeadKey, nonce, text, text.subarray(0, 12))
  })
  const decrypt = await median(() => {
    derive(5)
    void verify(pub, text, signature)
    aead.open(aeadKey, nonce, text, sealed)
    aead.open(aeadKey, nonce, text, sealed)
  })
  row(0, 'bare cost of a message', { encrypt, decrypt })
}

console.log(`node ${process.version}; ms, median`)
await bareCost()
for (const size of sizes) await bench(size)
