import { createHash } from 'node:crypto'
import type { CipherSuite } from '../src/crypto/suite.ts'
import { suiteOf } from '../src/crypto/suites.ts'
import type { OwnKeyPackage } from '../src/group/key-package.ts'
import { basicCapabilities, createKeyPackage } from '../src/group/key-package.ts'
import type { Random } from '../src/hpke/kem.ts'
import { basicCredential } from '../src/tree/credential.ts'
import type { Extension } from '../src/tree/extension.ts'

/** A reproducible source of bytes: SHA-256 in counter mode over a seed. */
export function seeded(seed: string): Random {
  let counter = 0
  return (length) => {
    const out = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const block = createHash('sha256').update(`${seed}/${counter++}`).digest()
      out.set(block.subarray(0, Math.min(32, length - at)), at)
    }
    return out
  }
}

/** A number below `bound` from a source of bytes. */
export function below(random: Random, bound: number): number {
  const [a, b, c, d] = random(4)
  return (((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0) % bound
}

/** What a client has before it is in any group. */
export type Client = {
  readonly name: string
  readonly suite: CipherSuite
  readonly signaturePrivateKey: Uint8Array
  readonly own: OwnKeyPackage
}

export type ClientOptions = {
  readonly suiteId?: number
  readonly capabilities?: { extensions?: number[]; proposals?: number[] }
  readonly leafExtensions?: readonly Extension[]
  readonly signaturePrivateKey?: Uint8Array
  readonly lifetime?: { readonly notBefore: bigint; readonly notAfter: bigint }
}

export const lifetime = { notBefore: 1_000n, notAfter: 2_000n }

/** A client with a key package that is valid from second 1000 to 2000. */
export async function client(
  name: string,
  random: Random,
  options: ClientOptions = {},
): Promise<Client> {
  const suite = suiteOf(options.suiteId ?? 3)
  const signaturePrivateKey = options.signaturePrivateKey ?? random(32)
  const own = await createKeyPackage({
    suite,
    signaturePrivateKey,
    credential: basicCredential(new TextEncoder().encode(name)),
    capabilities: basicCapabilities(suite, options.capabilities),
    lifetime: options.lifetime ?? lifetime,
    leafExtensions: options.leafExtensions ?? [],
    random,
  })
  return { name, suite, signaturePrivateKey, own }
}
