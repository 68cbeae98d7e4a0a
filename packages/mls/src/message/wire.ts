import { empty } from '../bytes.ts'
import type { Codec } from '../codec/tls.ts'
import {
  decode,
  nothing,
  oneOf,
  opaque,
  optional,
  struct,
  tagged,
  uint16,
  uint32,
  uint64,
  uint8,
  vector,
} from '../codec/tls.ts'
import { MlsError } from '../errors.ts'
import type { HpkeCiphertext } from '../hpke/hpke.ts'
import { limits } from '../limits.ts'
import type { KeyPackage } from '../tree/key-package.ts'
import { keyPackageCodec } from '../tree/key-package.ts'
import type { LeafNode } from '../tree/leaf-node.ts'
import { leafNodeCodec } from '../tree/leaf-node.ts'
import { protocolVersion } from './group-context.ts'
import type { CustomProposalType, Proposal } from './proposal.ts'
import { proposalCodecWith } from './proposal.ts'
import type { GroupInfo, Welcome } from './welcome.ts'
import { groupInfoCodec, hpkeCiphertextCodec, welcomeCodec } from './welcome.ts'

/** Who sent a message (RFC 9420 §6). */
export type Sender =
  | { readonly kind: 'member'; readonly leafIndex: number }
  | { readonly kind: 'external'; readonly senderIndex: number }
  | { readonly kind: 'newMemberProposal' }
  | { readonly kind: 'newMemberCommit' }

/** A proposal in a commit, or the hash of one that was sent before (RFC 9420 §12.4). */
export type ProposalOrRef =
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  | { readonly kind: 'reference'; readonly reference: Uint8Array }

/** A new public key for one node, and its secret encrypted to everyone below (RFC 9420 §7.6). */
export type UpdatePathNode = {
  readonly encryptionKey: Uint8Array
  readonly encryptedPathSecret: readonly HpkeCiphertext[]
}

/** New keys from the committer's leaf up to the root (RFC 9420 §7.6). */
export type UpdatePath = { readonly leafNode: LeafNode; readonly nodes: readonly UpdatePathNode[] }

/** A set of proposals, applied together (RFC 9420 §12.4). */
export type Commit = {
  readonly proposals: readonly ProposalOrRef[]
  readonly path: UpdatePath | undefined
}

/** What a framed message carries (RFC 9420 §6). */
export type MessageBody =
  | { readonly kind: 'application'; readonly data: Uint8Array }
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  | { readonly kind: 'commit'; readonly commit: Commit }

/** FramedContent (RFC 9420 §6). */
export type FramedContent = {
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly sender: Sender
  readonly authenticatedData: Uint8Array
  readonly body: MessageBody
}

/** FramedContentAuthData: the tag is there for commits only (RFC 9420 §6.1). */
export type ContentAuth = {
  readonly signature: Uint8Array
  readonly confirmationTag: Uint8Array | undefined
}

/** Application 1, proposal 2, commit 3 (RFC 9420 §6). */
export type ContentType = 1 | 2 | 3

/** The two ways to frame a message of a group. */
export type GroupWireFormat = 1 | 2

/** A message, how it was framed and its signature: what transcripts and proposal references hash. */
export type AuthenticatedContent = {
  readonly wireFormat: GroupWireFormat
  readonly content: FramedContent
  readonly auth: ContentAuth
}

/** A signed message in the clear (RFC 9420 §6.2). */
export type PublicMessage = {
  readonly content: FramedContent
  readonly auth: ContentAuth
  readonly membershipTag: Uint8Array | undefined
}

/** A signed and encrypted message (RFC 9420 §6.3). */
export type PrivateMessage = {
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly contentType: ContentType
  readonly authenticatedData: Uint8Array
  readonly encryptedSenderData: Uint8Array
  readonly ciphertext: Uint8Array
}

/** Anything that travels (RFC 9420 §6). */
export type MlsMessage =
  | { readonly kind: 'publicMessage'; readonly message: PublicMessage }
  | { readonly kind: 'privateMessage'; readonly message: PrivateMessage }
  | { readonly kind: 'welcome'; readonly welcome: Welcome }
  | { readonly kind: 'groupInfo'; readonly groupInfo: GroupInfo }
  | { readonly kind: 'keyPackage'; readonly keyPackage: KeyPackage }

/** Wire formats of messages of a group (RFC 9420 §17.2). */
export const wireFormats = { publicMessage: 1, privateMessage: 2 } as const

/** Content types (RFC 9420 §6). */
export const contentTypes = { application: 1, proposal: 2, commit: 3 } as const

export const senderCodec = tagged<Sender>(uint8, 'sender_type', {
  member: [1, struct<{ leafIndex: number }>({ leafIndex: uint32 })],
  external: [2, struct<{ senderIndex: number }>({ senderIndex: uint32 })],
  newMemberProposal: [3, nothing],
  newMemberCommit: [4, nothing],
})

export const updatePathCodec = struct<UpdatePath>({
  leafNode: leafNodeCodec,
  nodes: vector(
    struct<UpdatePathNode>({
      encryptionKey: opaque,
      encryptedPathSecret: vector(hpkeCiphertextCodec),
    }),
  ),
})

export const contentTypeCodec = oneOf(uint8, [1, 2, 3], 'content_type')

export const privateMessageCodec = struct<PrivateMessage>({
  groupId: opaque,
  epoch: uint64,
  contentType: contentTypeCodec,
  authenticatedData: opaque,
  encryptedSenderData: opaque,
  ciphertext: opaque,
})

/** The codecs whose shape depends on which proposal types the application adds. */
export type Wire = {
  readonly proposal: Codec<Proposal>
  readonly commit: Codec<Commit>
  readonly content: Codec<FramedContent>
  readonly authenticatedContent: Codec<AuthenticatedContent>
  readonly body: (contentType: ContentType) => Codec<MessageBody>
  readonly message: Codec<MlsMessage>
  readonly customProposals: readonly CustomProposalType[]
}

/** Authentication data after content of a type: only commits have a confirmation tag (RFC 9420 §6.1). */
export function contentAuthCodec(contentType: ContentType): Codec<ContentAuth> {
  const isCommit = contentType === contentTypes.commit
  return {
    write(writer, auth) {
      opaque.write(writer, auth.signature)
      if (isCommit) opaque.write(writer, auth.confirmationTag ?? empty)
    },
    read: (reader) => ({
      signature: opaque.read(reader),
      confirmationTag: isCommit ? opaque.read(reader) : undefined,
    }),
  }
}

/** Builds the codecs for a set of application-defined proposal types. */
export function wireWith(customProposals: readonly CustomProposalType[]): Wire {
  const proposal = proposalCodecWith(customProposals)
  const proposalOrRef = tagged<ProposalOrRef>(uint8, 'proposal_or_ref', {
    proposal: [1, struct<{ proposal: Proposal }>({ proposal })],
    reference: [2, struct<{ reference: Uint8Array }>({ reference: opaque })],
  })
  const commit = struct<Commit>({
    proposals: vector(proposalOrRef),
    path: optional(updatePathCodec),
  })
  const body = (contentType: ContentType): Codec<MessageBody> =>
    bodyCodec(contentType, proposal, commit)
  const taggedBody: Codec<MessageBody> = {
    write(writer, value) {
      const contentType = contentTypes[value.kind]
      uint8.write(writer, contentType)
      body(contentType).write(writer, value)
    },
    read: (reader) => body(contentTypeCodec.read(reader)).read(reader),
  }
  const content = struct<FramedContent>({
    groupId: opaque,
    epoch: uint64,
    sender: senderCodec,
    authenticatedData: opaque,
    body: taggedBody,
  })
  return {
    proposal,
    commit,
    content,
    authenticatedContent: authenticatedContentCodec(content),
    body,
    message: messageCodec(content),
    customProposals,
  }
}

/** Content without its type, as it stands in a PrivateMessage (RFC 9420 §6.3.1). */
function bodyCodec(
  contentType: ContentType,
  proposal: Codec<Proposal>,
  commit: Codec<Commit>,
): Codec<MessageBody> {
  return {
    write(writer, value) {
      if (value.kind === 'application') opaque.write(writer, value.data)
      else if (value.kind === 'proposal') proposal.write(writer, value.proposal)
      else commit.write(writer, value.commit)
    },
    read(reader) {
      if (contentType === contentTypes.application)
        return { kind: 'application', data: opaque.read(reader) }
      if (contentType === contentTypes.proposal)
        return { kind: 'proposal', proposal: proposal.read(reader) }
      return { kind: 'commit', commit: commit.read(reader) }
    },
  }
}

function authenticatedContentCodec(content: Codec<FramedContent>): Codec<AuthenticatedContent> {
  const wireFormat = oneOf(uint16, [1, 2], 'wire_format')
  return {
    write(writer, value) {
      wireFormat.write(writer, value.wireFormat)
      content.write(writer, value.content)
      contentAuthCodec(contentTypes[value.content.body.kind]).write(writer, value.auth)
    },
    read(reader) {
      const format = wireFormat.read(reader)
      const framed = content.read(reader)
      const auth = contentAuthCodec(contentTypes[framed.body.kind]).read(reader)
      return { wireFormat: format, content: framed, auth }
    },
  }
}

function publicMessageCodec(content: Codec<FramedContent>): Codec<PublicMessage> {
  return {
    write(writer, message) {
      content.write(writer, message.content)
      contentAuthCodec(contentTypes[message.content.body.kind]).write(writer, message.auth)
      if (message.membershipTag !== undefined) opaque.write(writer, message.membershipTag)
    },
    read(reader) {
      const framed = content.read(reader)
      const auth = contentAuthCodec(contentTypes[framed.body.kind]).read(reader)
      const membershipTag = framed.sender.kind === 'member' ? opaque.read(reader) : undefined
      return { content: framed, auth, membershipTag }
    },
  }
}

function messageCodec(content: Codec<FramedContent>): Codec<MlsMessage> {
  const body = tagged<MlsMessage>(uint16, 'wire_format', {
    publicMessage: [
      1,
      struct<{ message: PublicMessage }>({ message: publicMessageCodec(content) }),
    ],
    privateMessage: [2, struct<{ message: PrivateMessage }>({ message: privateMessageCodec })],
    welcome: [3, struct<{ welcome: Welcome }>({ welcome: welcomeCodec })],
    groupInfo: [4, struct<{ groupInfo: GroupInfo }>({ groupInfo: groupInfoCodec })],
    keyPackage: [5, struct<{ keyPackage: KeyPackage }>({ keyPackage: keyPackageCodec })],
  })
  return {
    write(writer, message) {
      uint16.write(writer, protocolVersion)
      body.write(writer, message)
    },
    read(reader) {
      const version = uint16.read(reader)
      if (version !== protocolVersion)
        throw new MlsError('message.unsupportedVersion', `The message has version ${version}.`)
      return body.read(reader)
    },
  }
}

/** The codecs of RFC 9420 and draft-ietf-mls-extensions alone. */
export const standardWire: Wire = wireWith([])

/**
 * Decodes one MLSMessage (RFC 9420 §6) that fills `bytes` exactly.
 *
 * @throws MlsError `codec.*`, `message.unsupportedVersion`
 */
export function decodeMessage(bytes: Uint8Array, wire: Wire = standardWire): MlsMessage {
  if (bytes.length > limits.messageBytes)
    throw new MlsError('codec.tooLarge', `The message has ${bytes.length} bytes.`)
  return decode(wire.message, bytes)
}
