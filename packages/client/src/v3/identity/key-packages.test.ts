import { bytesToHex, v3, XmtpError } from '@xmtp-ts/protocol'
import { readKeyPackage } from '@xmtp-ts/protocol/group'
import { expect, it } from 'vitest'
import { systemEnvironment } from '../../environment.ts'
import { openMemoryRecords, RecordMemory } from '../../store/memory-records.ts'
import { keys } from '../records/keys.ts'
import { scanAll } from '../records/rows.ts'
import { createKeyPackages } from './key-packages.ts'

const hour = 3_600_000
const day = 24 * hour
const self = {
  inboxId: v3.parseInboxId('ab'.repeat(32)),
  signingKey: new Uint8Array(32).fill(7),
}

/** An installation whose clock stands still, and a node that keeps what is uploaded. */
function setUp(memory = new RecordMemory()) {
  const clock = { nowMs: 1_800_000_000_000 }
  const uploaded: Uint8Array[] = []
  const faults: { upload?: XmtpError; during?: () => Promise<void> } = {}
  const open = () => {
    const store = openMemoryRecords(memory)
    const packages = createKeyPackages({
      store,
      self,
      environment: { ...systemEnvironment, nowMs: () => clock.nowMs },
      mls: {
        async uploadKeyPackage(bytes) {
          await faults.during?.()
          if (faults.upload !== undefined) throw faults.upload
          uploaded.push(bytes)
        },
      },
    })
    return { store, packages, kept: async () => (await scanAll(store, keys.keyPackages)).length }
  }
  return { ...open(), open, clock, uploaded, faults }
}

async function register({ packages, uploaded }: ReturnType<typeof setUp>): Promise<void> {
  uploaded.push(await packages.prepare())
}

/** Whether welcomes to a key package can be opened, by its init key and by its X-Wing key. */
async function opens({ packages }: Pick<ReturnType<typeof setUp>, 'packages'>, bytes: Uint8Array) {
  const { keyPackage, wrapper } = await readKeyPackage(bytes, undefined)
  const { own, findKey } = await packages.load()
  const isOwn = own.some(
    (each) => bytesToHex(each.keyPackage.initKey) === bytesToHex(keyPackage.initKey),
  )
  return [
    isOwn,
    findKey(keyPackage.initKey)?.algorithm,
    wrapper && findKey(wrapper.publicKey)?.algorithm,
  ]
}

it('the one to register with is the same for all who ask, and opens welcomes after a restart', async () => {
  const parts = setUp()
  const all = await Promise.all(
    [parts, parts.open(), parts.open()].map((p) => p.packages.prepare()),
  )
  const later = parts.open()
  all.push(await later.packages.prepare())
  expect(new Set(all.map(bytesToHex)).size).toBe(1)
  expect(await parts.kept()).toBe(1)
  expect(await opens(later, all[0]!)).toEqual([true, 'x25519', 'xWing'])
  expect((await later.packages.load()).findKey(new Uint8Array(32))).toBeUndefined()
})

it('one left behind for more than a day is made anew', async () => {
  const parts = setUp()
  const first = await parts.packages.prepare()
  parts.clock.nowMs += day + 1
  expect(bytesToHex(await parts.packages.prepare())).not.toBe(bytesToHex(first))
})

it('is replaced after 30 days, and its keys are deleted a day later', async () => {
  const parts = setUp()
  await register(parts)
  parts.clock.nowMs += 30 * day - 1
  await parts.packages.rotateIfDue()
  expect(parts.uploaded).toHaveLength(1)
  parts.clock.nowMs += 1
  await parts.packages.rotateIfDue()
  const [first, second] = parts.uploaded
  expect(parts.uploaded).toHaveLength(2)
  expect(await opens(parts, first!)).toEqual([true, 'x25519', 'xWing'])
  parts.clock.nowMs += day - 1
  await parts.packages.rotateIfDue()
  expect(await opens(parts, first!)).toEqual([true, 'x25519', 'xWing'])
  parts.clock.nowMs += 1
  await parts.packages.rotateIfDue()
  expect(await opens(parts, first!)).toEqual([false, undefined, undefined])
  expect(await opens(parts, second!)).toEqual([true, 'x25519', 'xWing'])
  expect(parts.uploaded).toHaveLength(2)
})

it('a welcome pulls the replacement to 5 seconds from then, and never puts it off', async () => {
  const parts = setUp()
  await register(parts)
  await parts.packages.pullRotation()
  parts.clock.nowMs += 3_000
  await parts.packages.pullRotation()
  parts.clock.nowMs += 1_999
  await parts.packages.rotateIfDue()
  expect(parts.uploaded).toHaveLength(1)
  parts.clock.nowMs += 1
  await parts.packages.rotateIfDue()
  expect(parts.uploaded).toHaveLength(2)
  expect(await parts.packages.nextRotationNs()).toBe(
    BigInt(parts.clock.nowMs + 30 * day) * 1_000_000n,
  )
})

it('two processes replace it once', async () => {
  const parts = setUp()
  await register(parts)
  parts.clock.nowMs += 30 * day
  const others = [parts.open(), parts.open(), parts.open()]
  await Promise.all(others.map(({ packages }) => packages.rotateIfDue()))
  expect(parts.uploaded).toHaveLength(2)
})

it('an upload that fails is tried again, and makes no keys without end while the node is away', async () => {
  const parts = setUp()
  await register(parts)
  parts.clock.nowMs += 30 * day
  parts.faults.upload = new XmtpError('client.network.timeout', 'Lost.')
  for (let tries = 0; tries < 20; tries += 1) {
    await expect(parts.packages.rotateIfDue()).rejects.toBe(parts.faults.upload)
    parts.clock.nowMs += hour
  }
  expect(await parts.kept()).toBe(2)
  delete parts.faults.upload
  await parts.packages.rotateIfDue()
  expect(parts.uploaded).toHaveLength(2)
  expect(await opens(parts, parts.uploaded[0]!)).toEqual([true, 'x25519', 'xWing'])
  parts.clock.nowMs += day
  await parts.packages.rotateIfDue()
  expect(await parts.kept()).toBe(1)
  expect(await opens(parts, parts.uploaded[1]!)).toEqual([true, 'x25519', 'xWing'])
})

it('one whose upload fails for more than a day is made anew', async () => {
  const parts = setUp()
  await register(parts)
  parts.clock.nowMs += 30 * day
  parts.faults.upload = new XmtpError('client.network.timeout', 'Lost.')
  for (let tries = 0; tries < 3; tries += 1) {
    await expect(parts.packages.rotateIfDue()).rejects.toBe(parts.faults.upload)
    parts.clock.nowMs += day
  }
  expect(await parts.kept()).toBe(4)
})

it('a process that dies while uploading leaves keys that open what comes', async () => {
  const parts = setUp()
  await register(parts)
  parts.clock.nowMs += 30 * day
  parts.faults.during = () => Promise.reject(new Error('killed'))
  const dead = openAndDie(parts)
  await expect(dead).rejects.toThrow('killed')
  delete parts.faults.during
  parts.clock.nowMs += 600_000
  await parts.open().packages.rotateIfDue()
  expect(parts.uploaded).toHaveLength(2)
  expect(await opens(parts, parts.uploaded[0]!)).toEqual([true, 'x25519', 'xWing'])
})

it('an upload that outlasts its claim is followed by another, so that the node has a key that is kept', async () => {
  const parts = setUp()
  await register(parts)
  parts.clock.nowMs += 30 * day
  let isSlow = true
  parts.faults.during = async () => {
    if (!isSlow) return
    isSlow = false
    parts.clock.nowMs += 600_000
    await parts.open().packages.rotateIfDue()
  }
  await parts.packages.rotateIfDue()
  expect(parts.uploaded).toHaveLength(3)
  parts.clock.nowMs += 5_000
  await parts.packages.rotateIfDue()
  expect(parts.uploaded).toHaveLength(4)
  parts.clock.nowMs += day
  await parts.packages.rotateIfDue()
  expect(await opens(parts, parts.uploaded[3]!)).toEqual([true, 'x25519', 'xWing'])
})

async function openAndDie({ open }: ReturnType<typeof setUp>): Promise<void> {
  await open().packages.rotateIfDue()
}
