import { sha3_256, shake256 } from '@noble/hashes/sha3.js'
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { x25519 } from '#platform'
import { ascii, concat, empty } from '../bytes.ts'
import { MlsError } from '../errors.ts'
import type { Kdf } from './kdf.ts'
import type { Kem } from './kem.ts'
import { labeledExpand, labeledExtract } from './kem.ts'

/** X-Wing's KEM id as IANA has it. */
export const xWingRegisteredId = 0x647a

/** X-Wing's KEM id as libxmtp writes it into the HPKE suite id: the number of an early draft. */
export const xWingLibxmtpId = 0x004d

const sizes = { seed: 32, mlKemPublic: 1184, mlKemCiphertext: 1088, x25519: 32 } as const
const label = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c)

type Expanded = {
  readonly mlKem: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array }
  readonly x25519Private: Uint8Array
}

// Many welcomes are for one key. What was made from a seed lives exactly as long as its bytes.
const expandedSeeds = new WeakMap<Uint8Array, Expanded>()

function expand(seed: Uint8Array): Expanded {
  const known = expandedSeeds.get(seed)
  if (known !== undefined) return known
  const bytes = shake256(seed, { dkLen: 96 })
  const made = {
    mlKem: ml_kem768.keygen(bytes.slice(0, 64)),
    x25519Private: bytes.slice(64, 96),
  }
  expandedSeeds.set(seed, made)
  return made
}

async function publicKeyOf(expanded: Expanded): Promise<Uint8Array> {
  return concat(expanded.mlKem.publicKey, await x25519.publicKey(expanded.x25519Private))
}

function combine(
  mlKemSecret: Uint8Array,
  x25519Secret: Uint8Array,
  x25519Ciphertext: Uint8Array,
  x25519Public: Uint8Array,
): Uint8Array {
  return sha3_256(concat(mlKemSecret, x25519Secret, x25519Ciphertext, x25519Public, label))
}

/**
 * X-Wing (draft-connolly-cfrg-xwing-kem-06): ML-KEM-768 and X25519 in one. The private key is a 32-byte seed,
 * the public key 1216 bytes, the KEM output 1120. The combiner's result is the shared secret as it is.
 *
 * @param id the KEM id for the HPKE suite id: peers disagree on it, and another id is another key
 */
export function xWing(kdf: Kdf, id: number): Kem {
  const suiteId = concat(ascii('KEM'), Uint8Array.of(id >> 8, id & 0xff))
  return {
    id,
    privateKeyLength: sizes.seed,
    async deriveKeyPair(ikm) {
      const prk = labeledExtract(kdf, suiteId, empty, 'dkp_prk', ikm)
      const privateKey = labeledExpand(kdf, suiteId, prk, 'sk', empty, sizes.seed)
      return { privateKey, publicKey: await publicKeyOf(expand(privateKey)) }
    },
    publicKey: (privateKey) => publicKeyOf(expand(privateKey)),
    async encapsulate(publicKey, random) {
      if (publicKey.length !== sizes.mlKemPublic + sizes.x25519)
        throw new MlsError(
          'crypto.badKey',
          `An X-Wing key has 1216 bytes, not ${publicKey.length}.`,
        )
      const mlKemPublic = publicKey.slice(0, sizes.mlKemPublic)
      const x25519Public = publicKey.slice(sizes.mlKemPublic)
      const ephemeral = random(sizes.x25519)
      const shared = await x25519.shared(ephemeral, x25519Public)
      if (shared === undefined) throw new MlsError('crypto.badKey', 'Its X25519 half is no key.')
      const x25519Ciphertext = await x25519.publicKey(ephemeral)
      try {
        const { cipherText, sharedSecret } = ml_kem768.encapsulate(mlKemPublic, random(32))
        return {
          sharedSecret: combine(sharedSecret, shared, x25519Ciphertext, x25519Public),
          kemOutput: concat(cipherText, x25519Ciphertext),
        }
      } catch (cause) {
        throw new MlsError('crypto.badKey', 'Its ML-KEM half is no key.', { cause })
      }
    },
    async decapsulate(kemOutput, keys) {
      if (kemOutput.length !== sizes.mlKemCiphertext + sizes.x25519)
        throw new MlsError(
          'crypto.badKey',
          `An X-Wing output has 1120 bytes, not ${kemOutput.length}.`,
        )
      const { mlKem, x25519Private } = expand(keys.privateKey)
      const x25519Ciphertext = kemOutput.slice(sizes.mlKemCiphertext)
      const shared = await x25519.shared(x25519Private, x25519Ciphertext)
      if (shared === undefined) throw new MlsError('crypto.badKey', 'Its X25519 half is no key.')
      const mlKemSecret = ml_kem768.decapsulate(
        kemOutput.slice(0, sizes.mlKemCiphertext),
        mlKem.secretKey,
      )
      const x25519Public = await x25519.publicKey(x25519Private)
      return combine(mlKemSecret, shared, x25519Ciphertext, x25519Public)
    },
  }
}
