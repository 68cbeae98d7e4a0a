import { DeleteMessage as WireDeletion } from '@xmtp-ts/proto/mls/message_contents/content_types/delete_message'
import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'

export type DeleteMessage = {
  /** Of the message that is to go, hex. */
  readonly messageId: string
}

/** The wish to have a message shown no more; who may have it, readers decide (v3-mls §6.5). */
export const deleteMessageType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'deleteMessage',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.3. */
export const deleteMessageCodec: ContentCodec<DeleteMessage> = {
  contentType: deleteMessageType,
  encode: ({ messageId }) => ({
    type: deleteMessageType,
    parameters: {},
    content: WireDeletion.encode({ messageId }).finish(),
  }),
  decode({ content }) {
    const { messageId } = WireDeletion.decode(content)
    return { messageId }
  },
  fallback: () => undefined,
  shouldPush: () => false,
}
