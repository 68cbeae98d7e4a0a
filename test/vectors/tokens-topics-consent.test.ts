import { ConsentProofPayload } from '@xmtp-ts/proto/message_contents/invitation'
import { PrivatePreferencesPayload } from '@xmtp-ts/proto/message_contents/ciphertext'
import {
  consentProofText,
  contactTopic,
  conversationTopic,
  createToken,
  directMessageTopic,
  ephemeralTopic,
  introTopic,
  inviteTopic,
  openPreferences,
  parseAddress,
  preferencesTopic,
  preferencesTopicOf,
  privateStoreTopic,
  sealPreferences,
  verifyConsentProof,
  verifyToken,
  XmtpError,
  type Address,
  type ConsentEntry,
} from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import { account, bytes, hex, scripted, vectors } from './v1-v2.ts'

describe('topics.json', () => {
  const addresses = (args: readonly string[]) =>
    args.map(parseAddress) as unknown as readonly [Address, Address]
  const builders: Record<string, (args: readonly string[]) => string | undefined> = {
    contact: (args) => contactTopic(addresses(args)[0]),
    invite: (args) => inviteTopic(addresses(args)[0]),
    intro: (args) => introTopic(addresses(args)[0]),
    privatestore: (args) => privateStoreTopic(addresses(args)[0]),
    dm: (args) => directMessageTopic(addresses(args)),
    dmEphemeral: (args) => ephemeralTopic(directMessageTopic(addresses(args))),
    m: ([suffix]) => conversationTopic(suffix!),
    mEphemeral: ([suffix]) => ephemeralTopic(conversationTopic(suffix!)),
    userpreferences: ([identifier]) => preferencesTopic(identifier!),
  }

  it.each(vectors<{ cases: { fn: string; args: string[]; topic: string }[] }>('topics').cases)(
    '$fn $args',
    ({ fn, args, topic }) => {
      expect(builders[fn]?.(args)).toBe(topic)
    },
  )
})

describe('auth-tokens.json', () => {
  type Case = {
    name: string
    account: string
    address: string
    nowMs: string
    authData: { createdNs: string }
    token: string
    header: string
    expect: 'accept' | 'reject'
  }
  const { cases, variants } = vectors<{ cases: Case[]; variants: Case[] }>('auth-tokens')
  const nowNs = ({ nowMs }: Case) => BigInt(nowMs) * 1_000_000n

  it.each(cases)('$name: is made byte for byte', (vector) => {
    const { keys, address } = account(vector.account)
    const wallet = parseAddress(address)
    const token = createToken(keys.identityKey, {
      wallet,
      nowNs: BigInt(vector.authData.createdNs),
    })
    expect(hex(token)).toBe(vector.token)
    expect(`Bearer ${Buffer.from(token).toString('base64')}`).toBe(vector.header)
  })

  it.each([...cases, ...variants])('$expect: $name', (vector) => {
    const verify = () => verifyToken(bytes(vector.token), { nowNs: nowNs(vector) })
    if (vector.expect === 'accept') expect(verify()).toBe(vector.address)
    else expect(verify).toThrow(/token\./)
  })
})

describe('private-preferences.json', () => {
  type Case = {
    name: string
    account: string
    topic: string
    action: { allowAddress?: string[]; denyAddress?: string[] }
    hkdfSalt: string
    gcmNonce: string
    privatePreferencesPayload: string
  }
  type Reject = { name: string; reader: string; privatePreferencesPayload: string }
  const { cases, rejects } = vectors<{ cases: Case[]; rejects: Reject[] }>('private-preferences')
  const entries = ({ action }: Case): ConsentEntry[] => [
    ...(action.allowAddress ?? []).map((value) => ({
      entity: 'address' as const,
      value,
      state: 'allowed' as const,
    })),
    ...(action.denyAddress ?? []).map((value) => ({
      entity: 'address' as const,
      value,
      state: 'denied' as const,
    })),
  ]

  it.each(cases)('$account: $name', (vector) => {
    const { identityKey } = account(vector.account).keys
    expect(preferencesTopicOf(identityKey)).toBe(vector.topic)
    const payload = bytes(vector.privatePreferencesPayload)
    expect(openPreferences(payload, { identityKey })).toEqual(entries(vector))
    const random = scripted(vector.hkdfSalt, vector.gcmNonce)
    expect(hex(sealPreferences(entries(vector), { identityKey, random }))).toBe(hex(payload))
  })

  it('the check value of the topic', () => {
    const secret = bytes('45efdf1103db7e15ac4a37127bf0f6959e4ab7e5ec6285b85f2c82238a7124d3')
    const { identityKey } = account('alice').keys
    expect(preferencesTopicOf({ ...identityKey, secret })).toContain(
      'EBsHSM9lLmELuUVCMJ-tPE0kDcok1io9IwUO6WPC-cM',
    )
  })

  it('reads every member of a message that sets several', () => {
    const { identityKey } = account('bob').keys
    const mixed: ConsentEntry[] = [
      { entity: 'address', value: '0xa', state: 'allowed' },
      { entity: 'address', value: '0xb', state: 'denied' },
      { entity: 'groupId', value: 'c', state: 'allowed' },
      { entity: 'groupId', value: 'd', state: 'denied' },
      { entity: 'inboxId', value: 'e', state: 'allowed' },
      { entity: 'inboxId', value: 'f', state: 'denied' },
    ]
    const sealed = sealPreferences(mixed, { identityKey, random: (size) => new Uint8Array(size) })
    expect(openPreferences(sealed, { identityKey })).toEqual(mixed)
    expect(PrivatePreferencesPayload.decode(sealed).version?.$case).toBe('v1')
  })

  it.each(rejects)('refused: $name', (vector) => {
    const { identityKey } = account(vector.reader).keys
    const payload = bytes(vector.privatePreferencesPayload)
    expect(() => openPreferences(payload, { identityKey })).toThrow(XmtpError)
  })
})

describe('consent-proofs.json', () => {
  type Case = {
    name: string
    userAddress: string
    senderAddress: string
    timestampMs: string
    nowMs: string
    text: string
    consentProofPayload: string
    expect: 'accept' | 'reject'
  }
  const httpDate = (timeMs: number) => new Date(timeMs).toUTCString()

  it.each(vectors<{ cases: Case[] }>('consent-proofs').cases)('$expect: $name', (vector) => {
    const [user, sender] = [parseAddress(vector.userAddress), parseAddress(vector.senderAddress)]
    const verify = () =>
      verifyConsentProof(ConsentProofPayload.decode(bytes(vector.consentProofPayload)), {
        user,
        sender,
        nowMs: Number(vector.nowMs),
        httpDate,
      })
    if (vector.expect === 'accept') {
      expect(consentProofText(sender, httpDate(Number(vector.timestampMs)))).toBe(vector.text)
      expect(verify).not.toThrow()
    } else expect(verify).toThrow(/consentProof\.invalid/)
  })
})
