import { Ciphertext } from '@xmtp-ts/proto/message_contents/ciphertext'
import { decrypt, encodeCiphertext, encrypt, parseCiphertext } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import { bytes, hex, scripted, vectors } from './v1-v2.ts'

type Case = {
  name: string
  secret: string
  aad: string | null
  plaintext: string
  hkdfSalt: string
  gcmNonce: string
  ciphertextProto: string
}

const { cases, rejects } = vectors<{ cases: Case[]; rejects: Case[] }>('ciphertext')

const secretAndAad = ({ secret, aad }: Case) => ({
  secret: bytes(secret),
  ...(aad === null ? {} : { aad: bytes(aad) }),
})

describe('ciphertext.json', () => {
  it.each(cases)('$name', (vector) => {
    const sealed = encrypt(bytes(vector.plaintext), {
      ...secretAndAad(vector),
      random: scripted(vector.hkdfSalt, vector.gcmNonce),
    })
    expect(hex(Ciphertext.encode(encodeCiphertext(sealed)).finish())).toBe(vector.ciphertextProto)
    const parsed = parseCiphertext(Ciphertext.decode(bytes(vector.ciphertextProto)))
    expect(hex(decrypt(parsed, secretAndAad(vector)))).toBe(vector.plaintext)
  })

  it.each(rejects)('refused: $name', (vector) => {
    expect(() =>
      decrypt(
        parseCiphertext(Ciphertext.decode(bytes(vector.ciphertextProto))),
        secretAndAad(vector),
      ),
    ).toThrow(/ciphertext\.(malformed|undecryptable)/)
  })
})
