import { XmtpError } from '@xmtp-ts/protocol'

/** Names what a content is. Plain data: any object with these four fields will do, class instances of other SDKs too. */
export type ContentTypeId = {
  readonly authorityId: string
  readonly typeId: string
  readonly versionMajor: number
  readonly versionMinor: number
}

/** Same authority and type, whatever the version: what one codec serves (v1-v2 §16.1). */
export function sameContentType(a: ContentTypeId, b: ContentTypeId): boolean {
  return a.authorityId === b.authorityId && a.typeId === b.typeId
}

/** `authority/type:major.minor`, as it stands in parameters and texts. */
export function formatContentType(id: ContentTypeId): string {
  return `${id.authorityId}/${id.typeId}:${id.versionMajor}.${id.versionMinor}`
}

/** Reads `authority/type:major.minor`. @throws XmtpError `content.malformed` */
export function parseContentType(text: string): ContentTypeId {
  const [, authorityId, typeId, major, minor] =
    /^([^/]+)\/([^:]+):(\d{1,9})\.(\d{1,9})$/.exec(text) ?? []
  if (authorityId === undefined || typeId === undefined)
    throw new XmtpError(
      'content.malformed',
      `Content type ${JSON.stringify(text.slice(0, 100))} does not parse.`,
    )
  return { authorityId, typeId, versionMajor: Number(major), versionMinor: Number(minor) }
}
