import { ml_kem768_x25519 as XWing } from '@noble/post-quantum/hybrid.js'
import { describe, expect, it } from 'vitest'
import { seeded } from '../../test/world.ts'
import { ascii, empty } from '../bytes.ts'
import { suiteOf } from '../crypto/suites.ts'
import { MlsError } from '../errors.ts'
import { exportSecret, openNext, sealNext, setupReceiver, setupSender } from './hpke.ts'
import { xWing, xWingLibxmtpId, xWingRegisteredId } from './x-wing.ts'

const random = seeded('hpke')
const { hpke } = suiteOf(3)
const kems = {
  x25519: hpke.kem,
  'X-Wing 0x004d': xWing(hpke.kdf, xWingLibxmtpId),
  'X-Wing 0x647a': xWing(hpke.kdf, xWingRegisteredId),
}

describe('HPKE', () => {
  for (const [name, kem] of Object.entries(kems))
    it(`seals several messages in one context with ${name}`, async () => {
      const suite = { ...hpke, kem }
      const keys = await kem.deriveKeyPair(random(32))
      const info = ascii('info')
      const sender = await setupSender(suite, keys.publicKey, info, random)
      const sealed = [0, 1, 2].map((i) => sealNext(sender.context, empty, ascii(`message ${i}`)))
      const receiver = await setupReceiver(suite, sender.kemOutput, keys, info)
      expect(() => openNext(receiver, empty, sealed[1]!)).toThrow(/openFailed/)
      for (const [i, message] of sealed.entries())
        expect(openNext(receiver, empty, message)).toEqual(ascii(`message ${i}`))
      expect(exportSecret(receiver, ascii('context'), 40)).toEqual(
        exportSecret(sender.context, ascii('context'), 40),
      )
      const other = await setupReceiver(suite, sender.kemOutput, keys, ascii('other'))
      expect(() => openNext(other, empty, sealed[0]!)).toThrow(MlsError)
    })

  it('makes other keys under another KEM id', async () => {
    const keys = await kems['X-Wing 0x004d'].deriveKeyPair(random(32))
    const sender = await setupSender(
      { ...hpke, kem: kems['X-Wing 0x004d'] },
      keys.publicKey,
      empty,
      random,
    )
    const sealed = sealNext(sender.context, empty, ascii('x'))
    const suite = { ...hpke, kem: kems['X-Wing 0x647a'] }
    const receiver = await setupReceiver(suite, sender.kemOutput, keys, empty)
    expect(() => openNext(receiver, empty, sealed)).toThrow(/openFailed/)
  })

  it('has the X-Wing of others', async () => {
    const kem = kems['X-Wing 0x647a']
    const seed = random(32)
    const theirs = XWing.keygen(seed)
    const publicKey = await kem.publicKey(seed)
    expect(publicKey).toEqual(theirs.publicKey)
    const { cipherText, sharedSecret } = XWing.encapsulate(theirs.publicKey.slice())
    expect(await kem.decapsulate(cipherText, { privateKey: seed, publicKey })).toEqual(sharedSecret)
    const made = await kem.encapsulate(publicKey, random)
    expect(XWing.decapsulate(made.kemOutput, theirs.secretKey)).toEqual(made.sharedSecret)
  })
})
