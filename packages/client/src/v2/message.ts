import type { XmtpError } from '@xmtp-ts/protocol'
import { nsToMs } from '../environment.ts'
import { ContentTypeId } from './content-type-id.ts'
import type { Conversation } from './conversation.ts'
import type { ReceivedMessage } from './receive.ts'

/** A message as apps see it. */
export type DecodedMessage<Content = unknown> = {
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
  readonly error?: XmtpError
  readonly contentFallback?: string
}

/** @param options.topic where it came: the conversation's topic, or its ephemeral twin */
export function decodedMessage<Content>(
  message: ReceivedMessage,
  { conversation, topic }: { conversation: Conversation<Content>; topic: string },
): DecodedMessage<Content> {
  const { id, createdNs, sender, content: contentBytes, received } = message
  const { clientAddress, peerAddress } = conversation
  return {
    id,
    messageVersion: 'v2',
    senderAddress: sender,
    recipientAddress: sender === clientAddress ? peerAddress : clientAddress,
    sent: new Date(nsToMs(createdNs)),
    sentNs: createdNs,
    contentTopic: topic,
    conversation,
    contentType: new ContentTypeId(received.type),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type that the app's codecs promise
    content: (received.content.ok ? received.content.value : undefined) as Content,
    contentBytes,
    ...(received.content.ok ? {} : { error: received.content.error }),
    ...(received.fallback === undefined ? {} : { contentFallback: received.fallback }),
  }
}
