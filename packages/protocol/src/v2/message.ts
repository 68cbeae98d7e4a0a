import {
  Message as WireMessage,
  MessageHeaderV2 as WireHeader,
  SignedContent as WireSignedContent,
} from '@xmtp-ts/proto/message_contents/message'
import type { Address } from '../address.ts'
import { bytesToHex, concatBytes, type Random } from '../bytes.ts'
import type { Brand } from '../brand.ts'
import {
  decrypt,
  encodeCiphertext,
  encrypt,
  parseCiphertext,
  type Ciphertext,
} from '../crypto/ciphertext.ts'
import {
  encodeSignature,
  parseSignature,
  signDigest,
  verifyDigest,
  type Signature,
} from '../crypto/signature.ts'
import { XmtpError } from '../errors.ts'
import {
  encodeKeyBundle,
  parseKeyBundle,
  type KeyBundle,
  type KeyBundleVerifier,
} from '../keys/key-bundle.ts'
import { publicKeyBundle, type PrivateKeyBundle } from '../keys/private-key-bundle.ts'
import { decodeWire } from '../wire.ts'
import { platform } from '#platform'
import { deriveHmacKey, hmacPeriod, senderHmac } from './hmac.ts'

/** A message as it lies in a topic. */
export type SealedMessage = {
  /** Hex SHA-256 of the whole encoded message. */
  readonly id: string
  readonly headerBytes: Uint8Array
  readonly createdNs: bigint
  /** The conversation the sender wrote it for. */
  readonly topic: string
  readonly ciphertext: Ciphertext
  /** 32 bytes; for push servers, not checked by readers */
  readonly senderHmac: Uint8Array | undefined
  readonly shouldPush: boolean | undefined
}

/** A message that decrypted; nobody knows yet who wrote it. */
export type OpenedMessage = SealedMessage & {
  /** An encoded EncodedContent. */
  readonly content: Uint8Array
  readonly claimedSender: KeyBundle
  readonly signature: Signature
}

/** A message whose sender is proved. */
export type VerifiedMessage = Brand<
  {
    readonly id: string
    readonly createdNs: bigint
    readonly sender: Address
    /** An encoded EncodedContent. */
    readonly content: Uint8Array
  },
  'VerifiedMessage'
>

/** Topic and key of the conversation that a message is read in. */
export type ConversationKeys = { readonly topic: string; readonly keyMaterial: Uint8Array }

/**
 * Signs and encrypts content for a conversation (v1-v2 §11.1).
 * @param content an encoded EncodedContent
 * @param options.nowMs the wall clock, which picks the HMAC period; `createdNs` is what readers see
 */
export function sealMessage(
  content: Uint8Array,
  options: {
    conversation: ConversationKeys
    own: PrivateKeyBundle
    ownAddress: Address
    createdNs: bigint
    nowMs: number
    shouldPush: boolean
    random: Random
  },
): { readonly id: string; readonly bytes: Uint8Array } {
  const { conversation, own, ownAddress, createdNs, nowMs, shouldPush, random } = options
  const { topic, keyMaterial } = conversation
  const headerBytes = WireHeader.encode({ createdNs, topic }).finish()
  const signature = signDigest(own.preKeys[0].secret, contentDigest(headerBytes, content))
  const signed = WireSignedContent.encode({
    payload: content,
    sender: encodeKeyBundle(publicKeyBundle(own)),
    signature: encodeSignature(signature),
  }).finish()
  const ciphertext = encrypt(signed, { secret: keyMaterial, aad: headerBytes, random })
  const hmacKey = deriveHmacKey(hmacPeriod(nowMs), { keyMaterial, account: ownAddress })
  const value = {
    headerBytes,
    ciphertext: encodeCiphertext(ciphertext),
    senderHmac: senderHmac(hmacKey, headerBytes),
    shouldPush,
  }
  const bytes = WireMessage.encode({ version: { $case: 'v2', value } }).finish()
  return { id: messageId(bytes), bytes }
}

/** @throws XmtpError `v2.message.malformed` or `ciphertext.malformed` */
export function parseMessage(bytes: Uint8Array): SealedMessage {
  const { version } = decodeWire(WireMessage, bytes, 'v2.message.malformed')
  if (version?.$case !== 'v2')
    throw new XmtpError('v2.message.malformed', 'A message is not of version 2.')
  const { headerBytes, ciphertext, senderHmac, shouldPush } = version.value
  const { createdNs, topic } = decodeWire(WireHeader, headerBytes, 'v2.message.malformed')
  return {
    id: messageId(bytes),
    headerBytes,
    createdNs,
    topic,
    ciphertext: parseCiphertext(ciphertext),
    senderHmac,
    shouldPush,
  }
}

/**
 * Decrypts a message of this conversation (v1-v2 §11.2, 2 to 4).
 * @throws XmtpError `v2.message.wrongTopic`, `v2.message.malformed`, `ciphertext.undecryptable`, `key.malformed` or
 * `signature.malformed`
 */
export function openMessage(sealed: SealedMessage, conversation: ConversationKeys): OpenedMessage {
  if (sealed.topic !== conversation.topic)
    throw new XmtpError('v2.message.wrongTopic', `A message names topic ${sealed.topic}.`)
  const { keyMaterial: secret } = conversation
  const plaintext = decrypt(sealed.ciphertext, { secret, aad: sealed.headerBytes })
  const { payload, sender, signature } = decodeWire(
    WireSignedContent,
    plaintext,
    'v2.message.malformed',
  )
  return {
    ...sealed,
    content: payload,
    claimedSender: parseKeyBundle(sender),
    signature: parseSignature(signature),
  }
}

/**
 * Proves who wrote a message (v1-v2 §11.2, 5 to 7): the wallet signed the identity key, that signed the pre-key, and
 * that signed header and content. Whether the sender takes part in the conversation is the caller's to compare.
 * @throws XmtpError `v2.message.badSignature`, `key.badSignature` or `key.notWalletSigned`
 */
export function verifyMessage(
  { id, createdNs, headerBytes, content, claimedSender, signature }: OpenedMessage,
  verify: KeyBundleVerifier,
): VerifiedMessage {
  const sender = verify(claimedSender)
  if (!verifyDigest(sender.preKey.point, contentDigest(headerBytes, content), signature))
    throw new XmtpError('v2.message.badSignature', 'The signature of a message does not hold.')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the chain of signatures has just been checked
  return { id, createdNs, sender: sender.owner, content } as VerifiedMessage
}

/** Hex SHA-256 of an encoded message: how replies, reactions and readers name it. */
export function messageId(bytes: Uint8Array): string {
  return bytesToHex(platform.sha256(bytes))
}

function contentDigest(headerBytes: Uint8Array, content: Uint8Array): Uint8Array {
  return platform.sha256(concatBytes(headerBytes, content))
}
