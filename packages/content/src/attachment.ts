import type { ContentCodec } from './codec.ts'
import type { ContentTypeId } from './content-type.ts'

export type Attachment = {
  readonly filename?: string | undefined
  readonly mimeType: string
  readonly content: Uint8Array
}

/** A file inside the message, which has to fit into 1 MiB. Larger ones: `remoteAttachmentType`. */
export const attachmentType: ContentTypeId = {
  authorityId: 'xmtp.org',
  typeId: 'attachment',
  versionMajor: 1,
  versionMinor: 0,
}

/** v3-mls §6.3. The file name and the MIME type are the sender's words. */
export const attachmentCodec: ContentCodec<Attachment> = {
  contentType: attachmentType,
  encode: ({ filename, mimeType, content }) => ({
    type: attachmentType,
    parameters: { mimeType, ...(filename === undefined ? {} : { filename }) },
    content,
  }),
  decode: ({ parameters, content }) => ({
    filename: parameters['filename'],
    mimeType: parameters['mimeType'] ?? '',
    content,
  }),
  fallback: ({ filename = 'this content' }) =>
    `Can't display ${filename}. This app doesn't support attachments.`,
  shouldPush: () => true,
}
