import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chain, passkey as testPasskey } from '../../../../../test/vectors/v3/actors.ts'
import { systemEnvironment } from '../../environment.ts'
import { createIdentityApi, type IdentityApi } from '../../network/identity-api.ts'
import { createMlsApi, type MlsApi } from '../../network/mls-api.ts'
import { openMemoryRecords } from '../../store/memory-records.ts'
import { memoryTransport } from '../../transport/memory.ts'
import { contractsOf, toInboxSigner, type InboxSigner } from '../signer.ts'
import {
  addAccount,
  changeRecovery,
  removeAccount,
  revokeAllOtherInstallations,
  revokeInstallations,
  revokeInstallationsOf,
} from './accounts.ts'
import { createInboxDirectory } from './directory.ts'
import {
  canMessage,
  fetchInboxId,
  isAddressAuthorized,
  isInstallationAuthorized,
  keyPackageStatuses,
  resolveRecipient,
  resolveRecipients,
  toInboxState,
} from './inbox-state.ts'
import { IdentifierKind } from './public-identifier.ts'
import type { InboxWarning } from './publish-update.ts'
import { register } from './register.ts'

const walletKey = (number: number) => number.toString(16).padStart(64, '0')
const contractAddress = `0x${'c0'.repeat(20)}`

let node: Node
let identity: IdentityApi
let mls: MlsApi

beforeEach(async () => {
  node = await createNode({
    log: openMemoryLog(),
    v3: openMemoryV3Store(),
    contracts: { verify: (check) => Promise.resolve(chain(check)) },
  })
  const options = {
    transport: memoryTransport(node.memory()),
    headers: {},
    environment: systemEnvironment,
  }
  identity = createIdentityApi(options)
  mls = createMlsApi(options)
})

afterEach(() => node[Symbol.asyncDispose]())

const wallet = (number: number) => toInboxSigner(walletKey(number), contractsOf(identity))

/** A passkey; WebAuthn itself is stood in for by a key of this process. */
function passkey(number: number): Promise<InboxSigner> {
  const key = testPasskey(number)
  return toInboxSigner(
    {
      type: 'passkey',
      getIdentifier: () => ({
        identifier: bytesToHex(key.publicKey),
        identifierKind: IdentifierKind.Passkey,
      }),
      async signMessage(text: string) {
        const { bytes: signature, authenticatorData, clientDataJson } = key.sign(text)
        return { signature, authenticatorData, clientDataJson }
      },
    },
    contractsOf(identity),
  )
}

/** A contract wallet; its chain accepts the address followed by the hash. */
function contract(options: { blockNumber?: bigint; lies?: boolean } = {}): Promise<InboxSigner> {
  return toInboxSigner(
    {
      type: 'SCW',
      getIdentifier: () => ({
        identifier: contractAddress,
        identifierKind: IdentifierKind.Ethereum,
      }),
      getChainId: () => 1n,
      ...(options.blockNumber && { getBlockNumber: () => options.blockNumber }),
      signMessage: async (text: string) => {
        const { personalMessageDigest } = await import('@xmtp-ts/protocol')
        const digest = personalMessageDigest(options.lies ? 'another text' : text)
        return Uint8Array.of(...Buffer.from(contractAddress), ...digest)
      },
    },
    contractsOf(identity),
  )
}

async function client(signer: InboxSigner) {
  const store = openMemoryRecords()
  const warnings: InboxWarning[] = []
  const parts = {
    store,
    identity,
    mls,
    environment: systemEnvironment,
    inboxes: createInboxDirectory({ store, api: identity }),
    onWarning: (warning: InboxWarning) => {
      warnings.push(warning)
    },
  }
  const { installation } = await register(parts, signer)
  return { ...parts, self: installation, warnings }
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (error) {
    if (error instanceof XmtpError) return error.code
    throw error
  }
  return 'resolved'
}

const text = (signer: InboxSigner) => v3.identifierText(signer.identifier)

describe('accounts', () => {
  it('of every kind are added, found, and removed', async () => {
    const owner = await wallet(1)
    const parts = await client(owner)
    const added = [await wallet(2), await passkey(1), await contract()]
    for (const signer of added) await addAccount(parts, signer)
    expect(await identity.getInboxIds(added.map(({ identifier }) => identifier))).toEqual(
      added.map(() => parts.self.inboxId),
    )
    for (const { identifier } of added) {
      const { state } = await removeAccount(parts, owner, identifier)
      expect(v3.memberOf(state, identifier)).toBeUndefined()
    }
    expect(await identity.getInboxIds(added.map(({ identifier }) => identifier))).toEqual(
      added.map(() => undefined),
    )
  })

  it.each([
    ['a passkey', () => passkey(2)],
    ['a contract wallet at the latest block', () => contract()],
    ['a contract wallet at a block of its choice', () => contract({ blockNumber: 7n })],
  ])('%s creates an inbox, and grants access to it again', async (_name, make) => {
    const first = await client(await make())
    const second = await client(await make())
    expect(second.self.inboxId).toBe(first.self.inboxId)
    expect(second.self.installationId).not.toEqual(first.self.installationId)
  })

  it('a contract that does not answer for a signature ends it before anything is published', async () => {
    expect(await codeOf(client(await contract({ lies: true })))).toBe(
      'client.signer.contractRefused',
    )
    expect((await identity.getInboxIds([v3.ethereumIdentifier(contractAddress)]))[0]).toBe(
      undefined,
    )
  })

  it('of another inbox are taken only on purpose; one that is there already stays', async () => {
    const [one, two] = [await client(await wallet(1)), await client(await wallet(2))]
    const signer = await wallet(2)
    expect(await codeOf(addAccount(one, signer))).toBe('client.inbox.taken')
    const { sequenceId } = await addAccount(one, signer, { allowReassign: true })
    expect(await identity.getInboxIds([signer.identifier])).toEqual([one.self.inboxId])
    expect((await addAccount(one, signer)).sequenceId).toBe(sequenceId)
    expect(two.self.inboxId).not.toBe(one.self.inboxId)
  })

  it('only the recovery identifier removes, and is asked nothing when it cannot', async () => {
    const parts = await client(await wallet(1))
    const second = await wallet(2)
    await addAccount(parts, second)
    const silent = { ...second, sign: () => Promise.reject(new Error('was asked')) }
    for (const attempt of [
      () => removeAccount(parts, silent, second.identifier),
      () => revokeInstallations(parts, silent, [parts.self.installationId]),
      () => changeRecovery(parts, silent, second.identifier),
      () => revokeAllOtherInstallations(parts, silent),
    ])
      expect(await codeOf(attempt())).toBe('client.inbox.notRecovery')
  })

  it('the recovery identifier names its successor', async () => {
    const [first, second] = [await wallet(1), await wallet(2)]
    const parts = await client(first)
    await changeRecovery(parts, first, second.identifier)
    expect(await codeOf(changeRecovery(parts, first, first.identifier))).toBe(
      'client.inbox.notRecovery',
    )
    await changeRecovery(parts, second, first.identifier)
  })

  it('the same change again within a second waits for the next one', async () => {
    const owner = await wallet(1)
    const other = await wallet(2)
    let nowMs = Date.now()
    const waits: number[] = []
    const environment = {
      ...systemEnvironment,
      nowMs: () => nowMs,
      async sleep(ms: number) {
        waits.push(ms)
        nowMs += ms
      },
    }
    const parts = { ...(await client(owner)), environment }
    await addAccount(parts, other)
    await removeAccount(parts, owner, other.identifier)
    const { state } = await addAccount(parts, other)
    expect(v3.memberOf(state, other.identifier)).toBeDefined()
    expect(waits).toHaveLength(1)
    expect(waits[0]).toBeLessThanOrEqual(1_000)
  })

  it('an installation that was revoked adds nobody', async () => {
    const owner = await wallet(1)
    const parts = await client(owner)
    await revokeInstallations(parts, owner, [parts.self.installationId])
    expect(await codeOf(addAccount(parts, await wallet(2)))).toBe('v3.identity.signer.notAllowed')
  })
})

describe('installations', () => {
  it('are revoked by id, all but one, and without a client', async () => {
    const owner = await wallet(1)
    const clients = []
    for (let count = 0; count < 5; count += 1) clients.push(await client(owner))
    const [first, ...others] = clients
    const { inboxId } = first!.self
    const ids = others.map(({ self }) => self.installationId)
    const unknown = new Uint8Array(32).fill(1)
    const one = await revokeInstallations(first!, owner, [ids[0]!, ids[0]!, unknown])
    expect(v3.installationsOf(one.state)).toHaveLength(4)
    const request = { inboxId, installationIds: [ids[1]!] }
    const two = await revokeInstallationsOf(
      { identity, environment: systemEnvironment },
      owner,
      request,
    )
    expect(v3.installationsOf(two.state)).toHaveLength(3)
    const rest = await revokeAllOtherInstallations(first!, owner)
    expect(v3.installationsOf(rest.state).map(({ key }) => bytesToHex(key))).toEqual([
      bytesToHex(first!.self.installationId),
    ])
    const same = await revokeAllOtherInstallations(first!, owner)
    expect(same.sequenceId).toBe(rest.sequenceId)
    expect(await isInstallationAuthorized(first!, inboxId, ids[0]!)).toBe(false)
    expect(await isInstallationAuthorized(first!, inboxId, first!.self.installationId)).toBe(true)
  })

  it('make room for others', async () => {
    const owner = await wallet(1)
    const clients = []
    for (let count = 0; count < 10; count += 1) clients.push(await client(owner))
    expect(await codeOf(client(owner))).toBe('v3.identity.member.tooMany')
    await revokeAllOtherInstallations(clients[0]!, owner)
    await client(owner)
  })
})

it('warns from the 200th update on, and refuses the 257th unsigned', async () => {
  const owner = await wallet(1)
  const other = await wallet(2)
  let nowMs = Date.now()
  const environment = { ...systemEnvironment, nowMs: () => (nowMs += 1_000) }
  const parts = { ...(await client(owner)), environment }
  for (let count = 1; count < 256; count += 2) {
    await addAccount(parts, other)
    if (count < 255) await removeAccount(parts, owner, other.identifier)
  }
  expect(parts.warnings.map(({ count }) => count)).toEqual(
    Array.from({ length: 57 }, (_, index) => 200 + index),
  )
  const silent = { ...owner, sign: () => Promise.reject(new Error('was asked')) }
  expect(await codeOf(removeAccount(parts, silent, other.identifier))).toBe('v3.identity.log.full')
}, 60_000)

describe('what others see', () => {
  it('inbox states name accounts and installations', async () => {
    const owner = await wallet(1)
    const parts = await client(owner)
    const { state } = await addAccount(parts, await passkey(3))
    const seen = toInboxState(state)
    expect(seen.inboxId).toBe(parts.self.inboxId)
    expect(seen.recoveryIdentifier).toEqual({
      identifier: text(owner),
      identifierKind: IdentifierKind.Ethereum,
    })
    expect(seen.identifiers.map(({ identifierKind }) => identifierKind)).toEqual([1, 0])
    expect(seen.installations.map(({ id }) => id)).toEqual([bytesToHex(parts.self.installationId)])
    expect(typeof seen.installations[0]?.clientTimestampNs).toBe('bigint')
  })

  it('recipients are resolved whatever they are called', async () => {
    const owner = await wallet(1)
    const key = await passkey(4)
    const { self } = await client(owner)
    const other = await client(key)
    const store = openMemoryRecords()
    const parts = { identity, inboxes: createInboxDirectory({ store, api: identity }) }
    const upper = `0x${text(owner).slice(2).toUpperCase()}`
    expect(
      await resolveRecipients(parts, [
        self.inboxId,
        text(owner),
        upper,
        { identifier: upper, identifierKind: IdentifierKind.Ethereum },
        { identifier: text(key), identifierKind: IdentifierKind.Passkey },
      ]),
    ).toEqual([self.inboxId, self.inboxId, self.inboxId, self.inboxId, other.self.inboxId])
    expect(await codeOf(resolveRecipient(parts, text(await wallet(9))))).toBe(
      'client.inbox.unknown',
    )
    expect(await codeOf(resolveRecipient(parts, 'ab'.repeat(32)))).toBe('client.inbox.unknown')
    expect(await codeOf(resolveRecipient(parts, 'nobody'))).toBe('v3.identity.identifier.malformed')
  })

  it('an account that came in later is found although the inbox was known before', async () => {
    const parts = await client(await wallet(1))
    const store = openMemoryRecords()
    const looking = { identity, inboxes: createInboxDirectory({ store, api: identity }) }
    await resolveRecipient(looking, parts.self.inboxId)
    const late = await wallet(2)
    await addAccount(parts, late)
    expect(await resolveRecipient(looking, text(late))).toBe(parts.self.inboxId)
  })

  it('a node that names an inbox which the account is not in is not believed', async () => {
    const { self } = await client(await wallet(1))
    const store = openMemoryRecords()
    const lying = {
      identity: { getInboxIds: async () => [self.inboxId] },
      inboxes: createInboxDirectory({ store, api: identity }),
    }
    expect(await codeOf(resolveRecipient(lying, text(await wallet(2))))).toBe(
      'client.inbox.unconfirmed',
    )
  })

  it('canMessage, fetchInboxId and authorisations', async () => {
    const owner = await wallet(1)
    const parts = await client(owner)
    const stranger = text(await wallet(9))
    const of = (identifier: string) => ({ identifier, identifierKind: IdentifierKind.Ethereum })
    expect([...(await canMessage(parts, [of(text(owner)), of(stranger), of('x')]))]).toEqual([
      [text(owner), true],
      [stranger, false],
      ['x', false],
    ])
    expect(await fetchInboxId({ identity }, of(text(owner)))).toBe(parts.self.inboxId)
    expect(await fetchInboxId({ identity }, of(stranger))).toBeUndefined()
    expect(await isAddressAuthorized(parts, parts.self.inboxId, text(owner))).toBe(true)
    expect(await isAddressAuthorized(parts, parts.self.inboxId, stranger)).toBe(false)
  })

  it('statuses of key packages tell lifetimes, absence and damage', async () => {
    const { self } = await client(await wallet(1))
    const id = bytesToHex(self.installationId)
    const absent = '01'.repeat(32)
    const statuses = await keyPackageStatuses({ mls, environment: systemEnvironment }, [id, absent])
    const lifetime = statuses.get(id)?.lifetime
    expect((lifetime?.notAfter ?? 0n) - (lifetime?.notBefore ?? 0n)).toBe(7_261_200n)
    expect(statuses.get(absent)?.validationError).toContain('no key package')
    const stub = { fetchKeyPackages: async () => [new Uint8Array([1, 2, 3])] }
    const broken = await keyPackageStatuses({ mls: stub, environment: systemEnvironment }, [id])
    expect(broken.get(id)?.validationError).toContain('v3.keyPackage.malformed')
    expect(await codeOf(keyPackageStatuses({ mls, environment: systemEnvironment }, ['xyz']))).toBe(
      'v3.identity.identifier.malformed',
    )
  })
})
