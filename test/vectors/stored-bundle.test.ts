import {
  addressOfPoint,
  decodePrivateKeyBundle,
  decryptKeyBundle,
  enableIdentityText,
  encodePrivateKeyBundle,
  encryptKeyBundle,
  isCurrentStoredForm,
  parseStoredKeyBundle,
  personalMessageDigest,
  publicKeyBundle,
  publicPoint,
  signDigest,
  verifyKeyBundle,
} from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import { bytes, hex, scripted, vectors } from './v1-v2.ts'

type Case = {
  name: string
  walletPrivateKey: string
  address: string
  walletPreKey: string
  enableIdentityText: string
  walletSignatureUsed: string
  alternateSignatureOfOtherWalletStyle: string
  hkdfSalt: string
  gcmNonce: string
  encryptedPrivateKeyBundle: string
  decryptedPrivateKeyBundle: string
}
type OlderShape = Pick<
  Case,
  'name' | 'walletSignatureUsed' | 'decryptedPrivateKeyBundle' | 'walletPreKey'
> & { bytes: string }
type Reject = Pick<Case, 'name' | 'walletPrivateKey'> & { bytes: string }

const { cases, olderShapes, rejects } = vectors<{
  cases: Case[]
  olderShapes: OlderShape[]
  rejects: Reject[]
}>('encrypted-private-key-bundles')

function walletSignature(privateKey: string, text: string): Uint8Array {
  const { bytes: rs, recovery } = signDigest(bytes(privateKey), personalMessageDigest(text))
  return Uint8Array.of(...rs, 27 + recovery)
}

describe('encrypted-private-key-bundles.json', () => {
  it.each(cases)('$name: opens with either spelling of the signature', (vector) => {
    const stored = parseStoredKeyBundle(bytes(vector.encryptedPrivateKeyBundle))
    expect(hex(stored.walletPreKey)).toBe(vector.walletPreKey)
    expect(enableIdentityText(stored.walletPreKey)).toBe(vector.enableIdentityText)
    for (const signature of [
      vector.walletSignatureUsed,
      vector.alternateSignatureOfOtherWalletStyle,
    ]) {
      const opened = decryptKeyBundle(stored, bytes(signature))
      expect(hex(encodePrivateKeyBundle(opened))).toBe(vector.decryptedPrivateKeyBundle)
      expect(verifyKeyBundle(publicKeyBundle(opened)).owner).toBe(vector.address)
    }
    expect(addressOfPoint(publicPoint(bytes(vector.walletPrivateKey)))).toBe(vector.address)
  })

  it.each(cases)('$name: is written byte for byte', (vector) => {
    const written = encryptKeyBundle(
      decodePrivateKeyBundle(bytes(vector.decryptedPrivateKeyBundle)),
      {
        walletPreKey: bytes(vector.walletPreKey),
        walletSignature: bytes(vector.walletSignatureUsed),
        random: scripted(vector.hkdfSalt, vector.gcmNonce),
      },
    )
    expect(hex(written)).toBe(vector.encryptedPrivateKeyBundle)
    expect(isCurrentStoredForm(written)).toBe(true)
  })

  it.each(olderShapes)('older shape: $name', (vector) => {
    const stored = parseStoredKeyBundle(bytes(vector.bytes))
    const opened = decryptKeyBundle(stored, bytes(vector.walletSignatureUsed))
    expect(hex(encodePrivateKeyBundle(opened))).toBe(vector.decryptedPrivateKeyBundle)
  })

  it.each(rejects)('refused: $name', (vector) => {
    expect(() => {
      const stored = parseStoredKeyBundle(bytes(vector.bytes))
      const text = enableIdentityText(stored.walletPreKey)
      decryptKeyBundle(stored, walletSignature(vector.walletPrivateKey, text))
    }).toThrow(/keyBundle\.(malformed|undecryptable)/)
  })
})
