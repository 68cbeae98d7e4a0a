import {
  aes128GcmSuite,
  basicCapabilities,
  basicCredential,
  chacha20Poly1305Suite,
  createKeyPackage,
  encode,
  keyPackageCodec,
  platformRandom,
  type KeyPackageOptions,
} from '@xmtp-ts/mls'
import { openMemoryV3Store } from '@xmtp-ts/node'
import {
  GetIdentityUpdatesRequest,
  GetIdentityUpdatesResponse,
  GetInboxIdsRequest,
  PublishIdentityUpdateRequest,
  VerifySmartContractWalletSignaturesRequest,
} from '@xmtp-ts/proto/identity/api/v1/identity'
import { IdentifierKind, IdentityUpdate } from '@xmtp-ts/proto/identity/associations/association'
import { MlsCredential } from '@xmtp-ts/proto/identity/credential'
import {
  BatchPublishCommitLogRequest,
  BatchQueryCommitLogRequest,
  FetchKeyPackagesRequest,
  FetchKeyPackagesResponse,
  SendGroupMessagesRequest,
  SendWelcomeMessagesRequest,
  SubscribeGroupMessagesRequest,
  SubscribeWelcomeMessagesRequest,
  UploadKeyPackageRequest,
} from '@xmtp-ts/proto/mls/api/v1/mls'
import { v3 } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
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

// What libxmtp never sends: refused with a code that says whose fault it is, and nothing of it is stored.

const mls = '/xmtp.mls.api.v1.MlsApi'
const identity = '/xmtp.identity.api.v1.IdentityApi'
const none = new Uint8Array()
const key = new Uint8Array(32).fill(3)

async function open() {
  const contracts = { verify: (check: v3.ContractCheck) => Promise.resolve(chain(check)) }
  const store = openMemoryV3Store()
  const node = await startNode({ v3: store, contracts })
  return { client: grpcClient(node), store }
}

describe('identity updates', () => {
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

  async function openLog() {
    const { client, store } = await open()
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

  it.each<[string, Signer, (signer: Signer) => Step]>([
    ['a wallet', alice, (by) => revoke(by, bob)],
    ['a contract wallet', safe, (by) => add(by, laptop)],
    ['a passkey', touch, (by) => add(by, laptop)],
  ])('a replayed signature of %s is INVALID_ARGUMENT', async (_name, signer, step) => {
    const { publish, length } = await openLog()
    await publish(update(everybody))
    const by = replaying(signer)
    const first = update([step(by)])
    await publish(first)
    // Of the same text, so that the signature holds: one that was seen is none.
    await expect(
      publish({ ...first, clientTimestampNs: first.clientTimestampNs + 1n }),
    ).rejects.toMatchObject({ code: 3, details: expect.stringMatching(/replayed/) })
    expect(await length()).toBe(2)
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
        item: { topic, digest: key, encode: () => none },
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
})

describe('key packages', () => {
  const nowSeconds = BigInt(Math.floor(Date.now() / 1_000))
  const credential = basicCredential(MlsCredential.encode({ inboxId: 'ab'.repeat(32) }).finish())
  const right: KeyPackageOptions = {
    suite: chacha20Poly1305Suite,
    signaturePrivateKey: key,
    credential,
    capabilities: basicCapabilities(chacha20Poly1305Suite),
    lifetime: { notBefore: nowSeconds - 10n, notAfter: nowSeconds + 1_000n },
    random: platformRandom,
  }
  const upload = (client: ReturnType<typeof grpcClient>, bytes: Uint8Array) =>
    client.unary(
      `${mls}/UploadKeyPackage`,
      UploadKeyPackageRequest.encode({
        keyPackage: { keyPackageTlsSerialized: bytes },
        isInboxIdCredential: true,
      }).finish(),
    )
  const stored = async (client: ReturnType<typeof grpcClient>) =>
    FetchKeyPackagesResponse.decode(
      await client.unary(
        `${mls}/FetchKeyPackages`,
        FetchKeyPackagesRequest.encode({ installationKeys: [v3.installationKey(key)] }).finish(),
      ),
    ).keyPackages[0]!.keyPackageTlsSerialized.length

  it.each<[string, Partial<KeyPackageOptions>]>([
    ['of yesterday', { lifetime: { notBefore: 0n, notAfter: nowSeconds - 5n } }],
    [
      'of tomorrow',
      { lifetime: { notBefore: nowSeconds + 3_600n, notAfter: nowSeconds + 9_999n } },
    ],
    ['without an end', { lifetime: { notBefore: 1n, notAfter: 0n } }],
    [
      'of another suite',
      { suite: aes128GcmSuite, capabilities: basicCapabilities(aes128GcmSuite) },
    ],
    ['with a certificate', { credential: { type: 2, certificates: [Uint8Array.of(1)] } }],
    ['with an unknown credential', { credential: { type: 77, data: Uint8Array.of(1) } }],
    ['with a credential of noise', { credential: basicCredential(Uint8Array.of(0xff, 1)) }],
    ['with an empty credential', { credential: basicCredential(none) }],
    [
      'that cannot do its own suite',
      { capabilities: { ...right.capabilities, cipherSuites: [1] } },
    ],
    [
      'that cannot do its own credential',
      { capabilities: { ...right.capabilities, credentials: [2] } },
    ],
    [
      'of another protocol version only',
      { capabilities: { ...right.capabilities, versions: [2] } },
    ],
    [
      'with an extension that it cannot do',
      { leafExtensions: [{ type: 0xff77, data: Uint8Array.of(1) }] },
    ],
  ])('%s are INVALID_ARGUMENT', async (_name, change) => {
    const { client } = await open()
    const { keyPackage } = await createKeyPackage({ ...right, ...change })
    await expect(upload(client, encode(keyPackageCodec, keyPackage))).rejects.toMatchObject({
      code: 3,
      details: expect.stringMatching(/^invalid identity: /),
    })
    expect(await stored(client)).toBe(0)
  })

  it('signed by somebody else, or changed behind the signature, are INVALID_ARGUMENT', async () => {
    const { client } = await open()
    const { keyPackage } = await createKeyPackage(right)
    const { keyPackage: other } = await createKeyPackage(right)
    for (const spoiled of [
      { ...keyPackage, leafNode: other.leafNode },
      { ...keyPackage, initKey: other.initKey },
      { ...keyPackage, initKey: keyPackage.leafNode.encryptionKey },
      { ...keyPackage, leafNode: { ...keyPackage.leafNode, signatureKey: new Uint8Array(31) } },
    ])
      await expect(upload(client, encode(keyPackageCodec, spoiled))).rejects.toMatchObject({
        code: 3,
      })
    expect(await stored(client)).toBe(0)
    await upload(client, encode(keyPackageCodec, keyPackage))
    expect(await stored(client)).toBeGreaterThan(0)
  })
})

describe('too much at once is INVALID_ARGUMENT', () => {
  const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)
  const message = {
    version: {
      $case: 'v1' as const,
      value: { data: none, senderHmac: none, shouldPush: false },
    },
  }
  const commitLogEntry = { groupId: key, serializedCommitLogEntry: key, signature: undefined }

  it.each<[string, string, Uint8Array, RegExp]>([
    [
      '1,001 group messages',
      `${mls}/SendGroupMessages`,
      SendGroupMessagesRequest.encode({ messages: times(1_001, message) }).finish(),
      /1000 messages/,
    ],
    [
      '1,001 welcomes',
      `${mls}/SendWelcomeMessages`,
      SendWelcomeMessagesRequest.encode({
        messages: times(1_001, { version: undefined }),
      }).finish(),
      /1000 messages/,
    ],
    [
      '11 commit log entries',
      `${mls}/BatchPublishCommitLog`,
      BatchPublishCommitLogRequest.encode({ requests: times(11, commitLogEntry) }).finish(),
      /cannot exceed 10 inserts in single batch/,
    ],
    [
      '21 commit log queries',
      `${mls}/BatchQueryCommitLog`,
      BatchQueryCommitLogRequest.encode({
        requests: times(21, { groupId: key, pagingInfo: undefined }),
      }).finish(),
      /cannot exceed 20 queries in single batch/,
    ],
    [
      '1,001 inboxes',
      `${identity}/GetIdentityUpdates`,
      GetIdentityUpdatesRequest.encode({
        requests: times(1_001, { inboxId: 'ab'.repeat(32), sequenceId: 0n }),
      }).finish(),
      /1000 requests/,
    ],
    [
      '10,001 identifiers',
      `${identity}/GetInboxIds`,
      GetInboxIdsRequest.encode({
        requests: times(10_001, {
          identifier: 'x',
          identifierKind: IdentifierKind.IDENTIFIER_KIND_ETHEREUM,
        }),
      }).finish(),
      /10000 requests/,
    ],
    [
      '101 contract signatures',
      `${identity}/VerifySmartContractWalletSignatures`,
      VerifySmartContractWalletSignaturesRequest.encode({
        signatures: times(101, {
          accountId: 'x',
          blockNumber: undefined,
          signature: none,
          hash: none,
        }),
      }).finish(),
      /100 signatures/,
    ],
  ])('%s', async (_name, path, request, details) => {
    const { client } = await open()
    await expect(client.unary(path, request)).rejects.toMatchObject({
      code: 3,
      details: expect.stringMatching(details),
    })
  })

  it.each<[string, string, (count: number) => Uint8Array]>([
    [
      'SubscribeGroupMessages',
      'groups',
      (count) =>
        SubscribeGroupMessagesRequest.encode({
          filters: Array.from({ length: count }, (_, index) => ({
            groupId: Buffer.from(String(index)),
            idCursor: 0n,
          })),
        }).finish(),
    ],
    [
      'SubscribeWelcomeMessages',
      'installations',
      (count) =>
        SubscribeWelcomeMessagesRequest.encode({
          filters: Array.from({ length: count }, (_, index) => ({
            installationKey: Buffer.from(String(index).padStart(32)),
            idCursor: 0n,
          })),
        }).finish(),
    ],
  ])('10,001 filters of %s; 10,000 %s are served', async (method, _what, request) => {
    const { client } = await open()
    const { status } = client.stream(`${mls}/${method}`, request(10_001))
    expect(await status).toMatchObject({
      code: 3,
      details: 'cannot exceed 10000 filters in single stream',
    })
    const { opened } = client.stream(`${mls}/${method}`, request(10_000))
    expect((await opened).get('subscribed')).toEqual(['true'])
  })
})
