import { EncodedContent as WireContent } from '@xmtp-ts/proto/message_contents/content'
import type { ContentCodec } from './codec.ts'
import { formatContentType, sameContentType, type ContentTypeId } from './content-type.ts'
import { undecodable } from './json.ts'
import { codecOf, toWire } from './nested.ts'
import { textType } from './text.ts'

export type Reply = {
  /** The id of the message, hex. */
  readonly reference: string
  /** Who sent that message. */
  readonly referenceInboxId?: string | undefined
  readonly contentType: ContentTypeId
  /** What the codec of `contentType` takes and gives. */
  readonly content: unknown
}

/** Content in answer to a message. */
export const replyType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'reply',
  versionMajor: 1,
  versionMinor: 0,
}

/**
 * The codec of replies (v3-mls §6.3). What is inside needs its codec in the registry, to be written and to be read:
 * without it the whole fails with `content.unknownType`.
 */
export const replyCodec: ContentCodec<Reply> = {
  contentType: replyType,
  encode({ reference, referenceInboxId, contentType, content }, registry) {
    const codec = codecOf(contentType, registry)
    const encoded = codec.encode(content, registry)
    const fallback = codec.fallback(content) ?? encoded.fallback
    return {
      type: replyType,
      parameters: {
        reference,
        // Nobody needs it any more, but old readers look for it.
        contentType: formatContentType(encoded.type),
        ...(referenceInboxId === undefined ? {} : { referenceInboxId }),
      },
      content: WireContent.encode(toWire({ ...encoded, fallback })).finish(),
    }
  },
  decode({ parameters, content }, registry) {
    const { type, compression, ...inner } = WireContent.decode(content)
    if (type === undefined) throw undecodable('The content of a reply has no type.')
    if (compression !== undefined) throw undecodable('The content of a reply is compressed.')
    return {
      reference: parameters['reference'] ?? '',
      referenceInboxId: parameters['referenceInboxId'],
      contentType: type,
      content: codecOf(type, registry).decode({ ...inner, type }, registry),
    }
  },
  fallback: ({ contentType, content }) =>
    typeof content === 'string' && sameContentType(contentType, textType)
      ? `Replied with "${content}" to an earlier message`
      : 'Replied to an earlier message',
  shouldPush: () => true,
}
