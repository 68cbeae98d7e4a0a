/**
 * A crypto provider for ts-mls over node:crypto, from our own primitives: with it the two engines do the same
 * arithmetic in the same code, and what differs is the engine.
 */
import { exportSecret, openNext, sealNext, setupReceiver, setupSender, suiteOf } from '@xmtp-ts/mls'
import * as platform from '../../packages/mls/dist/crypto/platform.node.js'

const empty = new Uint8Array(0)
const suite = suiteOf(3)
const { kem, kdf, aead } = suite.hpke

export const nativeImpl = {
  name: 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519',
  hash: {
    digest: async (data) => suite.hash(data),
    mac: async (key, data) => suite.mac(key, data),
    verifyMac: async (key, mac, data) => Buffer.compare(suite.mac(key, data), mac) === 0,
  },
  kdf: {
    size: 32,
    extract: async (salt, ikm) => kdf.extract(salt, ikm),
    expand: async (prk, info, length) => kdf.expand(prk, info, length),
  },
  rng: { randomBytes: platform.randomBytes },
  signature: {
    sign: async (key, message) => platform.ed25519.sign(key, message),
    verify: async (key, message, signature) => platform.ed25519.verify(key, message, signature),
    async keygen() {
      const signKey = platform.randomBytes(32)
      return { signKey, publicKey: platform.ed25519.publicKey(signKey) }
    },
  },
  hpke: {
    keyLength: aead.keyLength,
    nonceLength: aead.nonceLength,
    importPrivateKey: async (key) => key,
    importPublicKey: async (key) => key,
    exportPublicKey: async (key) => key,
    exportPrivateKey: async (key) => key,
    encryptAead: async (key, nonce, aad, data) => aead.seal(key, nonce, aad ?? empty, data),
    async decryptAead(key, nonce, aad, data) {
      const opened = aead.open(key, nonce, aad ?? empty, data)
      if (opened === undefined) throw new Error('does not open')
      return opened
    },
    deriveKeyPair: async (ikm) => kem.deriveKeyPair(ikm),
    generateKeyPair: async () => kem.deriveKeyPair(platform.randomBytes(32)),
    async seal(publicKey, plaintext, info, aad) {
      const sender = await setupSender(suite.hpke, publicKey, info, platform.randomBytes)
      return { enc: sender.kemOutput, ct: sealNext(sender.context, aad ?? empty, plaintext) }
    },
    async open(privateKey, kemOutput, ciphertext, info, aad) {
      const keys = { privateKey, publicKey: await kem.publicKey(privateKey) }
      const receiver = await setupReceiver(suite.hpke, kemOutput, keys, info)
      return openNext(receiver, aad ?? empty, ciphertext)
    },
    async exportSecret(publicKey, exporterContext, length, info) {
      const { kemOutput, context } = await setupSender(
        suite.hpke,
        publicKey,
        info,
        platform.randomBytes,
      )
      return { enc: kemOutput, secret: exportSecret(context, exporterContext, length) }
    },
    async importSecret(privateKey, exporterContext, kemOutput, length, info) {
      const keys = { privateKey, publicKey: await kem.publicKey(privateKey) }
      const receiver = await setupReceiver(suite.hpke, kemOutput, keys, info)
      return exportSecret(receiver, exporterContext, length)
    },
  },
}
