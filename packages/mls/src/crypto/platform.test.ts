import { describe, expect, it } from 'vitest'
import { seeded } from '../../test/world.ts'
import { concat } from '../bytes.ts'
import * as noble from './platform.noble.ts'
import * as node from './platform.node.ts'
import type { Curves } from './platform.ts'
import { preferWebCrypto } from './web-crypto.ts'

const random = seeded('platform')
const lengths = [0, 1, 31, 32, 33, 63, 64, 65, 200, 5000]

describe('the same results on every platform', () => {
  it('for hashes and MACs', () => {
    for (const length of lengths) {
      const data = random(length)
      expect(noble.sha256(data)).toEqual(node.sha256(data))
      const key = random(length)
      expect(noble.hmacSha256(key, data)).toEqual(node.hmacSha256(key, data))
    }
  })

  const aeads = [
    ['ChaCha20-Poly1305', noble.chacha20Poly1305, node.chacha20Poly1305],
    ['AES-128-GCM', noble.aes128Gcm, node.aes128Gcm],
  ] as const
  for (const [name, own, native] of aeads)
    it(`for ${name}`, () => {
      for (const length of lengths) {
        const [key, nonce] = [random(own.keyLength), random(12)]
        const [aad, data] = [random(length), random(length)]
        const sealed = own.seal(key, nonce, aad, data)
        expect(native.seal(key, nonce, aad, data)).toEqual(sealed)
        for (const aead of [own, native]) {
          expect(aead.open(key, nonce, aad, sealed)).toEqual(data)
          const broken = sealed.slice()
          broken[0]! ^= 1
          expect(aead.open(key, nonce, aad, broken)).toBeUndefined()
          expect(aead.open(key, nonce, aad, sealed.subarray(0, 8))).toBeUndefined()
        }
      }
    })

  const web = preferWebCrypto(noble.nobleCurves)
  const others: [string, Curves][] = [
    ['noble', noble.nobleCurves],
    ['WebCrypto', web],
  ]
  for (const [name, curves] of others)
    it(`for the curves of ${name}`, async () => {
      for (let i = 0; i < 6; i++) {
        const [key, peer, message] = [random(32), random(32), random(i * 10)]
        const publicKey = node.ed25519.publicKey(key)
        expect(await curves.ed25519.publicKey(key)).toEqual(publicKey)
        const signature = (await node.ed25519.sign(key, message)).slice()
        expect(await curves.ed25519.sign(key, message)).toEqual(signature)
        const verify = async (changed: Uint8Array) => {
          const own = await curves.ed25519.verify(await publicKey, message, changed)
          expect(own).toBe(await node.ed25519.verify(await publicKey, message, changed))
          return own
        }
        expect(await verify(signature)).toBe(true)
        signature[i] = signature[i]! ^ 1
        expect(await verify(signature)).toBe(false)
        expect(await curves.x25519.publicKey(key)).toEqual(await node.x25519.publicKey(key))
        const peerKey = await node.x25519.publicKey(peer)
        expect(await curves.x25519.shared(key, peerKey)).toEqual(
          await node.x25519.shared(key, peerKey),
        )
        expect(await curves.x25519.shared(key, new Uint8Array(32))).toBeUndefined()
      }
    })

  it('for signatures made to be judged differently', async () => {
    // Order and small-order points of the curve, little-endian: where libraries with a cofactor part from those without.
    const order = Uint8Array.from(
      Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex'),
    )
    const identity = new Uint8Array(32)
    identity[0] = 1
    const smallOrder = Uint8Array.from(
      Buffer.from('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', 'hex'),
    )
    const message = random(20)
    const keys = [identity, smallOrder, new Uint8Array(32), new Uint8Array(32).fill(255)]
    for (const publicKey of keys)
      for (const r of keys)
        for (const s of [new Uint8Array(32), order, random(32)]) {
          const signature = concat(r, s)
          const expected = await node.ed25519.verify(publicKey, message, signature)
          const got = await noble.nobleCurves.ed25519.verify(publicKey, message, signature)
          expect(got).toBe(expected)
        }
    // A good signature with the order added to its second half is another good one, unless that is looked for.
    const key = random(32)
    const publicKey = await node.ed25519.publicKey(key)
    const twin = (await node.ed25519.sign(key, message)).slice()
    let carry = 0
    for (let i = 0; i < 32; i++) {
      const sum = twin[32 + i]! + order[i]! + carry
      twin[32 + i] = sum & 0xff
      carry = sum >> 8
    }
    expect(await node.ed25519.verify(publicKey, message, twin)).toBe(false)
    expect(await noble.nobleCurves.ed25519.verify(publicKey, message, twin)).toBe(false)
  })
})
