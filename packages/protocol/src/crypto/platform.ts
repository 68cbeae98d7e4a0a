/**
 * The primitives of V1 and V2 (v1-v2 §1). Two implementations with the same results bit for bit, chosen once by
 * the import map `#platform`: Node's own crypto with native secp256k1, and noble everywhere else. Lengths are the
 * caller's duty; the files beside this one check them.
 */
export type Platform = {
  readonly sha256: (data: Uint8Array) => Uint8Array
  readonly keccak256: (data: Uint8Array) => Uint8Array
  readonly hmacSha256: (key: Uint8Array, data: Uint8Array) => Uint8Array
  /** @returns 32 bytes */
  readonly hkdfSha256: (secret: Uint8Array, options: HkdfOptions) => Uint8Array
  /** @returns ciphertext ‖ 16-byte tag */
  readonly aes256GcmSeal: (plaintext: Uint8Array, options: AesGcmOptions) => Uint8Array
  /** @returns the plaintext, or undefined when the tag does not match */
  readonly aes256GcmOpen: (payload: Uint8Array, options: AesGcmOptions) => Uint8Array | undefined
  readonly secp256k1: Secp256k1
}

export type HkdfOptions = { readonly salt: Uint8Array; readonly info: Uint8Array }

export type AesGcmOptions = {
  /** 32 bytes */
  readonly key: Uint8Array
  /** 12 bytes */
  readonly nonce: Uint8Array
  readonly aad: Uint8Array
}

export type Secp256k1 = {
  /** Whether the 32 bytes are a scalar between 1 and the order less 1. */
  readonly isPrivateKey: (privateKey: Uint8Array) => boolean
  /** Whether the 65 bytes are a point of the curve. */
  readonly isPoint: (point: Uint8Array) => boolean
  /** @returns the uncompressed point, 65 bytes */
  readonly publicPoint: (privateKey: Uint8Array) => Uint8Array
  /** @returns the whole product, uncompressed, 65 bytes; undefined when `point` is none */
  readonly dh: (privateKey: Uint8Array, point: Uint8Array) => Uint8Array | undefined
  /** Deterministic (RFC 6979) and low-s. */
  readonly sign: (privateKey: Uint8Array, digest: Uint8Array) => RecoverableSignature
  /** High-s is refused. */
  readonly verify: (point: Uint8Array, digest: Uint8Array, signature: Uint8Array) => boolean
  /** @returns the signer's point, 65 bytes; undefined when there is none. High-s is accepted. */
  readonly recover: (digest: Uint8Array, signature: RecoverableSignature) => Uint8Array | undefined
}

export type RecoverableSignature = {
  /** r ‖ s, 64 bytes */
  readonly bytes: Uint8Array
  readonly recovery: 0 | 1
}
