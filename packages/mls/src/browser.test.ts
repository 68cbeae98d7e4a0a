import { afterEach, describe, expect, it, vi } from 'vitest'
import { seeded } from '../test/world.ts'

afterEach(() => {
  vi.doUnmock('./crypto/platform.node.ts')
  vi.resetModules()
})

/** Everything that two members send each other, from one seed, as the modules of the moment make it. */
async function story(): Promise<string[]> {
  vi.resetModules()
  const mls = await import('./index.ts')
  const random = seeded('browser')
  const suite = mls.suiteOf(3)
  const config = mls.defaultConfig
  const sent: Uint8Array[] = []
  const person = async (name: string) => {
    const signaturePrivateKey = random(32)
    const own = await mls.createKeyPackage({
      suite,
      signaturePrivateKey,
      credential: mls.basicCredential(new TextEncoder().encode(name)),
      capabilities: mls.basicCapabilities(suite),
      lifetime: { notBefore: 0n, notAfter: 1n },
      random,
    })
    sent.push(mls.encode(mls.keyPackageCodec, own.keyPackage))
    return { own, signaturePrivateKey }
  }
  const [ann, ben] = [await person('ann'), await person('ben')]
  const alone = mls.createGroup({ suite, groupId: random(16), ...ann, config, random })
  const add = { kind: 'add', keyPackage: ben.own.keyPackage } as const
  const commit = await mls.createCommit(alone, { proposals: [add], random })
  const anns = mls.adoptCommit(commit.state, commit.staged)
  sent.push(commit.message, commit.welcome!)
  const joined = await mls.joinGroup(commit.welcome!, {
    keyPackages: [ben.own],
    signaturePrivateKey: ben.signaturePrivateKey,
    config,
  })
  const update = await mls.createCommit(joined.state, { random })
  sent.push(update.message)
  const received = await mls.processMessage(anns, update.message)
  if (received.kind !== 'commit') throw new Error('not a commit')
  const next = mls.adoptCommit(received.state, received.staged)
  sent.push((await mls.encryptMessage(next, new Uint8Array(100), { random })).message)
  sent.push(mls.exportGroupSecret(next, 'label', new Uint8Array(0), 32))
  return sent.map((bytes) => Buffer.from(bytes).toString('hex'))
}

describe('a browser', () => {
  it('sends the same bytes as Node from the same chance', async () => {
    const native = await story()
    vi.doMock('./crypto/platform.node.ts', () => import('./crypto/platform.noble.ts'))
    const { ed25519 } = await import('#platform')
    // On the browser's platform signatures are promises; so this shows that the mock is in place.
    expect(ed25519.publicKey(new Uint8Array(32))).toBeInstanceOf(Promise)
    expect(await story()).toEqual(native)
  })
})
