import { aes128Gcm, chacha20Poly1305, ed25519, hmacSha256, sha256, x25519 } from '#platform'
import { hkdf } from '../hpke/kdf.ts'
import { dhkemX25519 } from '../hpke/kem.ts'
import type { Aead } from './platform.ts'
import type { CipherSuite } from './suite.ts'
import { findSuite } from './suite.ts'

function x25519Sha256Ed25519(id: number, name: string, aead: Aead, aeadId: number): CipherSuite {
  const kdf = hkdf(0x0001, 32, hmacSha256)
  const kem = dhkemX25519(x25519, kdf)
  const hpke = { kem, kdf, aead, aeadId }
  return { id, name, hpke, hash: sha256, mac: hmacSha256, signature: ed25519 }
}

/** Suite 0x0001, which every implementation of RFC 9420 has. */
export const aes128GcmSuite: CipherSuite = /* @__PURE__ */ x25519Sha256Ed25519(
  0x0001,
  'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519',
  aes128Gcm,
  0x0001,
)

/** Suite 0x0003, which XMTP uses. */
export const chacha20Poly1305Suite: CipherSuite = /* @__PURE__ */ x25519Sha256Ed25519(
  0x0003,
  'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519',
  chacha20Poly1305,
  0x0003,
)

/** The suites that are built in (RFC 9420 §17.1). */
export const cipherSuites: readonly CipherSuite[] = [aes128GcmSuite, chacha20Poly1305Suite]

/**
 * A built-in suite by its number.
 *
 * @throws MlsError `suite.unsupported`
 */
export function suiteOf(id: number): CipherSuite {
  return findSuite(cipherSuites, id)
}
