import { attempt, v3, XmtpError, type ErrorCode } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import {
  chain,
  contract,
  der,
  installation,
  legacyKey,
  otherS,
  passkey,
  wallet,
} from './v3/actors.ts'

// Each kind of signature of v3-mls §1.4 to §1.7: good, forged, malformed.

const text = v3.identityUpdateText({
  inboxId: 'a'.repeat(64),
  clientTimestampNs: 1_700_000_000_000_000_000n,
  actions: [{ kind: 'revoke', member: wallet(9).identifier }],
})
const other = `${text} `

const flip = (bytes: Uint8Array, at = 0) => bytes.with(at, bytes[at]! ^ 1)

function codeOf(signature: v3.IdentitySignature, verdict?: v3.ContractVerdict) {
  const result = attempt(() => v3.verifySignature(text, signature, verdict))
  return result.ok ? undefined : result.error.code
}

const invalid: ErrorCode = 'v3.identity.signature.invalid'
const malformed: ErrorCode = 'v3.identity.signature.malformed'

describe('a wallet (EIP-191)', () => {
  const alice = wallet(0)
  const good = alice.sign(text)

  it('is found from the signature', () => {
    const verified = v3.verifySignature(text, good)
    expect(verified).toMatchObject({ kind: 'erc191', signer: alice.identifier, isCanonical: true })
    expect(verified.replayBytes).toEqual(good.bytes)
    expect(verified.canonicalBytes).toEqual(good.bytes.slice(0, 64))
  })

  it('is another one for another text', () => {
    expect(v3.verifySignature(other, good).signer).not.toEqual(alice.identifier)
  })

  it('signs with 65 bytes and a known v', () => {
    for (const v of [0, 1, 27, 28, 35, 36, 255])
      expect(codeOf({ ...good, bytes: good.bytes.with(64, v) })).toBeUndefined()
    for (const v of [2, 3, 26, 29, 34])
      expect(codeOf({ ...good, bytes: good.bytes.with(64, v) })).toBe(malformed)
    for (const bytes of [new Uint8Array(), good.bytes.slice(1), Uint8Array.of(...good.bytes, 0)])
      expect(codeOf({ ...good, bytes })).toBe(malformed)
  })

  it('signs with scalars of the curve', () => {
    const zeroR = Uint8Array.of(...new Uint8Array(32), ...good.bytes.subarray(32))
    const zeroS = Uint8Array.of(...good.bytes.subarray(0, 32), ...new Uint8Array(32), 27)
    const hugeS = Uint8Array.of(...good.bytes.subarray(0, 32), ...new Uint8Array(32).fill(255), 27)
    for (const bytes of [zeroR, zeroS, hugeS]) expect(codeOf({ ...good, bytes })).toBe(invalid)
  })

  it('keeps its v when a high s is lowered, as libxmtp 1.10 does', () => {
    const high = { ...good, bytes: otherS(good.bytes, 'secp256k1') }
    const verified = v3.verifySignature(text, high)
    expect(verified).toMatchObject({ signer: alice.identifier, isCanonical: false })
    expect(verified.replayBytes).toEqual(good.bytes)
  })
})

describe('an installation (Ed25519ph)', () => {
  const phone = installation(0)
  const good = phone.sign(text)

  it('is the key that signed', () => {
    expect(v3.verifySignature(text, good)).toMatchObject({
      kind: 'installation',
      signer: phone.identifier,
      replayBytes: good.bytes,
    })
  })

  it('signed this text, with this key, for this purpose', () => {
    const forged = [
      phone.sign(other),
      { ...good, bytes: flip(good.bytes) },
      { ...good, bytes: flip(good.bytes, 40) },
      { ...good, publicKey: installation(1).identifier.key },
      { ...good, bytes: v3.signPublicText(phone.secret, text) },
    ]
    for (const signature of forged) expect(codeOf(signature)).toBe(invalid)
  })

  it('has a key of 32 bytes and signs with 64', () => {
    expect(codeOf({ ...good, publicKey: good.publicKey.slice(1) })).toBe(malformed)
    expect(codeOf({ ...good, bytes: good.bytes.slice(1) })).toBe(malformed)
  })

  it('signs texts of apps under another context', () => {
    const { key: publicKey } = phone.identifier
    const bytes = v3.signPublicText(phone.secret, text)
    expect(v3.isPublicTextSigned(text, { publicKey, bytes })).toBe(true)
    expect(v3.isPublicTextSigned(other, { publicKey, bytes })).toBe(false)
    expect(v3.isPublicTextSigned(text, { publicKey, bytes: good.bytes })).toBe(false)
  })
})

describe('a passkey (WebAuthn)', () => {
  const key = passkey(0, 'https://app.example')
  const good = key.sign(text)
  const challenge = Buffer.from(text).toString('base64url')
  const origin = 'https://app.example'

  it('is the key that signed, at the origin of its client data', () => {
    expect(v3.verifySignature(text, good)).toMatchObject({
      kind: 'passkey',
      signer: { kind: 'passkey', key: key.publicKey, relyingParty: 'https://app.example' },
    })
  })

  it('has one canonical form for both of its spellings', () => {
    const verified = v3.verifySignature(text, good)
    const twin = { ...good, bytes: der(otherS(verified.replayBytes, 'p256')) }
    const other = v3.verifySignature(text, twin)
    expect(other.replayBytes).not.toEqual(verified.replayBytes)
    expect(other.canonicalBytes).toEqual(verified.canonicalBytes)
  })

  it('signed this text, these data, with this key', () => {
    const forged = [
      key.sign(other),
      key.assert({ challenge: `${challenge}=`, origin }),
      { ...good, authenticatorData: flip(good.authenticatorData) },
      { ...good, clientDataJson: Uint8Array.of(...good.clientDataJson, 0x20) },
      { ...good, publicKey: passkey(1).publicKey },
      { ...good, publicKey: new Uint8Array(33) },
      { ...good, publicKey: new Uint8Array() },
    ]
    for (const signature of forged) expect(codeOf(signature)).toBe(invalid)
  })

  it('signs client data with a challenge and an origin', () => {
    const malformedData: object[] = [{}, { challenge }, { origin }, [challenge, origin], { challenge, origin: 1 }]
    for (const data of malformedData) expect(codeOf(key.assert(data))).toBe(malformed)
    for (const clientDataJson of [new Uint8Array(), Uint8Array.of(0x7b), Uint8Array.of(0xff)])
      expect(codeOf({ ...good, clientDataJson })).toBe(malformed)
  })

  it('signs client data in which no key comes twice', () => {
    const fields = `"origin":"${origin}","challenge":"${challenge}"`
    const spelled = (json: string) => key.assertText(json)
    for (const json of [
      `{${fields},"other":{"challenge":"x"}}`,
      `{${fields},"list":[{"origin":"x"}]}`,
      `{"type":"a \\"origin\\":",${fields}}`,
      ` { "origin" : "${origin}" , "challenge" : "${challenge}" } `,
    ])
      expect(codeOf(spelled(json))).toBeUndefined()
    for (const json of [
      `{"challenge":"x",${fields}}`,
      `{${fields},"origin":"${origin}"}`,
      `{"\\u0063hallenge" : "x",${fields}}`,
    ])
      expect(codeOf(spelled(json))).toBe(malformed)
  })

  it('signs in DER', () => {
    for (const bytes of [new Uint8Array(), good.bytes.slice(1), Uint8Array.of(...good.bytes, 0)])
      expect(codeOf({ ...good, bytes })).toBe(malformed)
  })
})

describe('a V2 key', () => {
  const owner = wallet(0)
  const good = legacyKey(owner).sign(text)
  const { delegatedKey } = good
  const union = delegatedKey.signature!.union!

  it('counts as the wallet that signed it, and is remembered by that signature', () => {
    const verified = v3.verifySignature(text, good)
    expect(verified).toMatchObject({ kind: 'legacy', signer: owner.identifier })
    expect(verified.canonicalBytes).toEqual(union.value.bytes)
    expect(verified.replayBytes).toEqual(
      Uint8Array.of(...union.value.bytes, union.value.recovery),
    )
  })

  it('signs for nobody who did not sign it', () => {
    const value = { ...union.value, bytes: flip(union.value.bytes, 31) }
    const stranger = { ...delegatedKey, signature: { union: { ...union, value } } } as const
    const result = attempt(() => v3.verifySignature(text, { ...good, delegatedKey: stranger }))
    expect(result.ok ? result.value.signer : undefined).not.toEqual(owner.identifier)
    const altered = { ...delegatedKey, keyBytes: flip(delegatedKey.keyBytes, 2) }
    const second = attempt(() => v3.verifySignature(text, { ...good, delegatedKey: altered }))
    expect(second.ok ? second.value.signer : undefined).not.toEqual(owner.identifier)
  })

  it('signed this text itself', () => {
    expect(codeOf({ ...good, bytes: legacyKey(owner).sign(other).bytes })).toBe(invalid)
    expect(codeOf({ ...good, bytes: legacyKey(owner, 1).sign(text).bytes })).toBe(invalid)
    expect(codeOf({ ...good, bytes: owner.sign(text).bytes })).toBe(invalid)
  })

  it('is complete', () => {
    expect(codeOf({ ...good, delegatedKey: { ...delegatedKey, signature: undefined } })).toBe(
      malformed,
    )
    const noUnion = { ...delegatedKey, signature: { union: undefined } }
    expect(codeOf({ ...good, delegatedKey: noUnion })).toBe(malformed)
    const noPoint = { ...delegatedKey, keyBytes: new Uint8Array() }
    expect(codeOf({ ...good, delegatedKey: noPoint })).toBe(malformed)
    expect(codeOf({ ...good, bytes: new Uint8Array() })).toBe(malformed)
  })
})

describe('a contract wallet', () => {
  const safe = contract(0, 'eip155:8453')
  const good = safe.sign(text)
  const update: v3.IdentityUpdate = {
    inboxId: 'a'.repeat(64),
    clientTimestampNs: 1_700_000_000_000_000_000n,
    actions: [{ kind: 'revoke', member: wallet(9).identifier, signature: good }],
  }
  const verifier: v3.ContractVerifier = { verify: (check) => Promise.resolve(chain(check)) }

  it('is asked with the hash of the text, at its block, once', async () => {
    const asked: v3.ContractCheck[] = []
    const twice = { ...update, actions: [...update.actions, ...update.actions] }
    // The text has two actions now, so the signature above is not of it.
    await v3.askContracts(twice, {
      verify: (check) => {
        asked.push(check)
        return verifier.verify(check)
      },
    })
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ account: { chainId: 8453n }, blockNumber: 7n })
  })

  it('is the signer when its chain says so', async () => {
    const verdicts = await v3.askContracts(update, verifier)
    const [action] = v3.verifyIdentityUpdate(update, verdicts).actions
    expect(action).toMatchObject({
      signature: { kind: 'erc1271', signer: safe.identifier, chainId: 8453n },
    })
  })

  it('is not when it says no', async () => {
    const forged = { ...update, clientTimestampNs: 0n }
    const verdicts = await v3.askContracts(forged, verifier)
    const result = attempt(() => v3.verifyIdentityUpdate(forged, verdicts))
    expect(result.ok ? undefined : result.error.code).toBe(invalid)
    const reason = 'reverted'
    expect(codeOf(good, { isValid: false, blockNumber: undefined, reason })).toBe(invalid)
  })

  it('cannot be asked without a chain', async () => {
    const error: unknown = await v3.askContracts(update, v3.noChains).catch((cause) => cause)
    expect(error).toBeInstanceOf(XmtpError)
    expect(error).toMatchObject({
      code: 'v3.identity.contract.notConfigured',
      message: expect.stringContaining('verifier not present for chain ID eip155:8453'),
    })
    expect(() => v3.verifyIdentityUpdate(update)).toThrow(TypeError)
  })

  it('needs no chain where no contract signs', async () => {
    const actions = [{ ...update.actions[0]!, signature: wallet(0).sign(text) }] as const
    const plain = { ...update, actions } as v3.IdentityUpdate
    const verdicts = await v3.askContracts(plain, v3.noChains)
    expect(v3.verifyIdentityUpdate(plain, verdicts).actions).toHaveLength(1)
  })
})
