import { createECDH, createHash, createPrivateKey, sign } from 'node:crypto'
import {
  createIdentityText,
  createUnsignedKey,
  personalMessageDigest,
  signIdentityKey,
  v3,
} from '@xmtp-ts/protocol'
import { hex, testWallet, type TestWallet } from './vectors.ts'

/** Somebody who can sign for an identity update. */
export type Actor = {
  readonly identifier: v3.MemberIdentifier
  readonly sign: (text: string) => v3.IdentitySignature
}

const seed = (number: number) => new Uint8Array(32).fill(number + 1)

export const wallet = (number: number): TestWallet => testWallet(seed(number))

export function installation(number: number) {
  const secret = seed(100 + number)
  return {
    secret,
    identifier: v3.installationIdentifier(v3.installationKey(secret)),
    sign: (text: string) => v3.signAsInstallation(secret, text),
  }
}

/** A contract wallet; its fake chain accepts the address followed by the hash. */
export function contract(number: number, chain = 'eip155:1') {
  const address = `0x${hex(seed(150 + number)).slice(0, 40)}`
  return {
    identifier: v3.ethereumIdentifier(address),
    sign: (text: string): v3.ContractSignature => ({
      kind: 'erc1271',
      account: v3.parseAccountId(`${chain}:${address}`),
      blockNumber: 7n,
      bytes: Uint8Array.of(...Buffer.from(address), ...personalMessageDigest(text)),
    }),
  }
}

export const chain = ({ account, hash, signature }: v3.ContractCheck): v3.ContractVerdict => ({
  isValid: hex(signature) === hex(Uint8Array.of(...Buffer.from(account.address), ...hash)),
  blockNumber: 7n,
})

/** A V2 identity key that `owner` signed. Its signatures count as the owner's. */
export function legacyKey(owner: TestWallet, number = 0) {
  const random = (sizeBytes: number) => new Uint8Array(sizeBytes).fill(200 + number)
  const unsigned = createUnsignedKey({ nowNs: 1_700_000_000_000_000_000n, random })
  const { bytes } = owner.sign(createIdentityText(unsigned.unsigned.keyBytes))
  const key = signIdentityKey(unsigned, bytes)
  return {
    identifier: owner.identifier,
    sign: (text: string) => v3.signAsLegacyKey(key, text),
  }
}

export function passkey(number: number, origin = 'https://app.example') {
  const secret = seed(50 + number)
  const exchange = createECDH('prime256v1')
  exchange.setPrivateKey(secret)
  const point = Uint8Array.from(exchange.getPublicKey())
  const part = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  const [x, y] = [part(point.subarray(1, 33)), part(point.subarray(33))]
  const key = createPrivateKey({
    key: { kty: 'EC', crv: 'P-256', x, y, d: part(secret) },
    format: 'jwk',
  })
  const publicKey = Uint8Array.from(exchange.getPublicKey(null, 'compressed'))
  return {
    identifier: v3.passkeyIdentifier(publicKey, origin),
    publicKey,
    sign: (text: string): v3.PasskeySignature => {
      const challenge = Buffer.from(text).toString('base64url')
      const clientData = { type: 'webauthn.get', challenge, origin }
      return passkeySignature(key, publicKey, JSON.stringify(clientData))
    },
    /** An assertion over client data of one's own choice. */
    assert: (clientData: object) => passkeySignature(key, publicKey, JSON.stringify(clientData)),
    assertText: (json: string) => passkeySignature(key, publicKey, json),
  }
}

function passkeySignature(
  key: ReturnType<typeof createPrivateKey>,
  publicKey: Uint8Array,
  clientData: string,
): v3.PasskeySignature {
  const clientDataJson = Uint8Array.from(Buffer.from(clientData))
  const authenticatorData = new Uint8Array(37).fill(5)
  const message = Buffer.concat([authenticatorData, sha256(clientDataJson)])
  const bytes = Uint8Array.from(sign('sha256', message, key))
  return { kind: 'passkey', publicKey, bytes, authenticatorData, clientDataJson }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** An action and who signs it: of `add` the existing member, then the new one. */
export type Step = v3.UnsignedAction & { readonly by: readonly Pick<Actor, 'sign'>[] }

/** An update whose signatures are whatever the signers make of its text, once each; nothing is checked. */
export function compose(content: {
  inboxId: string
  clientTimestampNs: bigint
  steps: readonly Step[]
}): v3.IdentityUpdate {
  const { inboxId, clientTimestampNs, steps } = content
  const text = v3.identityUpdateText({ inboxId, clientTimestampNs, actions: steps })
  const signatures = new Map<Pick<Actor, 'sign'>, v3.IdentitySignature>()
  const actions = steps.map(({ by, ...action }): v3.SignedAction<v3.IdentitySignature> => {
    const [first, second] = by.map((signer) => {
      const signature = signatures.get(signer) ?? signer.sign(text)
      signatures.set(signer, signature)
      return signature
    })
    return action.kind === 'add'
      ? { ...action, existingSignature: first!, newSignature: second! }
      : { ...action, signature: first! }
  })
  return { inboxId, clientTimestampNs, actions }
}

/** Verifies with the fake chain. */
export function verify(update: v3.IdentityUpdate): v3.VerifiedIdentityUpdate {
  const checks = [...v3.contractChecks(update)]
  return v3.verifyIdentityUpdate(update, new Map(checks.map(([key, check]) => [key, chain(check)])))
}

/** The other spelling of a signature: s replaced by the order less s. */
export function otherS(rs: Uint8Array, curve: 'secp256k1' | 'p256'): Uint8Array {
  const order = {
    secp256k1: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  }[curve]
  const s = order - BigInt(`0x${hex(rs.subarray(32, 64))}`)
  return Uint8Array.of(
    ...rs.subarray(0, 32),
    ...Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
    ...rs.subarray(64),
  )
}

/** DER of r ‖ s. */
export function der(rs: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array) => {
    const digits = [...bytes].slice(bytes.findIndex((byte) => byte !== 0))
    const body = digits[0]! >= 0x80 ? [0, ...digits] : digits
    return [2, body.length, ...body]
  }
  const body = [...integer(rs.subarray(0, 32)), ...integer(rs.subarray(32))]
  return Uint8Array.of(0x30, body.length, ...body)
}
