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
})
