import { Message } from '@xmtp-ts/proto/message_contents/message'
import { parseAddress, v2, verifyKeyBundle, XmtpError } from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import { account, bytes, hex, scripted, vectors } from './v1-v2.ts'

type Tampered = {
  name: string
  conversationTopic: string
  keyMaterial: string
  message: string
  expect: 'accept' | 'reject'
  senderAddress?: string
}
type Case = Tampered & {
  sender: string
  senderAddress: string
  id: string
  createdNs: string
  headerTopic: string
  encodedContent: string
  senderHmac: string
  hmacPeriod: number
  shouldPush: boolean
}

const { cases, tampered } = vectors<{ cases: Case[]; tampered: Tampered[] }>('messages-v2')

function read({ message, conversationTopic, keyMaterial }: Tampered): v2.VerifiedMessage {
  const conversation = { topic: conversationTopic, keyMaterial: bytes(keyMaterial) }
  return v2.verifyMessage(
    v2.openMessage(v2.parseMessage(bytes(message)), conversation),
    verifyKeyBundle,
  )
}

describe('messages-v2.json', () => {
  it.each(cases)('$name: opens, and its sender is proved', (vector) => {
    const message = read(vector)
    expect(message.id).toBe(vector.id)
    expect(message.sender).toBe(vector.senderAddress)
    expect(message.createdNs).toBe(BigInt(vector.createdNs))
    expect(hex(message.content)).toBe(vector.encodedContent)
    const sealed = v2.parseMessage(bytes(vector.message))
    expect(hex(sealed.senderHmac!)).toBe(vector.senderHmac)
    expect(sealed.shouldPush).toBe(vector.shouldPush)
  })

  it.each(cases)('$name: is sealed byte for byte', (vector) => {
    const wire = Message.decode(bytes(vector.message)).version
    if (wire?.$case !== 'v2') throw new Error('not of version 2')
    const { hkdfSalt, gcmNonce } = wire.value.ciphertext!.union!.value
    const sender = account(vector.sender)
    const sealed = v2.sealMessage(bytes(vector.encodedContent), {
      conversation: { topic: vector.headerTopic, keyMaterial: bytes(vector.keyMaterial) },
      own: sender.keys,
      ownAddress: parseAddress(sender.address),
      createdNs: BigInt(vector.createdNs),
      nowMs: vector.hmacPeriod * 2_592_000_000,
      shouldPush: vector.shouldPush,
      random: scripted(hex(hkdfSalt), hex(gcmNonce)),
    })
    expect(hex(sealed.bytes)).toBe(vector.message)
    expect(sealed.id).toBe(vector.id)
  })

  it.each(tampered)('$expect: $name', (vector) => {
    if (vector.expect === 'accept') expect(read(vector).sender).toBe(vector.senderAddress)
    else expect(() => read(vector)).toThrow(XmtpError)
  })
})

describe('hmac-keys.json', () => {
  type HmacCase = {
    account: string
    address: string
    nowMs: string
    keyMaterial: string
    keys: { period: number; key: string }[]
  }

  it.each(vectors<{ cases: HmacCase[] }>('hmac-keys').cases)('$account', (vector) => {
    const keys = v2.hmacKeysForPush(Number(vector.nowMs), {
      keyMaterial: bytes(vector.keyMaterial),
      account: parseAddress(vector.address),
    })
    expect(keys.map(({ period, key }) => ({ period, key: hex(key) }))).toEqual(
      vector.keys.map(({ period, key }) => ({ period, key })),
    )
  })
})
