import { createNode, openMemoryLog, openMemoryV3Store, type Node } from '@xmtp-ts/node'
import { bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { readKeyPackage } from '@xmtp-ts/protocol/group'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemEnvironment } from '../../environment.ts'
import { createIdentityApi, type IdentityApi } from '../../network/identity-api.ts'
import { createMlsApi, type MlsApi } from '../../network/mls-api.ts'
import { openMemoryRecords, RecordMemory } from '../../store/memory-records.ts'
import type { RecordStore } from '../../store/record-store.ts'
import { memoryTransport } from '../../transport/memory.ts'
import type { Transport } from '../../transport/transport.ts'
import { contractsOf, toInboxSigner, type InboxSigner } from '../signer.ts'
import { addAccount } from './accounts.ts'
import { createInboxDirectory } from './directory.ts'
import {
  isSignedWithInstallationKey,
  openInstallation,
  signWithInstallationKey,
} from './installation.ts'
import type { InboxWarning } from './publish-update.ts'
import { findCandidate, register } from './register.ts'

const walletKey = (number: number) => number.toString(16).padStart(64, '0')

let node: Node
/** The methods that were called, in order. */
const calls: string[] = []
let transport: Transport
let identity: IdentityApi
let mls: MlsApi

beforeEach(async () => {
  node = await createNode({ log: openMemoryLog(), v3: openMemoryV3Store() })
  const direct = memoryTransport(node.memory())
  transport = {
    ...direct,
    unary(path, request, options) {
      calls.push(path.split('/').at(-1) ?? '')
      return direct.unary(path, request, options)
    },
  }
  const options = { transport, headers: {}, environment: systemEnvironment }
  identity = createIdentityApi(options)
  mls = createMlsApi(options)
  calls.length = 0
})

afterEach(() => node[Symbol.asyncDispose]())

const partsOf = (store: RecordStore) => ({
  store,
  identity,
  mls,
  environment: systemEnvironment,
  inboxes: createInboxDirectory({ store, api: identity }),
})

async function signerOf(number: number) {
  const signer = await toInboxSigner(walletKey(number), contractsOf(identity))
  const texts: string[] = []
  return {
    ...signer,
    texts,
    sign(text: string) {
      texts.push(text)
      return signer.sign(text)
    },
  } satisfies InboxSigner & { texts: string[] }
}

async function stateOf(inboxId: string): Promise<v3.AssociationState> {
  const answers = await partsOf(openMemoryRecords()).inboxes.refresh([inboxId])
  const inbox = answers.get(inboxId)
  if (inbox === undefined) throw answers.problems.get(inboxId) ?? new Error('No inbox.')
  return inbox.state
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

describe('a new account', () => {
  it('is registered in four calls, key package first, with one signature', async () => {
    const signer = await signerOf(1)
    const { installation } = await register(partsOf(openMemoryRecords()), signer)
    expect(calls).toEqual([
      'GetInboxIds',
      'UploadKeyPackage',
      'PublishIdentityUpdate',
      'GetIdentityUpdates',
    ])
    expect(signer.texts).toHaveLength(1)
    expect(installation.inboxId).toBe(v3.deriveInboxId(signer.identifier, 1n))
    const state = await stateOf(installation.inboxId)
    expect(v3.installationsOf(state).map(({ key }) => bytesToHex(key))).toEqual([
      bytesToHex(installation.installationId),
    ])
    const [bytes] = await mls.fetchKeyPackages([installation.installationId])
    const { inboxId, installationId } = await readKeyPackage(
      bytes ?? new Uint8Array(),
      BigInt(Math.floor(Date.now() / 1000)),
    )
    expect(inboxId).toBe(installation.inboxId)
    expect(bytesToHex(installationId)).toBe(bytesToHex(installation.installationId))
    expect(bytes).toHaveLength(1659)
  })

  it('asks nobody when it is opened again', async () => {
    const memory = new RecordMemory()
    const signer = await signerOf(1)
    const first = await register(partsOf(openMemoryRecords(memory)), signer)
    calls.length = 0
    const second = await register(partsOf(openMemoryRecords(memory)), signer)
    expect(second.installation).toEqual(first.installation)
    expect(calls).toEqual([])
    expect(signer.texts).toHaveLength(1)
  })

  it('publishes nothing when that is switched off', async () => {
    const signer = await signerOf(1)
    const options = { disableAutoRegister: true }
    const { installation } = await register(partsOf(openMemoryRecords()), signer, options)
    expect(installation.registered).toBe(false)
    expect(calls).toEqual(['GetInboxIds'])
    expect(signer.texts).toEqual([])
  })

  it('publishes nothing when the wallet refuses', async () => {
    const refusing = {
      ...(await signerOf(1)),
      sign: () => Promise.reject(new XmtpError('client.signer.refused', 'No.')),
    }
    expect(await codeOf(register(partsOf(openMemoryRecords()), refusing))).toBe(
      'client.signer.refused',
    )
    expect(calls).toEqual(['GetInboxIds'])
  })
})

describe('an account that has an inbox', () => {
  it('grants access to another installation', async () => {
    const signer = await signerOf(1)
    const one = await register(partsOf(openMemoryRecords()), signer)
    calls.length = 0
    const two = await register(partsOf(openMemoryRecords()), signer)
    expect(two.installation.inboxId).toBe(one.installation.inboxId)
    expect(signer.texts[1]).not.toContain('Create inbox')
    expect(v3.installationsOf(await stateOf(one.installation.inboxId))).toHaveLength(2)
    expect(calls.slice(0, 5)).toEqual([
      'GetInboxIds',
      'GetIdentityUpdates',
      'UploadKeyPackage',
      'PublishIdentityUpdate',
      'GetIdentityUpdates',
    ])
  })

  it('is warned from the eighth installation on, and refused the eleventh unsigned', async () => {
    const signer = await signerOf(1)
    const warnings: InboxWarning[] = []
    for (let count = 1; count <= 10; count += 1)
      await register(
        { ...partsOf(openMemoryRecords()), onWarning: (warning) => warnings.push(warning) },
        signer,
      )
    expect(warnings.map(({ code, count }) => `${code} ${count}`)).toEqual([
      'inbox.manyInstallations 8',
      'inbox.manyInstallations 9',
      'inbox.manyInstallations 10',
    ])
    calls.length = 0
    expect(await codeOf(register(partsOf(openMemoryRecords()), signer))).toBe(
      'v3.identity.member.tooMany',
    )
    expect(signer.texts).toHaveLength(10)
    expect(calls).toEqual(['GetInboxIds', 'GetIdentityUpdates'])
  })

  it('uses the inbox that an account was added to, not one of its own', async () => {
    const [first, second] = [await signerOf(1), await signerOf(2)]
    const parts = partsOf(openMemoryRecords())
    const { installation } = await register(parts, first)
    await addAccount({ ...parts, self: installation }, second)
    const other = await register(partsOf(openMemoryRecords()), second)
    expect(other.installation.inboxId).toBe(installation.inboxId)
  })

  it('is refused a store of another inbox', async () => {
    const memory = new RecordMemory()
    await register(partsOf(openMemoryRecords(memory)), await signerOf(1))
    expect(await codeOf(register(partsOf(openMemoryRecords(memory)), await signerOf(2)))).toBe(
      'client.inbox.other',
    )
  })

  it('may be opened by another account of the inbox without a new installation', async () => {
    const memory = new RecordMemory()
    const parts = partsOf(openMemoryRecords(memory))
    const { installation } = await register(parts, await signerOf(1))
    await addAccount({ ...parts, self: installation }, await signerOf(2))
    const again = await register(partsOf(openMemoryRecords(memory)), await signerOf(2))
    expect(again.installation).toEqual(installation)
  })
})

describe('a node that lies', () => {
  it('cannot hand the account over to an inbox that it does not belong to', async () => {
    const { installation } = await register(partsOf(openMemoryRecords()), await signerOf(1))
    const parts = partsOf(openMemoryRecords())
    const lying = {
      ...parts,
      identity: { ...identity, getInboxIds: async () => [installation.inboxId] },
    }
    const victim = await signerOf(2)
    expect(await codeOf(register(lying, victim))).toBe('client.inbox.unconfirmed')
    expect(victim.texts).toEqual([])
  })

  it('cannot pretend to have taken an update', async () => {
    const signer = await signerOf(1)
    await register(partsOf(openMemoryRecords()), signer)
    const parts = partsOf(openMemoryRecords())
    const lying = { ...parts, identity: { ...identity, publishIdentityUpdate: async () => {} } }
    expect(await codeOf(register(lying, signer))).toBe('client.inbox.unconfirmed')
    expect((await findCandidate(parts, signer.identifier)).installation.registered).toBe(false)
  })

  it('loses an answer, and nothing is signed twice', async () => {
    const signer = await signerOf(1)
    const losing = {
      ...partsOf(openMemoryRecords()),
      identity: {
        ...identity,
        async publishIdentityUpdate(update: v3.IdentityUpdate) {
          await identity.publishIdentityUpdate(update)
          throw new XmtpError('client.network.timeout', 'Lost.')
        },
      },
    }
    const { installation } = await register(losing, signer)
    expect(installation.registered).toBe(true)
    expect(signer.texts).toHaveLength(1)
  })
})

it('an installation signs texts of apps, and others check them', async () => {
  const { installation } = await register(partsOf(openMemoryRecords()), await signerOf(1))
  const { installationId } = installation
  const signature = signWithInstallationKey(installation, 'text')
  const check = (
    text: string,
    options: Partial<{ installationId: Uint8Array; signature: Uint8Array }>,
  ) => isSignedWithInstallationKey(text, { installationId, signature, ...options })
  expect(check('text', {})).toBe(true)
  expect(check('other', {})).toBe(false)
  expect(check('text', { installationId: new Uint8Array(5) })).toBe(false)
  expect(check('text', { installationId: new Uint8Array(32).fill(255) })).toBe(false)
  expect(check('text', { signature: new Uint8Array(3) })).toBe(false)
})

describe('processes', () => {
  it('that open an empty store at once get the same keys', async () => {
    const memory = new RecordMemory()
    const identifier = (await signerOf(1)).identifier
    const owner = { inboxId: v3.deriveInboxId(identifier, 1n), identifier }
    const all = await Promise.all(
      Array.from({ length: 5 }, () =>
        openInstallation(
          { store: openMemoryRecords(memory), environment: systemEnvironment },
          owner,
        ),
      ),
    )
    expect(new Set(all.map(({ installationId }) => bytesToHex(installationId))).size).toBe(1)
  })

  it('that register at once end with one installation', async () => {
    const memory = new RecordMemory()
    const signer = await signerOf(1)
    const all = await Promise.all(
      [1, 2, 3].map(() => register(partsOf(openMemoryRecords(memory)), signer)),
    )
    const [first] = all
    for (const { installation } of all) expect(installation).toEqual(first?.installation)
    const state = await stateOf(first?.installation.inboxId ?? '')
    expect(v3.installationsOf(state)).toHaveLength(1)
  })

  it('make the keys of an inbox that came to be elsewhere anew', async () => {
    const memory = new RecordMemory()
    const [first, second] = [await signerOf(1), await signerOf(2)]
    const before = await register(partsOf(openMemoryRecords(memory)), second, {
      disableAutoRegister: true,
    })
    const parts = partsOf(openMemoryRecords())
    const { installation } = await register(parts, first)
    await addAccount({ ...parts, self: installation }, second)
    const after = await register(partsOf(openMemoryRecords(memory)), second)
    expect(after.installation.inboxId).toBe(installation.inboxId)
    expect(after.installation.installationId).not.toEqual(before.installation.installationId)
  })
})

describe('a process that is killed', () => {
  it('after it published does not ask for another signature', async () => {
    const memory = new RecordMemory()
    const signer = await signerOf(1)
    const parts = partsOf(openMemoryRecords(memory))
    const inboxes = {
      ...parts.inboxes,
      refresh: () => Promise.reject(new Error('killed')),
    }
    await expect(register({ ...parts, inboxes }, signer)).rejects.toThrow('killed')
    calls.length = 0
    const { installation } = await register(partsOf(openMemoryRecords(memory)), signer)
    expect(installation.registered).toBe(true)
    expect(signer.texts).toHaveLength(1)
    expect(calls).toEqual(['GetInboxIds', 'GetIdentityUpdates'])
  })

  /** A process that dies at its n-th step: a write, before or after it took effect, or a call, likewise. */
  function dying(memory: RecordMemory, steps: { left: number }) {
    const die = () => {
      throw new Error('killed')
    }
    const step = async <T>(action: () => Promise<T>): Promise<T> => {
      if (steps.left <= 0) die()
      steps.left -= 1
      if (steps.left <= 0) die()
      const result = await action()
      steps.left -= 1
      if (steps.left <= 0) die()
      return result
    }
    const inner = openMemoryRecords(memory)
    const store: RecordStore = {
      get: (keys) => inner.get(keys),
      scan: (range) => inner.scan(range),
      write: (batch) => step(() => inner.write(batch)),
      [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
    }
    return {
      ...partsOf(store),
      identity: {
        ...identity,
        publishIdentityUpdate: (update: v3.IdentityUpdate) =>
          step(() => identity.publishIdentityUpdate(update)),
      },
      mls: {
        ...mls,
        uploadKeyPackage: (bytes: Uint8Array) => step(() => mls.uploadKeyPackage(bytes)),
      },
    }
  }

  it.each([false, true])(
    'anywhere ends registered with one installation (account known: %s)',
    async (isKnown) => {
      const before = isKnown ? 1 : 0
      let deaths = 0
      for (let left = 1; ; left += 1) {
        const signer = await signerOf(100 + left)
        if (isKnown) await register(partsOf(openMemoryRecords()), signer)
        const memory = new RecordMemory()
        const steps = { left }
        const died = await register(dying(memory, steps), signer).then(
          () => false,
          () => true,
        )
        // What was under way when the process died has no second chance to speak.
        const { installation, inbox } = await register(partsOf(openMemoryRecords(memory)), signer)
        expect(installation.registered).toBe(true)
        const state = await stateOf(inbox?.inboxId ?? installation.inboxId)
        expect(v3.installationsOf(state)).toHaveLength(before + 1)
        expect(
          v3.memberOf(state, v3.installationIdentifier(installation.installationId)),
        ).toBeDefined()
        const [bytes] = await mls.fetchKeyPackages([installation.installationId])
        expect(bytes).toHaveLength(1659)
        if (!died) break
        deaths += 1
      }
      expect(deaths).toBeGreaterThanOrEqual(10)
    },
  )
})
