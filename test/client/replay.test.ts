import {
  Client,
  GroupMessageKind,
  memoryTransport,
  openMemoryRecords,
  RecordMemory,
  type Refusal,
} from '@xmtp-ts/client'
import { epochAuthenticator } from '@xmtp-ts/mls'
import { describe, expect, it } from 'vitest'
import {
  scenario,
  type CapturedInstallation,
  type Scenario,
} from '../../packages/client/test/capture.ts'
import { addressOf, replayNode, takeOver } from '../../packages/client/test/replay.ts'
import { underPrefix } from '../../packages/client/src/store/record-store.ts'
import { keys } from '../../packages/client/src/v3/records/keys.ts'
import { readGroup } from '../../packages/client/src/v3/group/loaded-group.ts'
import { until } from './world.ts'

async function open(scene: Scenario, name: string) {
  const memory = new RecordMemory()
  await takeOver(openMemoryRecords(memory), scene, name)
  const node = replayNode(scene)
  const refusals: Refusal[] = []
  const failures: unknown[] = []
  const { inboxId } = scene.identity.installations.find((one) => one.name === name)!
  const client = await Client.build(
    { identifier: addressOf(inboxId), identifierKind: 0 },
    {
      transport: memoryTransport(node.endpoint),
      store: openMemoryRecords(memory),
      disableDeviceSync: true,
      onRefused: (refusal) => refusals.push(refusal),
      onError: (error) => failures.push(error),
    },
  )
  return { client, node, memory, refusals, failures }
}

/** The epoch authenticator of each epoch that a store passes through is compared as it comes. */
async function authenticator(
  memory: RecordMemory,
  installation: CapturedInstallation,
  groupId: string,
) {
  const signingKey = Uint8Array.from(Buffer.from(installation.signaturePrivateKey, 'hex'))
  const group = await readGroup(openMemoryRecords(memory), { signingKey }, groupId)
  return group === undefined || group.mls.status === 'removed'
    ? undefined
    : {
        epoch: Number(group.mls.context.epoch),
        value: Buffer.from(epochAuthenticator(group.mls)).toString('hex'),
      }
}

/**
 * What libxmtp stored from the network: not the line that says who added it, which stands at the place of the commit that
 * did, and is local to each.
 */
function storedBy(scene: Scenario, name: string) {
  const { stored } = scene.replay.installations.find((one) => one.name === name)!
  const places = stored.map(({ envelopeId }) => BigInt(envelopeId))
  const first = places.reduce((least, place) => (place < least ? place : least), places[0] ?? 0n)
  return stored.filter(({ envelopeId }) => BigInt(envelopeId) > first)
}

async function expectStored(client: Client, expected: ReturnType<typeof storedBy>) {
  for (const { id, kind, senderInboxId, sentAtNs } of expected)
    expect(await client.conversations.getMessageById(id), id).toMatchObject({
      senderInboxId,
      sentAtNs: BigInt(sentAtNs),
      kind:
        kind === 'application' ? GroupMessageKind.Application : GroupMessageKind.MembershipChange,
    })
}

describe.each(['dm', 'group'])('the capture %s', (capture) => {
  const scene = scenario(capture)
  const name = capture === 'dm' ? 'bo-listener' : 'zed'
  const installation = scene.mls.installations.find((one) => one.name === name)!
  const view = scene.replay.views.find((one) => one.client === name)!
  const [captured] = scene.replay.installations.find((one) => one.name === name)!.groups
  const id = captured!.groupId
  const applied = installation.commitLog.filter(({ result }) => result === 'applied')

  async function check(at: Awaited<ReturnType<typeof open>>) {
    const { client, memory, refusals, failures } = at
    const [conversation] = await client.conversations.list()
    expect(conversation!.id).toBe(id)
    expect(failures).toEqual([])
    // The one commit that breaks the rules of its group, and nothing else.
    expect(refusals.map(({ error }) => error.code)).toEqual(
      capture === 'group' ? ['v3.group.commitRefused'] : [],
    )
    expect(await authenticator(memory, installation, id)).toEqual({
      epoch: Number(view.epoch),
      value: applied.at(-1)!.epochAuthenticatorAfter,
    })
    expect(conversation!.isActive).toBe(view.isActive)
    expect(conversation!.addedByInboxId).toBe(captured!.addedByInboxId)
    expect(conversation!.consentState()).toBe(0)
    expect(await conversation!.metadata()).toEqual(view.metadata)
    const members = await conversation!.members()
    expect(
      members
        .map(({ inboxId, installationIds, permissionLevel }) => ({
          inboxId,
          installationIds: installationIds.toSorted(),
          permissionLevel,
        }))
        .toSorted((a, b) => (a.inboxId < b.inboxId ? -1 : 1)),
    ).toEqual(view.members.toSorted((a, b) => (a.inboxId < b.inboxId ? -1 : 1)))
    const expected = storedBy(scene, name)
    expect(expected.length).toBeGreaterThan(10)
    await expectStored(client, expected)
    // Theirs and the line that says who added us: nothing else was made of the capture.
    const kept = await openMemoryRecords(memory).scan({
      ...underPrefix(keys.messages(id)),
      order: 'ascending',
      limit: 1_000,
    })
    expect(kept).toHaveLength(expected.length + 1)
    if ('name' in conversation!)
      expect({
        name: conversation.name,
        description: conversation.description,
        imageUrl: conversation.imageUrl,
        appData: conversation.appData,
        admins: conversation.listAdmins(),
        superAdmins: conversation.listSuperAdmins(),
        permissions: conversation.permissions(),
      }).toEqual({
        name: view.name,
        description: view.description,
        imageUrl: view.imageUrl,
        appData: view.appData,
        admins: view.admins,
        superAdmins: view.superAdmins,
        permissions: view.permissions,
      })
    await client.close()
  }

  it('gives the lists, members and state of libxmtp when it is read at once', async () => {
    const at = await open(scene, name)
    at.node.showAll()
    await at.client.conversations.syncAll()
    await check(at)
  })

  it('gives the same bit by bit, with the authenticator of every epoch', async () => {
    const at = await open(scene, name)
    const seen = new Map<number, string>()
    while (at.node.show()) {
      await at.client.conversations.syncAll()
      const now = await authenticator(at.memory, installation, id)
      if (now !== undefined) seen.set(now.epoch, now.value)
    }
    const rows = applied.filter(({ groupId }) => groupId === id)
    expect([...seen]).toEqual(
      rows.map(({ epochAfter, epochAuthenticatorAfter }) => [epochAfter, epochAuthenticatorAfter]),
    )
    await check(at)
  })

  it('gives the same by streams', async () => {
    const at = await open(scene, name)
    await using stream = await at.client.conversations.streamAllMessages()
    const arrived: string[] = []
    const reading = (async () => {
      for await (const { id } of stream) arrived.push(id)
    })()
    while (at.node.show()) await new Promise((resolve) => setImmediate(resolve))
    const expected = storedBy(scene, name).map((one) => one.id)
    await until(() => arrived.length === expected.length)
    // In the order of the network, each once.
    expect(arrived).toEqual(expected)
    await check(at)
    await reading
  })
})

/**
 * Those who spoke: the path secrets of their own commits were never on any disk, so they can be followed up to the first
 * one. `alix` of `dm`, `group`, `curve25519` and `commitlog` made its group itself, `jo` left no keys, and `bo` of `devicesync` is in
 * none: nothing leads into those.
 */
const speakers = [
  ['dm', 'bo'],
  ['dm', 'bo2'],
  ['group', 'bo'],
  ['group', 'bo2'],
  ['group', 'caro'],
  ['group', 'dana'],
  ['curve25519', 'bo'],
  ['devicesync', 'alix'],
  ['devicesync', 'alix2'],
  ['commitlog', 'bo'],
] as const

describe.each(speakers)('%s of %s', (capture, name) => {
  const scene = scenario(capture)
  const installation = scene.mls.installations.find((one) => one.name === name)!

  it('is followed up to its own first commit, and what comes then is refused by name', async () => {
    const { client, node, memory, refusals, failures } = await open(scene, name)
    const seen = new Map<string, string>()
    const { groups } = scene.replay.installations.find((one) => one.name === name)!
    while (node.show()) {
      await client.conversations.syncAll()
      for (const { groupId } of groups) {
        const now = await authenticator(memory, installation, groupId)
        if (now !== undefined) seen.set(`${groupId} ${now.epoch}`, now.value)
      }
    }
    const theirs = new Set(
      installation.commitLog
        .filter(({ result }) => result === 'applied')
        .map((row) => `${row.groupId} ${row.epochAfter} ${row.epochAuthenticatorAfter}`),
    )
    expect(seen.size).toBeGreaterThan(0)
    for (const [epoch, value] of seen) expect(theirs).toContain(`${epoch} ${value}`)
    expect(failures).toEqual([])
    // Its own commit, whose secrets are not here; then what came in the epoch that it led to. Commits that lost against
    // it are refused, too: nothing was taken that libxmtp did not take.
    for (const { groupId } of groups) {
      const codes = refusals
        .filter(({ conversationId }) => conversationId === groupId)
        .map(({ error }) => error.details['mlsCode'] ?? error.code)
      expect([undefined, 'client.group.ownCommitLost']).toContain(codes[0])
      for (const code of codes)
        expect(['client.group.ownCommitLost', 'message.epochInFuture']).toContain(code)
    }
    const followed = new Map<string, bigint>()
    for (const { groupId } of groups)
      followed.set(
        groupId,
        refusals.find(({ conversationId }) => conversationId === groupId)?.sequenceId ?? 2n ** 63n,
      )
    const { inboxId } = scene.identity.installations.find((one) => one.name === name)!
    const expected = storedBy(scene, name).filter(
      ({ groupId, envelopeId, senderInboxId, kind }) =>
        BigInt(envelopeId) < followed.get(groupId)! &&
        // What it wrote itself is with its sender alone; what others of its inbox wrote is compared by the epochs.
        senderInboxId !== inboxId &&
        kind === 'application',
    )
    await expectStored(client, expected)
    await client.close()
  })
})
