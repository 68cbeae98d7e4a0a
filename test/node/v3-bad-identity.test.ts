import { openMemoryV3Store } from '@xmtp-ts/node'
import {
  GetIdentityUpdatesRequest,
  GetIdentityUpdatesResponse,
  PublishIdentityUpdateRequest,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import { v3 } from '@xmtp-ts/protocol'
import { expect, it } from 'vitest'
import {
  chain,
  compose,
  contract,
  installation,
  legacyKey,
  passkey,
  wallet,
  type Actor,
  type Step,
} from '../vectors/v3/actors.ts'
import { closeAfterEach, grpcClient, startNode } from './support.ts'

closeAfterEach()

// Identity updates that libxmtp never sends: refused with a code that says whose fault it is, and nothing is stored.

const identity = '/xmtp.identity.api.v1.IdentityApi'
const none = new Uint8Array()
const digest = new Uint8Array(32)

async function open(onAsked: (check: v3.ContractCheck) => void) {
  const contracts = {
    verify: async (check: v3.ContractCheck) => {
      onAsked(check)
      return chain(check)
    },
  }
  const store = openMemoryV3Store()
  const node = await startNode({ v3: store, contracts })
  return { client: grpcClient(node), store }
}

const [alice, bob, carol] = [wallet(0), wallet(1), wallet(2)]
const [phone, laptop] = [installation(0), installation(1)]
const safe = contract(0)
const safeElsewhere = contract(0, 'eip155:10')
const touch = passkey(0)
const inboxId = v3.deriveInboxId(alice.identifier, 1n)
type Signer = Pick<Actor, 'sign'>

const create = (owner: Actor, by: Signer = owner, nonce = 1n): Step => ({
  kind: 'createInbox',
  identifier: owner.identifier as v3.Identifier,
  nonce,
  by: [by],
})
const add = (existing: Signer, member: Actor, by: Signer = member): Step => ({
  kind: 'add',
  member: member.identifier,
  by: [existing, by],
})
const revoke = (by: Signer, member: Actor): Step => ({
  kind: 'revoke',
  member: member.identifier,
  by: [by],
})
const changeRecovery = (by: Signer, to: Actor): Step => ({
  kind: 'changeRecovery',
  identifier: to.identifier as v3.Identifier,
  by: [by],
})

/** Signs another text than the one it is asked to sign. */
const forging = (signer: Signer): Signer => ({ sign: () => signer.sign('something else') })
/** Gives the signature that it gave first, for whatever it is asked later. */
const replaying = (signer: Signer): Signer => {
  let first: v3.IdentitySignature | undefined
  return {
    sign: (text) => {
      first ??= signer.sign(text)
      return first
    },
  }
}

let seconds = 1_700_000_000n
const update = (steps: readonly Step[], of = inboxId): v3.IdentityUpdate => {
  seconds += 1n
  return compose({ inboxId: of, clientTimestampNs: seconds * 1_000_000_000n, steps })
}

async function openLog(onAsked: (check: v3.ContractCheck) => void = () => {}) {
  const { client, store } = await open(onAsked)
  const publish = (content: v3.IdentityUpdate) =>
    client.unary(
      `${identity}/PublishIdentityUpdate`,
      PublishIdentityUpdateRequest.encode({
        identityUpdate: IdentityUpdate.decode(v3.encodeIdentityUpdate(content)),
      }).finish(),
    )
  const length = async (of = inboxId) =>
    GetIdentityUpdatesResponse.decode(
      await client.unary(
        `${identity}/GetIdentityUpdates`,
        GetIdentityUpdatesRequest.encode({
          requests: [{ inboxId: of, sequenceId: 0n }],
        }).finish(),
      ),
    ).responses[0]!.updates.length
  return { client, store, publish, length }
}

const everybody = [
  create(alice),
  add(alice, bob),
  add(alice, phone),
  add(alice, safe),
  add(alice, touch),
]

it.each<[string, Step[]]>([
  ['a wallet', [add(forging(alice), carol)]],
  ['a new wallet', [add(alice, carol, forging(carol))]],
  ['an installation', [add(alice, laptop, forging(laptop))]],
  ['a contract wallet', [add(forging(safe), carol)]],
  ['a passkey', [add(forging(touch), carol)]],
  ['a V2 key', [add(forging(legacyKey(alice)), carol)]],
])('a forged signature of %s is INVALID_ARGUMENT', async (_name, steps) => {
  const { publish, length } = await openLog()
  await publish(update(everybody))
  await expect(publish(update(steps))).rejects.toMatchObject({ code: 3 })
  expect(await length()).toBe(1)
})

/** The same steps once more in the same second: the text is the same, so that a signature of the first time holds. */
const again = ({ clientTimestampNs }: v3.IdentityUpdate, steps: readonly Step[], of = inboxId) =>
  compose({ inboxId: of, clientTimestampNs: clientTimestampNs + 1n, steps })

// A passkey never gives the same signature twice: beside it, the other one alone is the replay.
it.each<[string, Signer, (signer: Signer) => Step]>([
  ['a wallet', alice, (by) => revoke(by, bob)],
  ['a wallet that adds', bob, (by) => add(by, passkey(1))],
  ['a wallet that is added', carol, (by) => add(touch, carol, by)],
  ['a wallet that changes recovery', alice, (by) => changeRecovery(by, alice)],
  ['an installation that adds', phone, (by) => add(by, passkey(1))],
  ['an installation that is added', laptop, (by) => add(touch, laptop, by)],
  ['a contract wallet', safe, (by) => add(by, passkey(1))],
  ['a passkey', touch, (by) => add(by, laptop)],
])('a replayed signature of %s is INVALID_ARGUMENT', async (_name, signer, step) => {
  const { publish, length } = await openLog()
  await publish(update(everybody))
  const steps = [step(replaying(signer))]
  const first = update(steps)
  await publish(first)
  await expect(publish(again(first, steps))).rejects.toMatchObject({
    code: 3,
    details: expect.stringMatching(/signature\.replayed.*Replay detected/),
  })
  expect(await length()).toBe(2)
})

it.each<[string, (v: number) => number]>([
  ['with v as 0 or 1', (v) => v - 27],
  ['with v as it was', (v) => v],
])('a wallet signature is a replay %s', async (_name, respelled) => {
  const { publish, length } = await openLog()
  await publish(update(everybody))
  const first = update([revoke(alice, bob)])
  await publish(first)
  const spelled: Signer = {
    sign: (text) => {
      const { bytes } = alice.sign(text)
      return { kind: 'erc191', bytes: bytes.with(64, respelled(bytes[64]!)) }
    },
  }
  await expect(publish(again(first, [revoke(spelled, bob)]))).rejects.toMatchObject({
    code: 3,
    details: expect.stringMatching(/signature\.replayed/),
  })
  expect(await length()).toBe(2)
})

it('a V2 key serves once in an inbox, whatever it signs; another V2 key of the wallet serves too', async () => {
  const { publish, length } = await openLog()
  const old = v3.deriveInboxId(alice.identifier, 0n)
  await publish(update([create(alice, legacyKey(alice), 0n)], old))
  await expect(publish(update([add(legacyKey(alice), bob)], old))).rejects.toMatchObject({
    code: 3,
    details: expect.stringMatching(/signature\.replayed/),
  })
  expect(await length(old)).toBe(1)
  await publish(update([add(legacyKey(alice, 1), bob)], old))
  expect(await length(old)).toBe(2)
})

it.each<[string, Step[], RegExp]>([
  ['a second beginning', [create(alice)], /log\.created/],
  ['a stranger who adds', [add(carol, laptop)], /signer\.notAllowed/],
  ['a new member who did not sign', [add(alice, carol, bob)], /signature\.wrongSigner/],
  ['a member who adds itself', [add(bob, bob)], /member\.self/],
  ['an installation that adds one', [add(phone, laptop)], /member\.byInstallation/],
  ['a member who revokes but is not the recovery', [revoke(bob, phone)], /signer\.notAllowed/],
  ['a stranger who revokes', [revoke(carol, bob)], /signer\.notAllowed/],
  ['a stranger who changes recovery', [changeRecovery(carol, carol)], /signer\.notAllowed/],
  ['a V2 key that revokes', [revoke(legacyKey(alice), bob)], /signature\.wrongKind/],
  ['a V2 key that changes recovery', [changeRecovery(legacyKey(alice), bob)], /wrongKind/],
  ['a wallet that is added by itself', [add(alice, alice)], /member\.self/],
  ['a V2 key outside of its inbox', [add(legacyKey(alice), carol)], /legacyReused/],
  ['a contract wallet from another chain', [add(safeElsewhere, carol)], /chainChanged/],
  [
    'one wrong action among right ones',
    [add(alice, carol), revoke(bob, phone)],
    /signer\.notAllowed/,
  ],
])('a log does not take %s', async (_name, steps, text) => {
  const { publish, length } = await openLog()
  await publish(update(everybody))
  await expect(publish(update(steps))).rejects.toMatchObject({
    code: 3,
    details: expect.stringMatching(text),
  })
  expect(await length()).toBe(1)
})

it('a log begins with its creation, in the inbox that follows from it, by its owner', async () => {
  const { publish, length } = await openLog()
  const ofBob = v3.deriveInboxId(bob.identifier, 1n)
  for (const wrong of [
    update([add(alice, bob)]),
    update([revoke(alice, bob)]),
    update([changeRecovery(alice, bob)]),
    update([add(alice, bob), create(alice)]),
    update([create(alice), create(alice)]),
    update([create(alice)], ofBob),
    update([create(alice, bob)]),
    update([create(alice, legacyKey(alice))]),
  ])
    await expect(publish(wrong)).rejects.toMatchObject({ code: 3 })
  expect([await length(), await length(ofBob)]).toEqual([0, 0])
})

it('a full log is FAILED_PRECONDITION, at 256 updates', { timeout: 60_000 }, async () => {
  const { publish, length, store } = await openLog()
  await publish(update(everybody))
  // As if 254 more had come, which would take a while to sign.
  const topic = `/xmtp/mls/1/i-${inboxId}/proto`
  const stored = (await store.identity.stateOf(topic))!
  const state = { ...v3.decodeAssociationState(stored.state), updateCount: 255 }
  await store.identity.append(
    {
      item: { topic, digest, encode: () => none },
      inboxId,
      after: stored.sequence,
      state: v3.encodeAssociationState(state),
      added: [],
      removed: [],
    },
    1,
  )
  await publish(update([add(alice, carol)]))
  await expect(publish(update([revoke(alice, carol)]))).rejects.toMatchObject({
    code: 9,
    details: expect.stringMatching(/log\.full/),
  })
  expect(await length()).toBe(3)
})

it('more than 100 contract signatures are INVALID_ARGUMENT, and no chain is asked', async () => {
  const asked: v3.ContractCheck[] = []
  const { publish, length } = await openLog((check) => void asked.push(check))
  const safes = Array.from({ length: 101 }, (_, number) => add(alice, contract(number)))
  const refused = publish(update([create(alice), ...safes]))
  await expect(refused).rejects.toMatchObject({
    code: 3,
    details: expect.stringMatching(/101 contract signatures/),
  })
  expect([asked, await length()]).toEqual([[], 0])
  await publish(update([create(alice), ...safes.slice(1)]))
  expect([asked.length, await length()]).toEqual([100, 1])
})

it('the bytes of a log are bounded too, so that it fits beside others into one answer', async () => {
  const { publish, store } = await openLog()
  await publish(update(everybody))
  const topic = `/xmtp/mls/1/i-${inboxId}/proto`
  const stored = (await store.identity.stateOf(topic))!
  await store.identity.append(
    {
      item: { topic, digest, encode: () => new Uint8Array(1_048_576) },
      inboxId,
      after: stored.sequence,
      state: stored.state,
      added: [],
      removed: [],
    },
    1,
  )
  await expect(publish(update([add(alice, carol)]))).rejects.toMatchObject({
    code: 9,
    details: expect.stringMatching(/log\.full.*bytes/),
  })
  expect(await store.identity.log.head()).toBe(2)
})

/** A field of protobuf that has fewer than 128 bytes. */
const field = (number: number, ...bytes: readonly number[]) => [
  (number << 3) | 2,
  bytes.length,
  ...bytes,
]
const unknown = field(15)
const ofBob = field(1, ...Buffer.from(v3.identifierText(bob.identifier)))

it.each<[string, readonly number[], RegExp]>([
  ['an action that no schema knows', field(1, ...unknown), /update\.malformed/],
  ['an action of nothing', field(1), /update\.malformed/],
  [
    'a signature that no schema knows',
    field(1, ...field(1, ...ofBob, ...field(3, ...unknown))),
    /signature\.malformed/,
  ],
  [
    'a wallet signature of no bytes',
    field(1, ...field(1, ...ofBob, ...field(3, ...field(1)))),
    /signature\.malformed/,
  ],
])('%s does not get in, and other logs are read as before', async (_name, action, details) => {
  const { client, publish } = await openLog()
  await publish(update(everybody))
  const other = v3.deriveInboxId(bob.identifier, 0n)
  const rest = IdentityUpdate.encode({ inboxId: other, clientTimestampNs: 1n, actions: [] })
  const raw = [...action, ...rest.finish()]
  const request = Buffer.of(0x0a, (raw.length & 0x7f) | 0x80, raw.length >> 7, ...raw)
  await expect(client.unary(`${identity}/PublishIdentityUpdate`, request)).rejects.toMatchObject({
    code: 3,
    details: expect.stringMatching(details),
  })
  const { responses } = GetIdentityUpdatesResponse.decode(
    await client.unary(
      `${identity}/GetIdentityUpdates`,
      GetIdentityUpdatesRequest.encode({
        requests: [other, inboxId].map((id) => ({ inboxId: id, sequenceId: 0n })),
      }).finish(),
    ),
  )
  expect(responses.map(({ updates }) => updates.length)).toEqual([0, 1])
})
