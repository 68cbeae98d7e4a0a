import { DecodedMessage as WireMessage } from '@xmtp-ts/proto/message_contents/message'
import { XmtpError } from '@xmtp-ts/protocol'
import { msToNs, nsToMs } from '../environment.ts'
import type { Client } from './client.ts'
import { readContent, type ReadContent } from './content.ts'
import type { ContentTypeId } from './content-type-id.ts'
import type { Conversation } from './conversation.ts'
import type { ReceivedMessage } from './receive.ts'

type MessageFields<Content> = Omit<DecodedMessage<Content>, 'toBytes'>

/** A message as apps see it. */
// oxlint-disable-next-line typescript/no-explicit-any -- apps that name no content type get what xmtp-js gives them
export class DecodedMessage<Content = any> {
  /** Hex, 64 digits: how replies and reactions name it. */
  readonly id: string
  readonly messageVersion: 'v2'
  readonly senderAddress: string
  /** The other one of the two. */
  readonly recipientAddress: string
  readonly sent: Date
  /** The same time, exact. */
  readonly sentNs: bigint
  readonly contentTopic: string
  readonly conversation: Conversation<Content>
  readonly contentType: ContentTypeId
  /** undefined when `error` is set. */
  readonly content: Content
  /** The encoded EncodedContent. */
  readonly contentBytes: Uint8Array
  /** Why there is no content: no codec for its type, or the codec failed. Show `contentFallback` instead. */
  readonly error: XmtpError | undefined
  readonly contentFallback: string | undefined

  /** Made by the client. */
  constructor(fields: MessageFields<Content>) {
    this.id = fields.id
    this.messageVersion = fields.messageVersion
    this.senderAddress = fields.senderAddress
    this.recipientAddress = fields.recipientAddress
    this.sent = fields.sent
    this.sentNs = fields.sentNs
    this.contentTopic = fields.contentTopic
    this.conversation = fields.conversation
    this.contentType = fields.contentType
    this.content = fields.content
    this.contentBytes = fields.contentBytes
    this.error = fields.error
    this.contentFallback = fields.contentFallback
  }

  /**
   * The message as apps keep it, in the form of `@xmtp/xmtp-js` (v1-v2 §2.4), which either SDK reads. Plaintext: keep
   * it where nobody else reads.
   */
  toBytes(): Uint8Array {
    const { topic, peerAddress, createdAt, context, consentProof } = this.conversation
    return WireMessage.encode({
      id: this.id,
      messageVersion: this.messageVersion,
      senderAddress: this.senderAddress,
      recipientAddress: this.recipientAddress,
      sentNs: this.sentNs,
      contentTopic: this.contentTopic,
      contentBytes: this.contentBytes,
      conversation: {
        topic,
        peerAddress,
        createdNs: msToNs(createdAt.getTime()),
        context: context && { ...context, metadata: { ...context.metadata } },
        consentProofPayload: consentProof,
      },
    }).finish()
  }

  /**
   * A message that `toBytes` of this or of the published SDK wrote. Who wrote it was checked when it came, not here:
   * read only what you kept yourself. Asks the network for the conversation if the client has not seen it yet.
   * @throws XmtpError `v2.message.malformed`, `v2.message.notParticipant` when the account takes no part in it,
   * `content.malformed`, `client.network.*`, `client.node.*`
   */
  static async fromBytes<Content>(
    bytes: Uint8Array,
    client: Client<Content>,
  ): Promise<DecodedMessage<Content>> {
    const stored = decodeStored(bytes)
    const { peerAddress, topic } = stored.conversation
    const conversation = await client.conversations.ofTopic(topic, peerAddress)
    const { senderAddress, recipientAddress, sentNs, contentTopic, contentBytes } = stored
    return new DecodedMessage<Content>({
      id: stored.id,
      messageVersion: 'v2',
      senderAddress,
      recipientAddress: recipientAddress ?? otherOf(conversation, senderAddress),
      sent: new Date(nsToMs(sentNs)),
      sentNs,
      contentTopic,
      contentBytes,
      conversation,
      ...(await client.decodeContent(contentBytes)),
    })
  }
}

/** @param options.topic where it came: the conversation's topic, or its ephemeral twin */
export function decodedMessage<Content>(
  message: ReceivedMessage,
  { conversation, topic }: { conversation: Conversation<Content>; topic: string },
): DecodedMessage<Content> {
  const { id, createdNs, sender, content: contentBytes, received } = message
  const read: ReadContent<Content> = readContent(received)
  return new DecodedMessage({
    id,
    messageVersion: 'v2',
    senderAddress: sender,
    recipientAddress: otherOf(conversation, sender),
    sent: new Date(nsToMs(createdNs)),
    sentNs: createdNs,
    contentTopic: topic,
    conversation,
    contentBytes,
    ...read,
  })
}

function otherOf({ clientAddress, peerAddress }: Conversation, sender: string): string {
  return sender === clientAddress ? peerAddress : clientAddress
}

function decodeStored(bytes: Uint8Array) {
  const { conversation, messageVersion, ...stored } = decodeWire(bytes)
  if (messageVersion !== 'v2' || conversation === undefined)
    throw new XmtpError('v2.message.malformed', `${bytes.length} bytes are no stored V2 message.`)
  return { ...stored, conversation }
}

function decodeWire(bytes: Uint8Array): WireMessage {
  try {
    return WireMessage.decode(bytes)
  } catch (cause) {
    throw new XmtpError('v2.message.malformed', `${bytes.length} bytes are no message.`, { cause })
  }
}
