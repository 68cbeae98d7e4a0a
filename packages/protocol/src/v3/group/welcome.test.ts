import { chacha20Poly1305Suite, createKeyPackage, encode, keyPackageCodec } from '@xmtp-ts/mls'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inbox, installation, keyPackage, nowSeconds, seeded } from '../../../test/group-world.ts'
import { bytesToHex, type Random } from '../../bytes.ts'
import { maxWelcomeRequestBytes } from '../../limits.ts'
import {
  createInstallationKeyPackage,
  readKeyPackage,
  type InstallationKeyPackage,
} from './key-package.ts'
import { openPointed, openPointer, sealPointed, sealPointer } from './pointer.ts'
import type { WelcomeKey } from './welcome-seal.ts'
import { chunkWelcomes, planWelcomes } from './welcome-plan.ts'
import { openWelcome, sealWelcome, type WelcomeKeyLookup } from './welcome.ts'

const random = seeded('welcome')
const welcome = Uint8Array.of(1, 2, 3)

async function recipient(name: string, postQuantum: boolean) {
  const { secret, inboxId } = installation(inbox(name), name)
  return createInstallationKeyPackage({
    installationSecretKey: secret,
    inboxId,
    nowSeconds,
    random,
    postQuantum,
  })
}

function lookupOf(own: InstallationKeyPackage): WelcomeKeyLookup {
  const keys = new Map<string, WelcomeKey>([
    [bytesToHex(own.initPublicKey), { algorithm: 'x25519', privateKey: own.initPrivateKey }],
  ])
  if (own.wrapperPublicKey && own.wrapperSeed)
    keys.set(bytesToHex(own.wrapperPublicKey), { algorithm: 'xWing', privateKey: own.wrapperSeed })
  return (publicKey) => keys.get(bytesToHex(publicKey))
}

const toInitKey = (own: InstallationKeyPackage) =>
  ({ publicKey: own.initPublicKey, algorithm: 'x25519' }) as const

const toWrapper = (own: InstallationKeyPackage) =>
  ({ publicKey: own.wrapperPublicKey!, algorithm: 'xWing' }) as const

describe('welcomes (v3-mls §4.1)', () => {
  it.each([
    ['X25519', toInitKey, 1, 32],
    ['X-Wing', toWrapper, 2, 1216],
  ] as const)('%s: what was sealed opens', async (_, to, wrapperAlgorithm, keyBytes) => {
    const own = await recipient('alix', true)
    const metadata = { messageCursor: 77n }
    const sealed = await sealWelcome({ welcome, metadata, recipient: to(own), random })
    expect(sealed.wrapperAlgorithm).toBe(wrapperAlgorithm)
    expect(sealed.hpkePublicKey).toHaveLength(keyBytes)
    expect(await openWelcome(sealed, lookupOf(own))).toEqual({ welcome, messageCursor: 77n })
    const old = { ...sealed, welcomeMetadata: new Uint8Array() }
    expect(await openWelcome(old, lookupOf(own))).toEqual({ welcome, messageCursor: 0n })
  })

  it('an algorithm that nobody knows is X25519', async () => {
    const own = await recipient('alix', true)
    const metadata = { messageCursor: 1n }
    const sealed = await sealWelcome({ welcome, metadata, recipient: toInitKey(own), random })
    for (const wrapperAlgorithm of [0, 99]) {
      const opened = await openWelcome({ ...sealed, wrapperAlgorithm }, lookupOf(own))
      expect(opened.welcome).toEqual(welcome)
    }
    for (const wrapperAlgorithm of [2, 3])
      await expect(
        openWelcome({ ...sealed, wrapperAlgorithm }, lookupOf(own)),
      ).rejects.toMatchObject({
        code: wrapperAlgorithm === 2 ? 'v3.welcome.notForUs' : 'v3.welcome.malformed',
      })
  })

  it('a changed or foreign welcome does not open', async () => {
    const own = await recipient('alix', true)
    const metadata = { messageCursor: 1n }
    for (const to of [toInitKey(own), toWrapper(own)]) {
      const sealed = await sealWelcome({ welcome, metadata, recipient: to, random })
      const flipped = sealed.data.map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte))
      await expect(openWelcome({ ...sealed, data: flipped }, lookupOf(own))).rejects.toMatchObject({
        code: 'v3.welcome.undecryptable',
      })
      const other = await sealWelcome({ welcome, metadata, recipient: to, random })
      const mixed = { ...sealed, welcomeMetadata: other.welcomeMetadata }
      await expect(openWelcome(mixed, lookupOf(own))).rejects.toMatchObject({
        code: 'v3.welcome.undecryptable',
      })
      const bo = await recipient('bo', true)
      await expect(openWelcome(sealed, lookupOf(bo))).rejects.toMatchObject({
        code: 'v3.welcome.notForUs',
      })
    }
  })

  it('a key that is none is named', async () => {
    const recipients = [
      { publicKey: new Uint8Array(32), algorithm: 'x25519' },
      { publicKey: new Uint8Array(1215), algorithm: 'xWing' },
    ] as const
    for (const broken of recipients)
      await expect(
        sealWelcome({ welcome, metadata: { messageCursor: 1n }, recipient: broken, random }),
      ).rejects.toMatchObject({ code: 'v3.keyPackage.invalid' })
  })

  it('any bytes open or are refused by a code', async () => {
    const own = await recipient('alix', true)
    const codes = /^v3\.welcome\.(malformed|undecryptable|notForUs)$/
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 1_200 }),
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(1, 2, 3),
        async (data, welcomeMetadata, wrapperAlgorithm) => {
          const isXWing = wrapperAlgorithm === 2
          const hpkePublicKey = isXWing ? own.wrapperPublicKey! : own.initPublicKey
          const input = { data, welcomeMetadata, hpkePublicKey, wrapperAlgorithm }
          await expect(openWelcome(input, lookupOf(own))).rejects.toMatchObject({
            code: expect.stringMatching(codes),
          })
          const pointer = { welcomePointer: data, hpkePublicKey, wrapperAlgorithm }
          await expect(openPointer(pointer, lookupOf(own))).rejects.toMatchObject({
            code: expect.stringMatching(codes),
          })
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('pointers (v3-mls §4.2)', () => {
  it.each([
    ['X25519', toInitKey, 1],
    ['X-Wing', toWrapper, 2],
  ] as const)('%s: the way to the welcome', async (_, to, wrapperAlgorithm) => {
    const own = await recipient('alix', true)
    const { pointer, sealed } = sealPointed({ welcome, metadata: { messageCursor: 5n }, random })
    expect(sealed).toMatchObject({ wrapperAlgorithm: 3, hpkePublicKey: new Uint8Array() })
    const input = await sealPointer(pointer, to(own), random)
    expect(input.wrapperAlgorithm).toBe(wrapperAlgorithm)
    const opened = await openPointer(input, lookupOf(own))
    expect(opened).toEqual(pointer)
    expect(openPointed(sealed, opened)).toEqual({ welcome, messageCursor: 5n })
    const swapped = { ...opened, dataNonce: opened.welcomeMetadataNonce }
    expect(() => openPointed(sealed, swapped)).toThrow(/undecryptable/)
    const late = { ...sealed, welcomeMetadata: new Uint8Array() }
    expect(openPointed(late, opened).messageCursor).toBe(0n)
  })

  it('never uses a nonce twice', () => {
    let drawn = 0
    const stuck: Random = (sizeBytes) => new Uint8Array(sizeBytes).fill(++drawn <= 4 ? 7 : drawn)
    const { pointer } = sealPointed({ welcome, metadata: { messageCursor: 1n }, random: stuck })
    expect(pointer.dataNonce).not.toEqual(pointer.welcomeMetadataNonce)
  })

  it('a pointer of another form is refused', async () => {
    const own = await recipient('alix', true)
    const { pointer } = sealPointed({ welcome, metadata: { messageCursor: 1n }, random })
    const short = { ...pointer, encryptionKey: new Uint8Array(31) }
    const input = await sealPointer(short, toInitKey(own), random)
    await expect(openPointer(input, lookupOf(own))).rejects.toMatchObject({
      code: 'v3.welcome.malformed',
    })
  })
})

describe('the messages for everybody (v3-mls §4.3)', () => {
  const read = async (name: string, postQuantum = true) => {
    const own = await recipient(name, postQuantum)
    return { own, facts: await readKeyPackage(own.bytes, nowSeconds) }
  }
  const kinds = (inputs: Awaited<ReturnType<typeof planWelcomes>>) =>
    inputs.map(({ version }) => version?.$case)

  it('up to two installations get a copy each', async () => {
    const two = [await read('a'), await read('b', false)]
    const installations = two.map(({ facts }) => facts)
    const inputs = await planWelcomes({ installations, welcome, messageCursor: 3n, random })
    expect(kinds(inputs)).toEqual(['v1', 'v1'])
    for (const [index, { version }] of inputs.entries()) {
      if (version?.$case !== 'v1') throw new Error(version?.$case)
      expect(version.value.installationKey).toEqual(installations[index]!.installationId)
      const opened = await openWelcome(version.value, lookupOf(two[index]!.own))
      expect(opened).toEqual({ welcome, messageCursor: 3n })
    }
  })

  it('three that read pointers share one, which comes first', async () => {
    const four = [await read('a'), await read('b', false), await read('c'), await read('d')]
    const installations = four.map(({ facts }, index) =>
      index === 1 ? { ...facts, supportsPointers: false } : facts,
    )
    const inputs = await planWelcomes({ installations, welcome, messageCursor: 3n, random })
    expect(kinds(inputs)).toEqual([
      'v1',
      'welcomePointer',
      'v1',
      'welcomePointer',
      'welcomePointer',
    ])
    const [target, first] = inputs
    if (target?.version?.$case !== 'v1') throw new Error('The target is missing.')
    if (first?.version?.$case !== 'welcomePointer') throw new Error('The pointer is missing.')
    const pointer = await openPointer(first.version.value, lookupOf(four[0]!.own))
    expect(target.version.value.installationKey).toEqual(pointer.destination)
    expect(openPointed(target.version.value, pointer)).toEqual({ welcome, messageCursor: 3n })
    const fewer = installations.slice(0, 3)
    const direct = await planWelcomes({ installations: fewer, welcome, messageCursor: 3n, random })
    expect(kinds(direct)).toEqual(['v1', 'v1', 'v1'])
  })

  it('a broken post-quantum key keeps nobody out', async () => {
    const [bad, good] = [await read('a'), await read('b')]
    const wrapper = { publicKey: new Uint8Array(1216).fill(255), algorithm: 'xWing' } as const
    const installations = [{ ...bad.facts, wrapper }, good.facts]
    const inputs = await planWelcomes({ installations, welcome, messageCursor: 3n, random })
    for (const [index, { version }] of inputs.entries()) {
      if (version?.$case !== 'v1') throw new Error(version?.$case)
      expect(version.value.wrapperAlgorithm).toBe(index === 0 ? 1 : 2)
      const { own } = index === 0 ? bad : good
      expect((await openWelcome(version.value, lookupOf(own))).welcome).toEqual(welcome)
    }
  })

  it('go out in requests of 50, or fewer when they are large', () => {
    const input = (sizeBytes: number) => ({
      version: {
        $case: 'v1' as const,
        value: {
          installationKey: new Uint8Array(32),
          data: new Uint8Array(sizeBytes),
          hpkePublicKey: new Uint8Array(32),
          wrapperAlgorithm: 1,
          welcomeMetadata: new Uint8Array(20),
        },
      },
    })
    const sizes = (count: number, sizeBytes: number) =>
      chunkWelcomes(Array.from({ length: count }, () => input(sizeBytes))).map(
        ({ length }) => length,
      )
    expect(sizes(120, 1_000)).toEqual([50, 50, 20])
    expect(sizes(3, maxWelcomeRequestBytes / 2)).toEqual([1, 1, 1])
    expect(sizes(5, maxWelcomeRequestBytes / 2 - 84)).toEqual([2, 2, 1])
    expect(sizes(0, 1)).toEqual([])
  })
})

describe('key packages (v3-mls §2)', () => {
  it('have the size of theirs', async () => {
    expect((await recipient('alix', true)).bytes).toHaveLength(1659)
  })

  it('say who, and how to reach it', async () => {
    const alix = installation(inbox('alix'), 'alix')
    const own = await keyPackage(alix, random)
    const facts = await readKeyPackage(own.bytes, nowSeconds)
    expect(facts).toMatchObject({ inboxId: alix.inboxId, wrapper: undefined })
    expect(facts.installationId).toEqual(alix.key)
    expect(facts.supportsPointers).toBe(true)
    expect((await readKeyPackage((await recipient('bo', true)).bytes, nowSeconds)).wrapper).toEqual(
      {
        publicKey: expect.any(Uint8Array),
        algorithm: 'xWing',
      },
    )
  })

  it('with keys that nothing can be encrypted to are refused', async () => {
    const alix = installation(inbox('alix'), 'alix')
    const { leafNode } = (await keyPackage(alix, random)).own.keyPackage
    const broken = chacha20Poly1305Suite.hpke.kem
    const suite = {
      ...chacha20Poly1305Suite,
      hpke: {
        ...chacha20Poly1305Suite.hpke,
        kem: {
          ...broken,
          deriveKeyPair: (ikm: Uint8Array) => ({
            privateKey: ikm,
            publicKey: new Uint8Array(32).fill(ikm[0] === 1 ? 1 : 0),
          }),
        },
      },
    }
    let made = 0
    const { credential, capabilities, source } = leafNode
    if (source.kind !== 'keyPackage') throw new Error(source.kind)
    const { lifetime } = source
    const own = await createKeyPackage({
      suite,
      signaturePrivateKey: alix.secret,
      credential,
      capabilities,
      lifetime,
      random: (sizeBytes) => new Uint8Array(sizeBytes).fill(made++),
    })
    const bytes = encode(keyPackageCodec, own.keyPackage)
    await expect(readKeyPackage(bytes, nowSeconds)).rejects.toMatchObject({
      code: 'v3.keyPackage.invalid',
    })
  })

  it('expire', async () => {
    const { bytes } = await recipient('alix', false)
    const at = (seconds: bigint) => readKeyPackage(bytes, nowSeconds + seconds)
    await expect(at(7_257_599n)).resolves.toBeDefined()
    await expect(at(7_257_601n)).rejects.toMatchObject({ code: 'v3.keyPackage.invalid' })
    await expect(at(-3_601n)).rejects.toMatchObject({ code: 'v3.keyPackage.invalid' })
  })

  it('any bytes are read or refused by a code', async () => {
    const { bytes } = await recipient('alix', true)
    const code = expect.stringMatching(/^v3\.keyPackage\.(malformed|invalid)$/)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, by) => {
          const broken = bytes.map((byte, index) => (index === at ? byte ^ by : byte))
          await expect(readKeyPackage(broken, nowSeconds)).rejects.toMatchObject({ code })
        },
      ),
      { numRuns: 60 },
    )
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (any) => {
        await expect(readKeyPackage(any, nowSeconds)).rejects.toMatchObject({ code })
      }),
    )
    const long = new Uint8Array(65_537)
    await expect(readKeyPackage(long, nowSeconds)).rejects.toMatchObject({ code })
  })
})
