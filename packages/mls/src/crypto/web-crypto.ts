import { ascii, concat } from '../bytes.ts'
import type { Curves, DiffieHellman, SignatureScheme } from './platform.ts'

type Algorithm = 'Ed25519' | 'X25519'
type Key = { readonly __brand: 'CryptoKey' }
type Jwk = { readonly x?: string }

/** The part of SubtleCrypto that is used; a pure package has no DOM types. */
type Subtle = {
  importKey: (
    format: 'raw' | 'pkcs8',
    data: Uint8Array,
    algorithm: { name: Algorithm },
    extractable: boolean,
    usages: readonly string[],
  ) => Promise<Key>
  exportKey: (format: 'jwk', key: Key) => Promise<Jwk>
  sign: (algorithm: { name: 'Ed25519' }, key: Key, data: Uint8Array) => Promise<ArrayBuffer>
  verify: (
    algorithm: { name: 'Ed25519' },
    key: Key,
    signature: Uint8Array,
    data: Uint8Array,
  ) => Promise<boolean>
  deriveBits: (
    algorithm: { name: 'X25519'; public: Key },
    key: Key,
    bits: number,
  ) => Promise<ArrayBuffer>
}

// RFC 8410: PrivateKeyInfo around a 32-byte key, for id-Ed25519 (1.3.101.112) and id-X25519 (1.3.101.110).
const pkcs8Prefix: Readonly<Record<Algorithm, Uint8Array>> = {
  Ed25519: Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32),
  X25519: Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 110, 4, 34, 4, 32),
}

/** The part of a browser's global scope that is used. */
type Scope = {
  readonly crypto?: { readonly subtle?: Subtle }
  readonly atob: (text: string) => string
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the pure package has no types for these globals
const scope = globalThis as unknown as Scope

function fromBase64url(text: string): Uint8Array {
  return ascii(scope.atob(text.replaceAll('-', '+').replaceAll('_', '/')))
}

function importPrivate(subtle: Subtle, name: Algorithm, key: Uint8Array, extractable: boolean) {
  const usages = name === 'Ed25519' ? ['sign'] : ['deriveBits']
  return subtle.importKey('pkcs8', concat(pkcs8Prefix[name], key), { name }, extractable, usages)
}

async function publicKey(subtle: Subtle, name: Algorithm, key: Uint8Array): Promise<Uint8Array> {
  const jwk = await subtle.exportKey('jwk', await importPrivate(subtle, name, key, true))
  return fromBase64url(jwk.x ?? '')
}

function webEd25519(subtle: Subtle): SignatureScheme {
  const name = 'Ed25519'
  return {
    privateKeyLength: 32,
    publicKey: (key) => publicKey(subtle, name, key),
    async sign(key, message) {
      return new Uint8Array(
        await subtle.sign({ name }, await importPrivate(subtle, name, key, false), message),
      )
    },
    async verify(key, message, signature) {
      if (key.length !== 32 || signature.length !== 64) return false
      try {
        const imported = await subtle.importKey('raw', key, { name }, false, ['verify'])
        return await subtle.verify({ name }, imported, signature, message)
      } catch {
        return false
      }
    },
  }
}

function webX25519(subtle: Subtle): DiffieHellman {
  const name = 'X25519'
  return {
    publicKey: (key) => publicKey(subtle, name, key),
    async shared(key, peer) {
      if (peer.length !== 32) return undefined
      try {
        const imported = await subtle.importKey('raw', peer, { name }, false, [])
        const own = await importPrivate(subtle, name, key, false)
        return new Uint8Array(await subtle.deriveBits({ name, public: imported }, own, 256))
      } catch {
        return undefined
      }
    },
  }
}

/** Both curves or neither, so that a platform is one thing or the other. */
async function probe(subtle: Subtle): Promise<boolean> {
  try {
    const key = new Uint8Array(32).fill(1)
    await publicKey(subtle, 'Ed25519', key)
    return (await publicKey(subtle, 'X25519', key)).length === 32
  } catch {
    return false
  }
}

/** The curves of the browser if it has them (asked once), those of `fallback` otherwise. */
export function preferWebCrypto(fallback: Curves): Curves {
  const subtle = scope.crypto?.subtle
  if (subtle === undefined) return fallback
  const native = { ed25519: webEd25519(subtle), x25519: webX25519(subtle) }
  let chosen: Promise<Curves> | undefined
  const choose = () => (chosen ??= probe(subtle).then((has) => (has ? native : fallback)))
  return {
    ed25519: {
      privateKeyLength: fallback.ed25519.privateKeyLength,
      publicKey: async (key) => (await choose()).ed25519.publicKey(key),
      sign: async (key, message) => (await choose()).ed25519.sign(key, message),
      verify: async (key, message, signature) =>
        (await choose()).ed25519.verify(key, message, signature),
    },
    x25519: {
      publicKey: async (key) => (await choose()).x25519.publicKey(key),
      shared: async (key, peer) => (await choose()).x25519.shared(key, peer),
    },
  }
}
