import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'

/** An authenticator with one P-256 key (WebAuthn §6.3.3). */
export function newPasskey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const point = rawPoint(publicKey)
  return {
    identifier: point.toString('hex'),
    sign(text: string) {
      const clientData = JSON.stringify({
        type: 'webauthn.get',
        challenge: Buffer.from(text).toString('base64url'),
        origin: 'https://example.org',
        crossOrigin: false,
      })
      // The relying party, "user present" and "user verified", and a counter.
      const authenticatorData = Buffer.concat([
        createHash('sha256').update('example.org').digest(),
        Buffer.of(0x05, 0, 0, 0, 1),
      ])
      const signature = createSign('sha256')
        .update(authenticatorData)
        .update(createHash('sha256').update(clientData).digest())
        .sign(privateKey)
      return {
        publicKey: [...point],
        signature: [...signature],
        authenticatorData: [...authenticatorData],
        clientDataJson: [...Buffer.from(clientData)],
      }
    },
  }
}

function rawPoint(key: KeyObject): Buffer {
  const { x, y } = key.export({ format: 'jwk' })
  return Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')])
}
