import { MultiRemoteAttachment as WireAttachments } from '@xmtp-ts/proto/mls/message_contents/content_types/multi_remote_attachment'
import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'
import { requireHttps, type RemoteAttachment } from './remote-attachment.ts'

export type MultiRemoteAttachment = { readonly attachments: readonly RemoteAttachment[] }

/** Several files that are kept elsewhere, each encrypted for itself. */
export const multiRemoteAttachmentType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'multiRemoteStaticAttachment',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.3. */
export const multiRemoteAttachmentCodec: ContentCodec<MultiRemoteAttachment> = {
  contentType: multiRemoteAttachmentType,
  encode({ attachments }) {
    for (const { url } of attachments) requireHttps(url)
    const wire = attachments.map(({ contentLength, filename, ...rest }) => ({
      ...rest,
      contentLength,
      filename,
    }))
    return {
      type: multiRemoteAttachmentType,
      parameters: {},
      content: WireAttachments.encode({ attachments: wire }).finish(),
    }
  },
  decode: ({ content }) => ({
    attachments: WireAttachments.decode(content).attachments.map((attachment) => ({
      ...attachment,
    })),
  }),
  fallback: () =>
    "Can't display this content. This app doesn't support multiple remote attachments.",
  shouldPush: () => true,
}
