import {
  SealedInvitation as WireSealedInvitation,
  InvitationV1 as WireInvitation,
} from '@xmtp-ts/proto/message_contents/invitation'
import {
  inviteTopic,
  parseAddress,
  publicKeyBundle,
  v2,
  verifyKeyBundle,
  XmtpError,
} from '@xmtp-ts/protocol'
import { describe, expect, it } from 'vitest'
import { account, bytes, hex, scripted, vectors } from './v1-v2.ts'

type Case = {
  name: string
  sender: string
  recipient: string
  envelopeTimestampNs: string
  topics: string[]
  sealedInvitation: string
  invitation: string
  topic: string
  keyMaterial: string
  context: { conversationId: string; metadata: Record<string, string> } | null
  deterministic?: unknown
}
type Reject = {
  name: string
  viewer: string
  envelopeTimestampNs: string
  sealedInvitation: string
}

const { cases, rejects } = vectors<{ cases: Case[]; rejects: Reject[] }>('invitations')

const open = (viewer: string, sealedInvitation: string, timestampNs: string) =>
  v2.openInvitation(v2.parseSealedInvitation(bytes(sealedInvitation)), {
    own: account(viewer).keys,
    timestampNs: BigInt(timestampNs),
    verify: verifyKeyBundle,
  })

describe('invitations.json', () => {
  it.each(cases)('$name: both sides open it', (vector) => {
    const views = [
      [vector.sender, vector.recipient, 'me'],
      [vector.recipient, vector.sender, 'peer'],
    ] as const
    for (const [viewer, peer, sentBy] of views) {
      const opened = open(viewer, vector.sealedInvitation, vector.envelopeTimestampNs)
      expect(opened.topic).toBe(vector.topic)
      expect(hex(opened.keyMaterial)).toBe(vector.keyMaterial)
      expect(opened.context ?? null).toEqual(vector.context)
      expect(opened.peer.owner).toBe(account(peer).address)
      expect(opened.sentBy).toBe(sentBy)
      expect(opened.createdNs).toBe(BigInt(vector.envelopeTimestampNs))
    }
  })

  it.each(cases)('$name: is sealed byte for byte', (vector) => {
    const [sender, recipient] = [account(vector.sender), account(vector.recipient)]
    const wire = WireSealedInvitation.decode(bytes(vector.sealedInvitation))
    const { hkdfSalt, gcmNonce } = wire.version!.value.ciphertext!.union!.value
    const { topic, keyMaterial, context, consentProof } = open(
      vector.sender,
      vector.sealedInvitation,
      vector.envelopeTimestampNs,
    )
    const sealed = v2.sealInvitation(
      { topic, keyMaterial, context, consentProof },
      {
        own: sender.keys,
        peer: verifyKeyBundle(publicKeyBundle(recipient.keys)),
        createdNs: BigInt(vector.envelopeTimestampNs),
        random: scripted(hex(hkdfSalt), hex(gcmNonce)),
      },
    )
    expect(hex(sealed)).toBe(vector.sealedInvitation)
    expect(vector.topics).toEqual(
      [recipient, sender].map(({ address }) => inviteTopic(parseAddress(address))),
    )
    expect(WireInvitation.decode(bytes(vector.invitation)).topic).toBe(vector.topic)
  })

  it.each(cases.filter(({ deterministic }) => deterministic !== undefined))(
    '$name: both sides derive topic and key',
    (vector) => {
      const pairs = [
        [vector.sender, vector.recipient],
        [vector.recipient, vector.sender],
      ] as const
      for (const [own, peer] of pairs) {
        const derived = v2.deriveConversation({
          own: account(own).keys,
          ownAddress: parseAddress(account(own).address),
          peer: verifyKeyBundle(publicKeyBundle(account(peer).keys)),
          conversationId: vector.context?.conversationId,
        })
        expect(derived.topic).toBe(vector.topic)
        expect(hex(derived.keyMaterial)).toBe(vector.keyMaterial)
      }
    },
  )

  it.each(rejects)('refused: $name', (vector) => {
    expect(() => open(vector.viewer, vector.sealedInvitation, vector.envelopeTimestampNs)).toThrow(
      XmtpError,
    )
  })
})
