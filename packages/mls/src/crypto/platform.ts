/** A value, or a promise of it where the platform only offers one (WebCrypto). */
export type MaybePromise<T> = T | Promise<T>

/** Authenticated encryption. `open` gives undefined when the tag does not match. */
export type Aead = {
  readonly keyLength: number
  readonly nonceLength: number
  readonly tagLength: number
  readonly seal: (
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
  ) => Uint8Array
  readonly open: (
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ) => Uint8Array | undefined
}

/** A signature scheme with raw keys. */
export type SignatureScheme = {
  readonly privateKeyLength: number
  readonly publicKey: (privateKey: Uint8Array) => MaybePromise<Uint8Array>
  readonly sign: (privateKey: Uint8Array, message: Uint8Array) => MaybePromise<Uint8Array>
  /** False for a signature that does not verify and for a key that is none. */
  readonly verify: (
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ) => MaybePromise<boolean>
}

/** A Diffie-Hellman group with raw keys. */
export type DiffieHellman = {
  readonly publicKey: (privateKey: Uint8Array) => MaybePromise<Uint8Array>
  /** Undefined for a key of the wrong size and for an all-zero result (RFC 9180 §7.1.4). */
  readonly shared: (
    privateKey: Uint8Array,
    publicKey: Uint8Array,
  ) => MaybePromise<Uint8Array | undefined>
}

/** What is asymmetric. */
export type Curves = { readonly ed25519: SignatureScheme; readonly x25519: DiffieHellman }

/**
 * The primitives the suites are made of, as a module of this shape: so a bundle holds those it uses. What is symmetric is
 * synchronous everywhere; what is asymmetric may be a promise, because browsers offer their fast curves that way only.
 */
export type Platform = Curves & {
  readonly randomBytes: (length: number) => Uint8Array
  readonly sha256: (data: Uint8Array) => Uint8Array
  readonly hmacSha256: (key: Uint8Array, data: Uint8Array) => Uint8Array
  readonly chacha20Poly1305: Aead
  readonly aes128Gcm: Aead
}
