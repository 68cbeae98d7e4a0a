import { ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { platform as noble } from './platform.noble.ts'
import { platform as node } from './platform.node.ts'

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const anyBytes = fc.uint8Array({ maxLength: 600 })
const privateKey = bytesOf(32).filter((key) => noble.secp256k1.isPrivateKey(key))

/** Buffers and arrays alike, so that equality is of content. */
const plain = (bytes: Uint8Array | undefined) => bytes && [...bytes]

describe('both platforms give the same results', () => {
  it('hashes, HMAC and HKDF', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, anyBytes, (a, salt, info) => {
        expect(plain(node.sha256(a))).toEqual(plain(noble.sha256(a)))
        expect(plain(node.keccak256(a))).toEqual(plain(noble.keccak256(a)))
        expect(plain(node.hmacSha256(salt, a))).toEqual(plain(noble.hmacSha256(salt, a)))
        expect(plain(node.hkdfSha256(a, { salt, info }))).toEqual(
          plain(noble.hkdfSha256(a, { salt, info })),
        )
      }),
    )
  })

  it('AES-256-GCM, and each opens what the other sealed', () => {
    fc.assert(
      fc.property(bytesOf(32), bytesOf(12), anyBytes, anyBytes, (key, nonce, aad, plaintext) => {
        const options = { key, nonce, aad }
        const sealed = node.aes256GcmSeal(plaintext, options)
        expect(plain(sealed)).toEqual(plain(noble.aes256GcmSeal(plaintext, options)))
        expect(plain(noble.aes256GcmOpen(sealed, options))).toEqual(plain(plaintext))
        expect(plain(node.aes256GcmOpen(sealed, options))).toEqual(plain(plaintext))
        const altered = sealed.slice()
        altered[altered.length - 1]! ^= 1
        expect(noble.aes256GcmOpen(altered, options)).toBeUndefined()
        expect(node.aes256GcmOpen(altered, options)).toBeUndefined()
      }),
    )
  })

  it('secp256k1: points, agreement, signatures, recovery', () => {
    fc.assert(
      fc.property(privateKey, privateKey, bytesOf(32), (mine, theirs, digest) => {
        const [a, b] = [noble.secp256k1, node.secp256k1]
        const point = a.publicPoint(theirs)
        expect(plain(b.publicPoint(theirs))).toEqual(plain(point))
        expect(plain(b.dh(mine, point))).toEqual(plain(a.dh(mine, point)))
        const signature = a.sign(theirs, digest)
        expect(plain(b.sign(theirs, digest).bytes)).toEqual(plain(signature.bytes))
        expect(b.sign(theirs, digest).recovery).toBe(signature.recovery)
        expect(b.verify(point, digest, signature.bytes)).toBe(true)
        expect(a.verify(point, digest, signature.bytes)).toBe(true)
        expect(plain(b.recover(digest, signature))).toEqual(plain(point))
        expect(plain(a.recover(digest, signature))).toEqual(plain(point))
      }),
      { numRuns: 20 },
    )
  })

  it('secp256k1: the same answers for bytes that are no points, keys or signatures', () => {
    fc.assert(
      fc.property(bytesOf(65), bytesOf(32), bytesOf(64), (point, scalar, bytes) => {
        const [a, b] = [noble.secp256k1, node.secp256k1]
        point[0] = 4
        expect(b.isPoint(point)).toBe(a.isPoint(point))
        expect(b.isPrivateKey(scalar)).toBe(a.isPrivateKey(scalar))
        expect(plain(b.dh(scalar, point))).toEqual(plain(a.dh(scalar, point)))
        expect(b.verify(point, scalar, bytes)).toBe(a.verify(point, scalar, bytes))
        const signature = { bytes, recovery: 1 } as const
        expect(plain(b.recover(scalar, signature))).toEqual(plain(a.recover(scalar, signature)))
      }),
    )
  })

  it('secp256k1: high-s verifies nowhere and recovers everywhere', () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    fc.assert(
      fc.property(privateKey, bytesOf(32), (key, digest) => {
        const { bytes, recovery } = noble.secp256k1.sign(key, digest)
        const s = BigInt(`0x${Buffer.from(bytes.subarray(32)).toString('hex')}`)
        const highS = Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex')
        const high = {
          bytes: Uint8Array.of(...bytes.subarray(0, 32), ...highS),
          recovery: recovery === 0 ? (1 as const) : (0 as const),
        }
        const point = noble.secp256k1.publicPoint(key)
        for (const { secp256k1 } of [noble, node]) {
          expect(secp256k1.verify(point, digest, high.bytes)).toBe(false)
          expect(plain(secp256k1.recover(digest, high))).toEqual(plain(point))
        }
      }),
      { numRuns: 20 },
    )
  })

  it('Ed25519 and Ed25519ph: keys, signatures, checks', () => {
    fc.assert(
      fc.property(bytesOf(32), anyBytes, fc.nat(63), fc.nat(7), (secret, message, at, bit) => {
        const [a, b] = [noble.ed25519, node.ed25519]
        const publicKey = a.publicKey(secret)
        expect(plain(b.publicKey(secret))).toEqual(plain(publicKey))
        const signature = a.sign(secret, message)
        expect(plain(b.sign(secret, message))).toEqual(plain(signature))
        const altered = signature.slice()
        altered[at]! ^= 1 << bit
        const options = { message, context: message.subarray(0, 40) }
        const prehashed = a.signPrehashed(secret, options)
        for (const { verify, verifyPrehashed } of [a, b]) {
          expect(verify(publicKey, message, signature)).toBe(true)
          expect(verify(publicKey, message, altered)).toBe(false)
          expect(verify(publicKey, message, prehashed)).toBe(false)
          expect(verify(publicKey.subarray(1), message, signature)).toBe(false)
          expect(verify(publicKey, message, signature.subarray(1))).toBe(false)
          expect(verifyPrehashed(publicKey, prehashed, options)).toBe(true)
          expect(verifyPrehashed(publicKey, signature, options)).toBe(false)
          const otherContext = { message, context: Uint8Array.of(1, 2) }
          expect(verifyPrehashed(publicKey, prehashed, otherContext)).toBe(false)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('Ed25519: the same answer for any bytes, and for points of small order', () => {
    const torsion = ED25519_TORSION_SUBGROUP.map((text) =>
      Uint8Array.from(Buffer.from(text, 'hex')),
    )
    const notCanonical = Uint8Array.from(Buffer.from(`ee${'ff'.repeat(30)}7f`, 'hex'))
    const key = fc.oneof(bytesOf(32), fc.constantFrom(...torsion, notCanonical))
    const signature = fc
      .tuple(key, fc.oneof(bytesOf(32), fc.constant(new Uint8Array(32))))
      .map(([r, s]) => Uint8Array.of(...r, ...s))
    let accepted = 0
    fc.assert(
      fc.property(key, anyBytes, signature, (publicKey, message, bytes) => {
        const answer = node.ed25519.verify(publicKey, message, bytes)
        accepted += answer ? 1 : 0
        expect(noble.ed25519.verify(publicKey, message, bytes)).toBe(answer)
      }),
      { numRuns: 600, seed: 8032 },
    )
    // Forgeries with s = 0 under keys of small order are what makes the two equations differ.
    expect(accepted).toBeGreaterThan(0)
  })

  it('Ed25519ph: the vector of RFC 8032 §7.3', () => {
    const secret = Buffer.from(
      '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
      'hex',
    )
    const publicKey = Buffer.from(
      'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
      'hex',
    )
    const expected =
      '98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41' +
      '31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406'
    const options = { message: Buffer.from('abc'), context: new Uint8Array() }
    for (const { ed25519 } of [noble, node]) {
      expect(Buffer.from(ed25519.publicKey(secret)).toString('hex')).toBe(publicKey.toString('hex'))
      const signature = ed25519.signPrehashed(secret, options)
      expect(Buffer.from(signature).toString('hex')).toBe(expected)
      expect(ed25519.verifyPrehashed(publicKey, signature, options)).toBe(true)
    }
  })

  it('P-256: both forms of a key, both forms of s, and nothing else', () => {
    const order = p256.Point.Fn.ORDER
    fc.assert(
      fc.property(bytesOf(32), anyBytes, (seed, message) => {
        const secret = p256.utils.randomSecretKey(Uint8Array.of(...seed, ...seed.subarray(0, 16)))
        const signature = p256.sign(message, secret)
        const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`)
        const highS = Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex')
        const other = Uint8Array.of(...signature.subarray(0, 32), ...highS)
        const compressed = p256.getPublicKey(secret, true)
        const point = p256.getPublicKey(secret, false)
        const hybrid = point.slice()
        hybrid[0] = 6 + (point[64]! & 1)
        for (const { verify } of [noble.p256, node.p256]) {
          for (const key of [compressed, point])
            for (const bytes of [signature, other]) expect(verify(key, message, bytes)).toBe(true)
          expect(verify(hybrid, message, signature)).toBe(false)
          expect(verify(point, Uint8Array.of(...message, 0), signature)).toBe(false)
          expect(verify(point, message, new Uint8Array(64))).toBe(false)
          expect(verify(point.subarray(1), message, signature)).toBe(false)
          expect(verify(point, message, signature.subarray(1))).toBe(false)
        }
      }),
      { numRuns: 10 },
    )
  })

  it('P-256: the same answer for any bytes', () => {
    const key = fc.oneof(bytesOf(33), bytesOf(65)).map((bytes) => {
      bytes[0] = bytes.length === 65 ? 4 : 2 + ((bytes[0] ?? 0) & 1)
      return bytes
    })
    fc.assert(
      fc.property(key, anyBytes, bytesOf(64), (publicKey, message, signature) => {
        expect(node.p256.verify(publicKey, message, signature)).toBe(
          noble.p256.verify(publicKey, message, signature),
        )
      }),
      { numRuns: 40 },
    )
  })
})
