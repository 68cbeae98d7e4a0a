import {
  InvitationV1 as WireInvitation,
  SealedInvitation as WireSealedInvitation,
  SealedInvitationHeaderV1 as WireHeader,
  type ConsentProofPayload,
} from '@xmtp-ts/proto/message_contents/invitation'
import type { Address } from '../address.ts'
import { bytesToHex, utf8, type Random } from '../bytes.ts'
import {
  decrypt,
  encodeCiphertext,
  encrypt,
  parseCiphertext,
  type Ciphertext,
} from '../crypto/ciphertext.ts'
import { XmtpError } from '../errors.ts'
import {
  encodeKeyBundle,
  parseKeyBundle,
  type KeyBundle,
  type KeyBundleVerifier,
  type VerifiedKeyBundle,
} from '../keys/key-bundle.ts'
import { findPreKey, publicKeyBundle, type PrivateKeyBundle } from '../keys/private-key-bundle.ts'
import { equalKeys } from '../keys/public-key.ts'
import { sharedSecretAsRecipient, sharedSecretAsSender } from '../keys/shared-secret.ts'
import { conversationTopic } from '../topic/topic.ts'
import { decodeWire } from '../wire.ts'
import { platform } from '#platform'

/** What tells conversations of one pair apart. */
export type InvitationContext = {
  readonly conversationId: string
  readonly metadata: Readonly<Record<string, string>>
}

/** Topic and key of a conversation. What an invitation says is authoritative, never recomputed (v1-v2 §10.2). */
export type Invitation = {
  /** Opaque: old clients made other names than today's. Never empty. */
  readonly topic: string
  /** 32 bytes from every known client; never empty */
  readonly keyMaterial: Uint8Array
  readonly context: InvitationContext | undefined
  readonly consentProof: ConsentProofPayload | undefined
}

/** An invitation as it lies in a topic; the header is in clear. */
export type SealedInvitation = {
  readonly headerBytes: Uint8Array
  readonly sender: KeyBundle
  readonly recipient: KeyBundle
  readonly createdNs: bigint
  readonly ciphertext: Ciphertext
}

/** An invitation that opened, with the other party's verified keys. */
export type OpenedInvitation = Invitation & {
  readonly createdNs: bigint
  readonly peer: VerifiedKeyBundle
  readonly sentBy: 'me' | 'peer'
}

const keySalt = utf8('__XMTP__INVITATION__SALT__XMTP__')

/**
 * Topic and key that both sides of a pair derive alike, so that simultaneous invitations meet (v1-v2 §10.2). The key
 * ignores the conversation id: all conversations of a pair share it, told apart by the topic in each header.
 */
export function deriveConversation(options: {
  own: PrivateKeyBundle
  ownAddress: Address
  peer: VerifiedKeyBundle
  conversationId: string | undefined
}): Pick<Invitation, 'topic' | 'keyMaterial'> {
  const { own, ownAddress, peer, conversationId = '' } = options
  const ownKeys = { identityKey: own.identityKey, preKey: own.preKeys[0] }
  // One role for each side, fixed by the addresses, so that the three parts come in one order.
  const secret =
    ownAddress < peer.owner
      ? sharedSecretAsRecipient(ownKeys, peer)
      : sharedSecretAsSender(ownKeys, peer)
  const sorted = [ownAddress, peer.owner].toSorted()
  const suffix = platform.hmacSha256(secret, utf8(conversationId + sorted.join(',')))
  const info = utf8(['0', ...sorted].join('|'))
  return {
    topic: conversationTopic(bytesToHex(suffix)),
    keyMaterial: platform.hkdfSha256(secret, { salt: keySalt, info }),
  }
}

/**
 * Seals an invitation for the peer and for oneself. Publish the same bytes to both invite topics with the envelope
 * time exactly `createdNs` (v1-v2 §10.1).
 */
export function sealInvitation(
  invitation: Invitation,
  options: {
    own: PrivateKeyBundle
    peer: VerifiedKeyBundle
    createdNs: bigint
    random: Random
  },
): Uint8Array {
  const { own, peer, createdNs, random } = options
  const headerBytes = WireHeader.encode({
    sender: encodeKeyBundle(publicKeyBundle(own)),
    recipient: encodeKeyBundle(peer),
    createdNs,
  }).finish()
  const secret = sharedSecretAsSender(
    { identityKey: own.identityKey, preKey: own.preKeys[0] },
    peer,
  )
  const ciphertext = encrypt(encodeInvitation(invitation), { secret, aad: headerBytes, random })
  const value = { headerBytes, ciphertext: encodeCiphertext(ciphertext) }
  return WireSealedInvitation.encode({ version: { $case: 'v1', value } }).finish()
}

/** @throws XmtpError `v2.invitation.malformed`, `key.malformed`, `signature.malformed` or `ciphertext.malformed` */
export function parseSealedInvitation(bytes: Uint8Array): SealedInvitation {
  const { version } = decodeWire(WireSealedInvitation, bytes, 'v2.invitation.malformed')
  if (version === undefined)
    throw new XmtpError('v2.invitation.malformed', 'An invitation has no version.')
  const { headerBytes, ciphertext } = version.value
  const header = decodeWire(WireHeader, headerBytes, 'v2.invitation.malformed')
  return {
    headerBytes,
    sender: parseKeyBundle(header.sender),
    recipient: parseKeyBundle(header.recipient),
    createdNs: header.createdNs,
    ciphertext: parseCiphertext(ciphertext),
  }
}

/**
 * Opens an invitation that one sent or received (v1-v2 §10.4). Which side one is, and who the peer is, follows from
 * the identity keys alone, so that invitations from before a pre-key was changed still open.
 * @throws XmtpError `v2.invitation.wrongTime`, `v2.invitation.notMine`, `v2.invitation.malformed`, `key.unknown`,
 * `key.badSignature`, `key.notWalletSigned` or `ciphertext.undecryptable`
 */
export function openInvitation(
  sealed: SealedInvitation,
  options: { own: PrivateKeyBundle; timestampNs: bigint; verify: KeyBundleVerifier },
): OpenedInvitation {
  const { own, timestampNs, verify } = options
  const { sender, recipient, createdNs, headerBytes, ciphertext } = sealed
  if (createdNs !== timestampNs)
    throw new XmtpError(
      'v2.invitation.wrongTime',
      `An invitation of ${createdNs} came in an envelope of ${timestampNs}.`,
    )
  const ownIdentity = own.identityKey.publicKey
  const sentBy = equalKeys(sender.identityKey, ownIdentity) ? 'me' : 'peer'
  if (sentBy === 'peer' && !equalKeys(recipient.identityKey, ownIdentity))
    throw new XmtpError('v2.invitation.notMine', 'An invitation is for somebody else.')
  const [mine, theirs] = sentBy === 'me' ? [sender, recipient] : [recipient, sender]
  const ownKeys = { identityKey: own.identityKey, preKey: findPreKey(own, mine.preKey) }
  const peer = verify(theirs)
  const secret =
    sentBy === 'me' ? sharedSecretAsSender(ownKeys, peer) : sharedSecretAsRecipient(ownKeys, peer)
  const invitation = decodeInvitation(decrypt(ciphertext, { secret, aad: headerBytes }))
  return { ...invitation, createdNs, peer, sentBy }
}

function encodeInvitation(invitation: Invitation): Uint8Array {
  const { topic, keyMaterial, context, consentProof } = invitation
  return WireInvitation.encode({
    topic,
    context: context && { ...context, metadata: { ...context.metadata } },
    encryption: { $case: 'aes256GcmHkdfSha256', value: { keyMaterial } },
    consentProof,
  }).finish()
}

function decodeInvitation(bytes: Uint8Array): Invitation {
  const wire = decodeWire(WireInvitation, bytes, 'v2.invitation.malformed')
  const keyMaterial = wire.encryption?.value.keyMaterial
  if (wire.topic === '' || keyMaterial === undefined || keyMaterial.length === 0)
    throw new XmtpError('v2.invitation.malformed', 'An invitation lacks a topic or a key.')
  const { topic, context, consentProof } = wire
  return { topic, keyMaterial, context, consentProof }
}
