import { ascii, concat, empty } from '../bytes.ts'
import type { DiffieHellman, MaybePromise } from '../crypto/platform.ts'
import { MlsError } from '../errors.ts'
import type { Kdf } from './kdf.ts'

/** Both halves of an HPKE key. */
export type HpkeKeyPair = { readonly privateKey: Uint8Array; readonly publicKey: Uint8Array }

/** What a sender gets from a recipient's public key. */
export type Encapsulation = { readonly sharedSecret: Uint8Array; readonly kemOutput: Uint8Array }

/** A source of `length` random bytes. */
export type Random = (length: number) => Uint8Array

/** A key encapsulation mechanism (RFC 9180 §4). */
export type Kem = {
  /** The number in the HPKE suite id. */
  readonly id: number
  readonly privateKeyLength: number
  /** RFC 9180 §7.1.3. */
  readonly deriveKeyPair: (ikm: Uint8Array) => MaybePromise<HpkeKeyPair>
  readonly publicKey: (privateKey: Uint8Array) => MaybePromise<Uint8Array>
  /** @throws MlsError `crypto.badKey` */
  readonly encapsulate: (publicKey: Uint8Array, random: Random) => MaybePromise<Encapsulation>
  /** @throws MlsError `crypto.badKey` */
  readonly decapsulate: (kemOutput: Uint8Array, keys: HpkeKeyPair) => MaybePromise<Uint8Array>
}

const version = ascii('HPKE-v1')

/** LabeledExtract (RFC 9180 §4). */
export function labeledExtract(
  kdf: Kdf,
  suiteId: Uint8Array,
  salt: Uint8Array,
  label: string,
  ikm: Uint8Array,
): Uint8Array {
  return kdf.extract(salt, concat(version, suiteId, ascii(label), ikm))
}

/** LabeledExpand (RFC 9180 §4). */
export function labeledExpand(
  kdf: Kdf,
  suiteId: Uint8Array,
  prk: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const prefix = Uint8Array.of(length >> 8, length & 0xff)
  return kdf.expand(prk, concat(prefix, version, suiteId, ascii(label), info), length)
}

/** DHKEM(X25519, HKDF-SHA256) (RFC 9180 §4.1, §7.1); `id` is 0x0020 there and may be chosen otherwise. */
export function dhkemX25519(dh: DiffieHellman, kdf: Kdf, id = 0x0020): Kem {
  const suiteId = concat(ascii('KEM'), Uint8Array.of(id >> 8, id & 0xff))
  const secretFrom = (shared: Uint8Array, kemOutput: Uint8Array, publicKey: Uint8Array) => {
    const prk = labeledExtract(kdf, suiteId, empty, 'eae_prk', shared)
    return labeledExpand(kdf, suiteId, prk, 'shared_secret', concat(kemOutput, publicKey), 32)
  }
  const derivePrivate = (ikm: Uint8Array) => {
    const prk = labeledExtract(kdf, suiteId, empty, 'dkp_prk', ikm)
    return labeledExpand(kdf, suiteId, prk, 'sk', empty, 32)
  }
  return {
    id,
    privateKeyLength: 32,
    async deriveKeyPair(ikm) {
      const privateKey = derivePrivate(ikm)
      return { privateKey, publicKey: await dh.publicKey(privateKey) }
    },
    publicKey: (privateKey) => dh.publicKey(privateKey),
    async encapsulate(publicKey, random) {
      const ephemeral = random(32)
      const shared = await dh.shared(ephemeral, publicKey)
      if (shared === undefined) throw new MlsError('crypto.badKey', 'Not an X25519 public key.')
      const kemOutput = await dh.publicKey(ephemeral)
      return { sharedSecret: secretFrom(shared, kemOutput, publicKey), kemOutput }
    },
    async decapsulate(kemOutput, keys) {
      const shared = await dh.shared(keys.privateKey, kemOutput)
      if (shared === undefined) throw new MlsError('crypto.badKey', 'Not an X25519 KEM output.')
      return secretFrom(shared, kemOutput, keys.publicKey)
    },
  }
}
