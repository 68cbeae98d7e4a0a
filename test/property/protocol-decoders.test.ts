import {
  attempt,
  bytesFromHex,
  bytesToHex,
  decodePrivateKeyBundle,
  decryptKeyBundle,
  findContact,
  openPreferences,
  parseAddress,
  parseContact,
  parseContentTopic,
  parseStoredKeyBundle,
  topicKind,
  topicOwner,
  utf8,
  v2,
  verifyKeyBundle,
  verifyToken,
  XmtpError,
} from '@xmtp-ts/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { account, bytes, vectors } from '../vectors/v1-v2.ts'

/** Real messages, cut and altered: bytes that get further into a decoder than random ones. */
const real = [
  account('bob').contactBundleV1!,
  account('bob').contactBundleV2,
  account('dave').privateKeyBundle!,
  vectors<{ cases: { token: string }[] }>('auth-tokens').cases[0]!.token,
  vectors<{ cases: { sealedInvitation: string }[] }>('invitations').cases[2]!.sealedInvitation,
  vectors<{ cases: { message: string }[] }>('messages-v2').cases[0]!.message,
  vectors<{ cases: { encryptedPrivateKeyBundle: string }[] }>('encrypted-private-key-bundles')
    .cases[0]!.encryptedPrivateKeyBundle,
  vectors<{ cases: { privatePreferencesPayload: string }[] }>('private-preferences').cases[0]!
    .privatePreferencesPayload,
].map(bytes)

const damaged = fc
  .tuple(
    fc.constantFrom(...real),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
    fc.nat(),
    fc.boolean(),
  )
  .map(([original, changes, cut, shorten]) => {
    const copy = original.slice(0, shorten ? cut % original.length : original.length)
    for (const [place, value] of changes) if (copy.length > 0) copy[place % copy.length] = value
    return copy
  })

const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 400 }), damaged)

const own = account('bob').keys
const conversation = { topic: '/xmtp/0/m-x/proto', keyMaterial: new Uint8Array(32) }

const decoders: Record<string, (input: Uint8Array) => unknown> = {
  contact: parseContact,
  'contact of an account': (input) =>
    findContact([input], {
      owner: parseAddress(account('bob').address),
      verify: verifyKeyBundle,
    }),
  'private key bundle': decodePrivateKeyBundle,
  'stored key bundle': (input) => decryptKeyBundle(parseStoredKeyBundle(input), new Uint8Array(65)),
  token: (input) => verifyToken(input, { nowNs: 1_712_736_000_000_000_000n }),
  invitation: (input) => {
    const sealed = v2.parseSealedInvitation(input)
    return v2.openInvitation(sealed, {
      own,
      timestampNs: sealed.createdNs,
      verify: verifyKeyBundle,
    })
  },
  message: (input) => {
    const sealed = v2.parseMessage(input)
    const keys = { ...conversation, topic: sealed.topic }
    return v2.verifyMessage(v2.openMessage(sealed, keys), verifyKeyBundle)
  },
  preferences: (input) => openPreferences(input, { identityKey: own.identityKey }),
}

describe('any bytes give a value or an XmtpError', () => {
  it.each(Object.entries(decoders))('%s', (_name, decode) => {
    fc.assert(
      fc.property(anyBytes, (input) => {
        attempt(() => decode(input)) // any other error passes through `attempt` and fails the test
      }),
      { numRuns: 400 },
    )
  })

  it('nested groups, a classic of hostile protobuf', () => {
    const groups = new Uint8Array(200_000).fill(0x0b)
    for (const decode of Object.values(decoders)) {
      const result = attempt(() => decode(groups))
      expect(result.ok ? result.value : undefined).toBeUndefined()
    }
  })
})

describe('any text', () => {
  it('is an address, or is not', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const result = attempt(() => parseAddress(text))
        expect(result.ok || result.error instanceof XmtpError).toBe(true)
      }),
    )
  })

  it('has a topic kind and an owner without failing', () => {
    const names = fc.oneof(
      fc.string(),
      fc.string().map((tail) => `/xmtp/0/contact-${tail}`),
      fc.string().map((tail) => `/xmtp/0/${tail}`),
    )
    fc.assert(
      fc.property(names, (text) => {
        topicKind(text)
        topicOwner(text)
        attempt(() => parseContentTopic(text))
      }),
    )
  })

  it('encodes to UTF-8 like the platform does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect([...utf8(text)]).toEqual([...new TextEncoder().encode(text)])
      }),
    )
  })

  it('hex goes there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (input) => {
        expect([...bytesFromHex(bytesToHex(input))!]).toEqual([...input])
      }),
    )
    expect(bytesFromHex('abc')).toBeUndefined()
    expect(bytesFromHex('zz')).toBeUndefined()
  })
})
