/**
 * The primitives of the protocol (v1-v2 §1, v3-mls §1.4). Two implementations with the same results bit for bit, chosen once by
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
  readonly ed25519: Ed25519
  readonly p256: P256
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

/**
 * Ed25519 (RFC 8032). Both checks are the cofactorless equation over the bytes as given, as OpenSSL and libxmtp have
 * it: they compare the encoded R. A library's default of ZIP 215 would accept more and split clients on one log.
 */
export type Ed25519 = {
  /** @returns 32 bytes, from a 32-byte seed */
  readonly publicKey: (secret: Uint8Array) => Uint8Array
  /** @returns 64 bytes */
  readonly sign: (secret: Uint8Array, message: Uint8Array) => Uint8Array
  /** False for anything that is no key or no signature. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  /** Ed25519ph: SHA-512 of the message under a context of at most 255 bytes. */
  readonly signPrehashed: (secret: Uint8Array, options: PrehashedMessage) => Uint8Array
  /** False for anything that is no key or no signature. */
  readonly verifyPrehashed: (
    publicKey: Uint8Array,
    signature: Uint8Array,
    options: PrehashedMessage,
  ) => boolean
}

export type PrehashedMessage = { readonly message: Uint8Array; readonly context: Uint8Array }

export type P256 = {
  /**
   * ECDSA with SHA-256. High-s is accepted; false for anything that is no key or no signature.
   * @param publicKey SEC1, 33 bytes from 02 or 03, or 65 from 04
   * @param signature r ‖ s, 64 bytes
   */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
}
