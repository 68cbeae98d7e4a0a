import { describe, expect, it } from 'vitest'
import { seeded } from '../../test/world.ts'
import { limits } from '../limits.ts'
import { chacha20Poly1305Suite } from './suites.ts'
import type { CipherSuite } from './suite.ts'
import { signWithLabel } from './suite.ts'
import { verifyKnownWithLabel } from './verified.ts'

const random = seeded('verified')

/** A suite that counts how often it is asked, and can be told to find everything right. */
function counting() {
  let count = 0
  let isBlind = false
  const { signature } = chacha20Poly1305Suite
  const verify: typeof signature.verify = (...call) => {
    count += 1
    return isBlind || signature.verify(...call)
  }
  const suite: CipherSuite = { ...chacha20Poly1305Suite, signature: { ...signature, verify } }
  return { suite, count: () => count, blind: () => (isBlind = true) }
}

async function signed(suite: CipherSuite) {
  const privateKey = random(32)
  const publicKey = await suite.signature.publicKey(privateKey)
  const content = random(100)
  return { publicKey, content, signature: await signWithLabel(suite, privateKey, 'Label', content) }
}

const flipped = (bytes: Uint8Array) =>
  Uint8Array.from(bytes, (byte, i) => (i === 5 ? byte ^ 1 : byte))

describe('signatures that come again', () => {
  it('are verified once', async () => {
    const { suite, count } = counting()
    const { publicKey, content, signature } = await signed(suite)
    const again = () => verifyKnownWithLabel(suite, publicKey, 'Label', content, signature)
    expect([await again(), await again(), await again()]).toEqual([true, true, true])
    expect(count()).toBe(1)
  })

  it('are not recognised by another key, label, content or signature', async () => {
    const { suite } = counting()
    const { publicKey, content, signature } = await signed(suite)
    expect(await verifyKnownWithLabel(suite, publicKey, 'Label', content, signature)).toBe(true)
    const verify = (key: Uint8Array, label: string, data: Uint8Array, by: Uint8Array) =>
      verifyKnownWithLabel(suite, key, label, data, by)
    expect(await verify(flipped(publicKey), 'Label', content, signature)).toBe(false)
    expect(await verify(publicKey, 'Other', content, signature)).toBe(false)
    expect(await verify(publicKey, 'Label', flipped(content), signature)).toBe(false)
    expect(await verify(publicKey, 'Label', content, flipped(signature))).toBe(false)
    expect(await verify(publicKey, 'Label', content, signature.subarray(0, 63))).toBe(false)
  })

  it('stay wrong when they are wrong', async () => {
    const { suite, count } = counting()
    const { publicKey, content, signature } = await signed(suite)
    const again = () => verifyKnownWithLabel(suite, publicKey, 'Label', content, flipped(signature))
    expect([await again(), await again()]).toEqual([false, false])
    expect(count()).toBe(2)
  })

  it('are forgotten, the oldest first, so that memory has a bound', async () => {
    const { suite, count, blind } = counting()
    const one = await signed(suite)
    const again = () =>
      verifyKnownWithLabel(suite, one.publicKey, 'Label', one.content, one.signature)
    await again()
    blind()
    for (let i = 0; i < limits.verifiedSignatures; i++)
      await verifyKnownWithLabel(suite, one.publicKey, `${i}`, one.content, one.signature)
    await again()
    expect(count()).toBe(limits.verifiedSignatures + 2)
  })
})
