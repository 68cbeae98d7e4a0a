import { concat, empty } from '../bytes.ts'
import type { Codec } from '../codec/tls.ts'
import {
  decode,
  encode,
  expectEnd,
  fixedBytes,
  opaque,
  readerOf,
  struct,
  uint16,
  uint32,
  uint64,
} from '../codec/tls.ts'
import type { CipherSuite } from '../crypto/suite.ts'
import { expandWithLabel, hashLength, signWithLabel, verifyWithLabel } from '../crypto/suite.ts'
import { MlsError } from '../errors.ts'
import type { MessageKey } from '../schedule/secret-tree.ts'
import { protocolVersion } from './group-context.ts'
import type {
  AuthenticatedContent,
  ContentAuth,
  ContentType,
  FramedContent,
  GroupWireFormat,
  PrivateMessage,
  PublicMessage,
  Wire,
} from './wire.ts'
import { contentAuthCodec, contentTypeCodec, contentTypes, wireFormats } from './wire.ts'

type Header = { readonly version: number; readonly wireFormat: number }
const headerCodec = struct<Header>({ version: uint16, wireFormat: uint16 })

/** FramedContentTBS: members and new members sign the group context with it (RFC 9420 §6.1). */
function contentTbs(
  wire: Wire,
  wireFormat: GroupWireFormat,
  content: FramedContent,
  groupContext: Uint8Array,
): Uint8Array {
  const { kind } = content.sender
  const withContext = kind === 'member' || kind === 'newMemberCommit'
  return concat(
    encode(headerCodec, { version: protocolVersion, wireFormat }),
    encode(wire.content, content),
    withContext ? groupContext : empty,
  )
}

/** Signs content (RFC 9420 §6.1). A commit gets its confirmation tag later. */
export async function signContent(
  suite: CipherSuite,
  wire: Wire,
  wireFormat: GroupWireFormat,
  content: FramedContent,
  groupContext: Uint8Array,
  signaturePrivateKey: Uint8Array,
): Promise<AuthenticatedContent> {
  const tbs = contentTbs(wire, wireFormat, content, groupContext)
  const signature = await signWithLabel(suite, signaturePrivateKey, 'FramedContentTBS', tbs)
  return { wireFormat, content, auth: { signature, confirmationTag: undefined } }
}

/** @throws MlsError `message.badSignature` */
export async function checkContentSignature(
  suite: CipherSuite,
  wire: Wire,
  { wireFormat, content, auth }: AuthenticatedContent,
  groupContext: Uint8Array,
  signatureKey: Uint8Array,
): Promise<void> {
  const tbs = contentTbs(wire, wireFormat, content, groupContext)
  if (!(await verifyWithLabel(suite, signatureKey, 'FramedContentTBS', tbs, auth.signature)))
    throw new MlsError('message.badSignature', 'The sender did not sign this.')
}

/** The tag that shows a public message to come from a member (RFC 9420 §6.2). */
export function membershipTagOf(
  suite: CipherSuite,
  wire: Wire,
  membershipKey: Uint8Array,
  { wireFormat, content, auth }: AuthenticatedContent,
  groupContext: Uint8Array,
): Uint8Array {
  const tbs = contentTbs(wire, wireFormat, content, groupContext)
  const authData = encode(contentAuthCodec(contentTypes[content.body.kind]), auth)
  return suite.mac(membershipKey, concat(tbs, authData))
}

/** Frames content in the clear (RFC 9420 §6.2). */
export function toPublicMessage(
  suite: CipherSuite,
  wire: Wire,
  membershipKey: Uint8Array,
  authenticated: AuthenticatedContent,
  groupContext: Uint8Array,
): PublicMessage {
  const { content, auth } = authenticated
  const membershipTag =
    content.sender.kind === 'member'
      ? membershipTagOf(suite, wire, membershipKey, authenticated, groupContext)
      : undefined
  return { content, auth, membershipTag }
}

/** Who sent a private message, and with which key (RFC 9420 §6.3.2). */
export type SenderData = {
  readonly leafIndex: number
  readonly generation: number
  readonly reuseGuard: Uint8Array
}

const senderDataCodec = struct<SenderData>({
  leafIndex: uint32,
  generation: uint32,
  reuseGuard: fixedBytes(4),
})

type SenderDataAad = {
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly contentType: ContentType
}
const senderDataAadFields = { groupId: opaque, epoch: uint64, contentType: contentTypeCodec }
const senderDataAadCodec = struct<SenderDataAad>(senderDataAadFields)

type ContentAad = SenderDataAad & { readonly authenticatedData: Uint8Array }
const contentAadCodec = struct<ContentAad>({ ...senderDataAadFields, authenticatedData: opaque })

/** Key and nonce of the sender data, from a sample of the ciphertext (RFC 9420 §6.3.2). */
export function senderDataKeys(
  suite: CipherSuite,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
): MessageKey {
  const sample = ciphertext.subarray(0, hashLength(suite))
  const { keyLength, nonceLength } = suite.hpke.aead
  return {
    key: expandWithLabel(suite, senderDataSecret, 'key', sample, keyLength),
    nonce: expandWithLabel(suite, senderDataSecret, 'nonce', sample, nonceLength),
  }
}

/** The reuse guard keeps two uses of one key apart after a lost write (RFC 9420 §6.3.1). */
function guardedNonce(nonce: Uint8Array, reuseGuard: Uint8Array): Uint8Array {
  const guarded = nonce.slice()
  reuseGuard.forEach((byte, i) => (guarded[i] = (guarded[i] ?? 0) ^ byte))
  return guarded
}

/** The content, its authentication and zeros as padding (RFC 9420 §6.3.1). */
function privateContentCodec(
  wire: Wire,
  contentType: ContentType,
  paddedTo: number,
): Codec<Pick<FramedContent, 'body'> & { readonly auth: ContentAuth }> {
  const body = wire.body(contentType)
  const auth = contentAuthCodec(contentType)
  return {
    write(writer, value) {
      body.write(writer, value.body)
      auth.write(writer, value.auth)
      const padding = paddedTo > 1 ? (paddedTo - (writer.length % paddedTo)) % paddedTo : 0
      if (padding > 0) fixedBytes(padding).write(writer, new Uint8Array(padding))
    },
    read(reader) {
      const value = { body: body.read(reader), auth: auth.read(reader) }
      while (reader.offset < reader.end)
        if (reader.bytes[reader.offset++] !== 0)
          throw new MlsError('message.badPadding', 'The padding is not all zeros.')
      return value
    },
  }
}

/** What sealing one private message takes. */
export type PrivateSeal = {
  readonly senderDataSecret: Uint8Array
  readonly key: MessageKey
  readonly sender: SenderData
  /** The content is padded to a multiple of this many bytes; 0 or 1 for none. */
  readonly paddedTo: number
}

/** Frames content of a member encrypted (RFC 9420 §6.3). */
export function toPrivateMessage(
  suite: CipherSuite,
  wire: Wire,
  { content, auth }: AuthenticatedContent,
  { senderDataSecret, key, sender, paddedTo }: PrivateSeal,
): PrivateMessage {
  const { groupId, epoch, authenticatedData, body } = content
  const contentType = contentTypes[body.kind]
  const { aead } = suite.hpke
  const plaintext = encode(privateContentCodec(wire, contentType, paddedTo), { body, auth })
  const ciphertext = aead.seal(
    key.key,
    guardedNonce(key.nonce, sender.reuseGuard),
    encode(contentAadCodec, { groupId, epoch, contentType, authenticatedData }),
    plaintext,
  )
  const senderKeys = senderDataKeys(suite, senderDataSecret, ciphertext)
  const encryptedSenderData = aead.seal(
    senderKeys.key,
    senderKeys.nonce,
    encode(senderDataAadCodec, { groupId, epoch, contentType }),
    encode(senderDataCodec, sender),
  )
  return { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext }
}

/** @throws MlsError `message.senderDataUndecryptable` */
export function openSenderData(
  suite: CipherSuite,
  senderDataSecret: Uint8Array,
  message: PrivateMessage,
): SenderData {
  const keys = senderDataKeys(suite, senderDataSecret, message.ciphertext)
  const aad = encode(senderDataAadCodec, message)
  const opened = suite.hpke.aead.open(keys.key, keys.nonce, aad, message.encryptedSenderData)
  if (opened === undefined)
    throw new MlsError('message.senderDataUndecryptable', 'The sender data does not open.')
  return decode(senderDataCodec, opened)
}

/**
 * Opens the content of a private message; its signature is still to be checked.
 *
 * @throws MlsError `message.undecryptable`, `message.badPadding`, `codec.*`
 */
export function openPrivateMessage(
  suite: CipherSuite,
  wire: Wire,
  message: PrivateMessage,
  sender: SenderData,
  key: MessageKey,
): AuthenticatedContent {
  const opened = suite.hpke.aead.open(
    key.key,
    guardedNonce(key.nonce, sender.reuseGuard),
    encode(contentAadCodec, message),
    message.ciphertext,
  )
  if (opened === undefined)
    throw new MlsError('message.undecryptable', `A message of leaf ${sender.leafIndex}.`)
  const { groupId, epoch, authenticatedData, contentType } = message
  const reader = readerOf(opened)
  const { body, auth } = privateContentCodec(wire, contentType, 0).read(reader)
  expectEnd(reader)
  const content: FramedContent = {
    groupId,
    epoch,
    sender: { kind: 'member', leafIndex: sender.leafIndex },
    authenticatedData,
    body,
  }
  return { wireFormat: wireFormats.privateMessage, content, auth }
}
