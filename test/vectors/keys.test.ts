import {
  addressOfPoint,
  createIdentityText,
  decodePrivateKeyBundle,
  encodeContactV1,
  encodeContactV2,
  encodeKeyBundle,
  encodeKeyBundleV1,
  encodePrivateKeyBundle,
  encodePrivateKeyBundleV2,
  findContact,
  parseKeyBundle,
  personalMessageDigest,
  publicKeyBundle,
  publicPoint,
  sharedSecretAsRecipient,
  sharedSecretAsSender,
  signDigest,
  signIdentityKey,
  verifyKeyBundle,
  type Address,
} from '@xmtp-ts/protocol'
import { PublicKeyBundle, SignedPublicKeyBundle } from '@xmtp-ts/proto/message_contents/keys'
import { describe, expect, it } from 'vitest'
import { account, bytes, hex, legacyAccounts, nativeAccounts, vectors } from './v1-v2.ts'

describe('accounts.json', () => {
  const everyone = [...legacyAccounts, ...nativeAccounts]

  it.each(everyone)('$name: the wallet key gives the address', ({ walletPrivateKey, address }) => {
    expect(addressOfPoint(publicPoint(bytes(walletPrivateKey)))).toBe(address)
  })

  it.each(everyone)('$name: key bytes, points and signatures', (vector) => {
    const { keys } = account(vector.name)
    const pairs = [
      [keys.identityKey, vector.identityKey] as const,
      ...keys.preKeys.map((key, index) => [key, vector.preKeys[index]!] as const),
    ]
    for (const [key, expected] of pairs) {
      expect(hex(key.secret)).toBe(expected.privateKey)
      expect(hex(key.publicKey.point)).toBe(expected.publicKey)
      expect(hex(key.publicKey.keyBytes)).toBe(expected.keyBytes)
      expect(hex(key.publicKey.signature.bytes)).toBe(expected.signature.bytes)
      expect(key.publicKey.signature.recovery).toBe(expected.signature.recovery)
    }
    expect(createIdentityText(keys.identityKey.publicKey.keyBytes)).toBe(vector.createIdentityText)
  })

  it.each(everyone)('$name: the wallet signs the identity text byte for byte', (vector) => {
    const { keys } = account(vector.name)
    const { bytes: rs, recovery } = signDigest(
      bytes(vector.walletPrivateKey),
      personalMessageDigest(vector.createIdentityText),
    )
    const walletSignature = bytes(`${hex(rs)}${recovery === 0 ? '1b' : '1c'}`)
    expect(hex(walletSignature)).toBe(vector.createIdentityWalletSignature)
    const { secret, publicKey } = keys.identityKey
    const { signature, ...unsigned } = publicKey
    expect(signIdentityKey({ secret, unsigned }, walletSignature).publicKey.signature).toEqual(
      signature,
    )
  })

  it.each(everyone)('$name: bundles encode as given, and verify', (vector) => {
    const { keys } = account(vector.name)
    const bundle = publicKeyBundle(keys)
    expect(hex(SignedPublicKeyBundle.encode(encodeKeyBundle(bundle)).finish())).toBe(
      vector.signedPublicKeyBundle,
    )
    expect(hex(encodeContactV2(bundle))).toBe(vector.contactBundleV2)
    expect(verifyKeyBundle(bundle).owner).toBe(vector.address)
  })

  it.each(legacyAccounts)('$name: has a V1 form', (vector) => {
    const { keys } = account(vector.name)
    const bundle = publicKeyBundle(keys)
    expect(hex(encodePrivateKeyBundle(keys))).toBe(vector.privateKeyBundle)
    expect(hex(encodePrivateKeyBundleV2(keys))).toBe(vector.privateKeyBundleAsV2)
    expect(decodePrivateKeyBundle(bytes(vector.privateKeyBundleAsV2!))).toEqual(keys)
    expect(hex(PublicKeyBundle.encode(encodeKeyBundleV1(bundle)).finish())).toBe(
      vector.publicKeyBundle,
    )
    expect(hex(encodeContactV1(bundle))).toBe(vector.contactBundleV1)
  })

  it.each(nativeAccounts)('$name: has no V1 form', ({ name, privateKeyBundle }) => {
    const { keys } = account(name)
    expect(() => encodeContactV1(publicKeyBundle(keys))).toThrow(/key\.notLegacy/)
    expect(hex(encodePrivateKeyBundleV2(keys))).toBe(privateKeyBundle)
  })
})

describe('contact-bundles.json', () => {
  type Case = { name: string; lookupAddress: Address; bytes: string; expect: string; version?: string }
  type Sequence = Omit<Case, 'bytes'> & {
    envelopes: { timestampNs: string; message: string }[]
    expectedBundle: string
  }
  const { cases, sequences } = vectors<{ cases: Case[]; sequences: Sequence[] }>('contact-bundles')

  it.each(cases)('$name: $expect', (vector) => {
    const found = findContact([bytes(vector.bytes)], {
      owner: vector.lookupAddress,
      verify: verifyKeyBundle,
    })
    // "accept at lookup, reject at use" is refused at once here: the pre-key is checked with the rest.
    expect(found?.version).toBe(vector.expect === 'accept' ? vector.version : undefined)
  })

  it.each(sequences)('$name', (vector) => {
    const newestFirst = vector.envelopes
      .toSorted((a, b) => Number(BigInt(b.timestampNs) - BigInt(a.timestampNs)))
      .map(({ message }) => bytes(message))
    const found = findContact(newestFirst, { owner: vector.lookupAddress, verify: verifyKeyBundle })
    expect(found?.version).toBe(vector.expect)
    const encoded =
      vector.expect === 'v1'
        ? PublicKeyBundle.encode(encodeKeyBundleV1(found!.keyBundle)).finish()
        : SignedPublicKeyBundle.encode(encodeKeyBundle(found!.keyBundle)).finish()
    expect(hex(encoded)).toBe(vector.expectedBundle)
  })
})

describe('shared-secret.json', () => {
  type Case = { name: string; sender: string; recipient: string; secret: string }

  it.each(vectors<{ cases: Case[] }>('shared-secret').cases)('$name', (vector) => {
    const [sender, recipient] = [account(vector.sender).keys, account(vector.recipient).keys]
    const verified = (keys: typeof sender) =>
      verifyKeyBundle(parseKeyBundle(encodeKeyBundle(publicKeyBundle(keys))))
    const own = (keys: typeof sender) => ({
      identityKey: keys.identityKey,
      preKey: keys.preKeys[0],
    })
    expect(hex(sharedSecretAsSender(own(sender), verified(recipient)))).toBe(vector.secret)
    expect(hex(sharedSecretAsRecipient(own(recipient), verified(sender)))).toBe(vector.secret)
  })
})
