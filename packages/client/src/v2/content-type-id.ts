import {
  formatContentType,
  parseContentType,
  sameContentType,
  type AnyCodec,
  type ContentTypeId as ContentTypeData,
} from '@xmtp-ts/content'

/** A content type with the methods that apps and codecs written for `@xmtp/xmtp-js` call on it. */
export class ContentTypeId implements ContentTypeData {
  readonly authorityId: string
  readonly typeId: string
  readonly versionMajor: number
  readonly versionMinor: number

  constructor({ authorityId, typeId, versionMajor, versionMinor }: ContentTypeData) {
    this.authorityId = authorityId
    this.typeId = typeId
    this.versionMajor = versionMajor
    this.versionMinor = versionMinor
  }

  /** Reads `authority/type:major.minor`. @throws XmtpError `content.malformed` */
  static fromString(text: string): ContentTypeId {
    return new ContentTypeId(parseContentType(text))
  }

  toString(): string {
    return formatContentType(this)
  }

  /** Same authority and type; versions do not count. */
  sameAs(other: ContentTypeData): boolean {
    return sameContentType(this, other)
  }
}

/** A codec that is handed types with methods, as it may expect. */
export function withTypeMethods(codec: AnyCodec): AnyCodec {
  return {
    contentType: codec.contentType,
    encode: (content, registry) => codec.encode(content, registry),
    decode: (encoded, registry) =>
      codec.decode({ ...encoded, type: new ContentTypeId(encoded.type) }, registry),
    fallback: (content) => codec.fallback(content),
    shouldPush: (content) => codec.shouldPush(content),
  }
}
